#![no_main]

fuzz::target!("retry_after");

#![no_main]

fuzz::target!("jws");

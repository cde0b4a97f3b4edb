#![no_main]

fuzz::target!("world");

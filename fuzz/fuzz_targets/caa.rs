#![no_main]

fuzz::target!("caa");

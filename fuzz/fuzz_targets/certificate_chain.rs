#![no_main]

fuzz::target!("certificate_chain");

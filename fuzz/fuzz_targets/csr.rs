#![no_main]

fuzz::target!("csr");

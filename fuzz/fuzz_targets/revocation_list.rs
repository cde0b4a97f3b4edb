#![no_main]

fuzz::target!("revocation_list");

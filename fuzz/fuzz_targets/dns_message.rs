#![no_main]

fuzz::target!("dns_message");

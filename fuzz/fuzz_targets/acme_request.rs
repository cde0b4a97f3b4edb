#![no_main]

fuzz::target!("acme_request");

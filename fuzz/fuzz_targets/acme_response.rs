#![no_main]

fuzz::target!("acme_response");

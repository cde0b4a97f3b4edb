#![no_main]

fuzz::target!("ocsp_response");

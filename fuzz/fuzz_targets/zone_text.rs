#![no_main]

fuzz::target!("zone_text");

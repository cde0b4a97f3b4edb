#![no_main]

fuzz::target!("pebble_config");

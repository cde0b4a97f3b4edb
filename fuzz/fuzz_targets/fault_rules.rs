#![no_main]

fuzz::target!("fault_rules");

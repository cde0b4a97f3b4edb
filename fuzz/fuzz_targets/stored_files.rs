#![no_main]

fuzz::target!("stored_files");

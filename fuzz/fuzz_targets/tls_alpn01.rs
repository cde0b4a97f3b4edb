#![no_main]

fuzz::target!("tls_alpn01");

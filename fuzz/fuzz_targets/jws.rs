//! The CA's strict JWS reader: no bytes make it panic, and what it accepts, the oracles' own reader
//! understands the same way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scenarios::oracles::reader::jws::Jws;

fuzz_target!(|body: &[u8]| {
    if let Ok(request) = ca_mock::read_signed_request(body) {
        let seen = Jws::read(body).expect("the oracles read what the CA accepts");
        assert_eq!(seen.url(), Some(request.url.as_str()));
        assert_eq!(seen.nonce(), request.nonce.as_deref());
        assert_eq!(seen.payload_bytes, request.payload);
    }
});

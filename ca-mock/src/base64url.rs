//! base64url without padding, read strictly (RFC 8555 §6.1, RFC 7515 §2).
//!
//! Padding, line breaks, the standard alphabet and non-zero trailing bits are all refused: two spellings
//! of one value would let a token or a nonce pass for two.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `None` if `text` is not the canonical base64url of anything.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_read() {
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        assert_eq!(encode([0xff, 0xef]), "_-8");
        for bad in ["_-8=", "/+8", "_-9", "_-8\n", " _-8", "a"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(256))]

        #[test]
        fn octets_come_back_and_what_is_read_is_what_would_be_written(
            octets in vec(any::<u8>(), 0..40),
            text in "[A-Za-z0-9_-]{0,9}[=+/\\n ]?",
        ) {
            prop_assert_eq!(decode(&encode(&octets)), Some(octets));
            if let Some(octets) = decode(&text) {
                prop_assert_eq!(encode(octets), text);
            }
        }
    }
}

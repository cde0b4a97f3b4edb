//! Serial numbers that come twice, or that can be guessed.
//!
//! <https://community.letsencrypt.org/t/200155>,
//! <https://bugzilla.mozilla.org/show_bug.cgi?id=1531800>
//!
//! A serial number names a certificate: to revocation lists, to OCSP and to renewal information. In June 2023 Let's
//! Encrypt signed two different certificates with one number while a new version was being deployed, 645 times. In 2019
//! it was found that EJBCA, set to eight octets, drew sixty-four bits and threw away what was negative: sixty-three
//! bits, one too few, and CAs had millions of certificates to revoke. Pebble draws as many to this day.
//!
//! Seam: [`SerialNumbers`]. To be caught by `ca.serial-numbers`: the first one with the second certificate, the other
//! one when so many are shorter than sixty-four bits that it can't be chance.

use sim::Env;

use crate::certificates::{Serial, SerialNumbers};

/// Who has given out a number gives it out again.
pub const SERIAL_COLLISION: SerialNumbers = SerialNumbers(|env, issued| {
    let former = issued.iter().next().map(|certificate| certificate.id.serial.clone());
    former.unwrap_or_else(|| Serial::draw(env))
});

/// Eight octets, of which the first bit is always 0.
pub const SERIAL_SHORT: SerialNumbers = SerialNumbers(|env, _| sixty_three_bits(env));

fn sixty_three_bits(env: &Env) -> Serial {
    let mut magnitude: [u8; 8] = env.entropy("ca/serial number");
    magnitude[0] = (magnitude[0] & 0x7f).max(1);
    Serial::from_magnitude(&magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn short_numbers_have_eight_octets_and_are_positive() {
        testing::with_env(|env| {
            for _ in 0..100 {
                let serial = sixty_three_bits(&env);
                assert!(serial.octets().len() == 8 && serial.octets()[0] < 0x80);
            }
        });
    }
}

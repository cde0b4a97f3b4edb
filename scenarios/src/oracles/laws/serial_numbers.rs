//! `ca.serial-numbers`: a certificate's serial number is its own, positive, short enough, and hard to guess.
//!
//! RFC 5280 §4.1.2.2 has it positive, at most 20 octets long and unique for the issuer; Baseline Requirements §7.1 have
//! it contain 64 random bits. One number can't show how it was drawn, but many can: a number below 2^63 is an accident
//! with one half, a second one with one quarter. What is less likely than one in a million is found.

use std::sync::Arc;

use sim::trace::Event;

use super::{KEPT_MAX, certificates::downloaded};
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{certificate::Certificate, http::Moment},
    recent::Recent,
};

/// RFC 5280 §4.1.2.2. In hex.
const DIGITS_MAX: usize = 40;
const RANDOM_BITS: u32 = 64;
/// That numbers are so short by chance has a probability of 1 in 2 to the power of this.
const BITS_OF_DOUBT: u32 = 20;

/// The issuer: the CA's host and the issuer's name.
type Issuer = (Option<Arc<str>>, String);

/// The law.
#[derive(Debug)]
pub(crate) struct SerialNumbers {
    named: Recent<(Issuer, String), Certificate>,
    issuers: Recent<Issuer, Drawn>,
}

/// What one issuer's numbers are like.
#[derive(Debug, Default)]
struct Drawn {
    count: u32,
    /// Of the longest one.
    bits: u32,
    is_found: bool,
}

impl Default for SerialNumbers {
    fn default() -> Self {
        Self { named: Recent::new(KEPT_MAX), issuers: Recent::new(KEPT_MAX) }
    }
}

impl Law for SerialNumbers {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if let Some(Event::SetBack { .. }) = seen.event() {
            *self = Self::default();
        }
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Answered) else { return };
        let Some(certificate) = downloaded(step) else { return };
        let (serial, issuer) = (certificate.serial.clone(), (step.server.clone(), certificate.issuer.clone()));
        let former = self.named.insert((issuer.clone(), serial.clone()), certificate.clone());
        if former.as_ref() == Some(&certificate) {
            return;
        }
        verdict.exercise(seen.moment);
        let mut find = |message: String| verdict.find(seen.moment, message);
        if former.is_some() {
            find(format!(
                "{} should give each certificate a serial number of its own, but two have {serial}",
                issuer.1
            ));
        }
        if !is_positive(&serial) {
            find(format!("a serial number should be positive, but one is {serial}"));
        }
        if serial.len() > DIGITS_MAX {
            find(format!("a serial number should have 20 octets at most, but one is {serial}"));
        }
        let drawn = self.issuers.get_or_insert_with(issuer.clone(), Drawn::default);
        drawn.count += 1;
        drawn.bits = drawn.bits.max(bits(&serial));
        let doubt = RANDOM_BITS.saturating_sub(drawn.bits).saturating_mul(drawn.count);
        if doubt >= BITS_OF_DOUBT && !std::mem::replace(&mut drawn.is_found, true) {
            let Drawn { count, bits, .. } = drawn;
            find(format!(
                "serial numbers of {} should have 64 random bits, but the longest of {count} has {bits}: {serial}",
                issuer.1
            ));
        }
    }
}

/// Of content octets in hex: not zero, and without the bit that makes it negative.
fn is_positive(serial: &str) -> bool {
    matches!(serial.bytes().next(), Some(b'0'..=b'7')) && serial.bytes().any(|digit| digit != b'0')
}

/// How long the number is without what it begins with in zeros.
fn bits(serial: &str) -> u32 {
    let digits = serial.trim_start_matches('0');
    let first = digits.chars().next().and_then(|digit| digit.to_digit(16)).unwrap_or_default();
    let rest = u32::try_from(digits.len().saturating_sub(1)).unwrap_or(u32::MAX);
    (u32::BITS - first.leading_zeros()).saturating_add(rest.saturating_mul(4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "ca.serial-numbers";

    /// A story of certificates with these serial numbers.
    fn story(serials: &[&[u8]]) -> Story {
        let mut story = Story::new();
        for serial in serials {
            let order = story.new_order(&["a.test"]);
            story.finalize(&["a.test"], &["a.test"], order);
            let certificate = Issued::numbered(&["a.test"], 0, 1, serial);
            story.download(order, &certificate);
            story.download(order, &certificate);
        }
        story
    }

    #[test]
    fn long_numbers_that_differ_are_well() {
        story(&[&[1; 16], &[2; 16], &[3; 20]]).keeps(LAW);
    }

    #[test]
    fn one_number_for_two_certificates_is_found() {
        story(&[&[1; 16], &[1; 16]]).breaks(LAW, "two have 0101");
    }

    #[test]
    fn a_number_that_is_too_long_or_short_is_found() {
        story(&[&[1; 21]]).breaks(LAW, "20 octets at most");
        story(&[&[1; 5]]).breaks(LAW, "the longest of 1 has 33");
    }

    #[test]
    fn many_numbers_of_sixty_three_bits_are_found_and_a_few_may_be_chance() {
        let serials: Vec<[u8; 8]> = (0..20).map(|number| [0x7f, 0, 0, 0, 0, 0, 0, number]).collect();
        let serials: Vec<&[u8]> = serials.iter().map(<[u8; 8]>::as_slice).collect();
        story(&serials[..19]).keeps(LAW);
        story(&serials).breaks(LAW, "the longest of 20 has 63");
    }

    #[test]
    fn the_sign_and_the_length_are_read_from_the_octets() {
        for (serial, positive, length) in
            [("00", false, 0), ("80", false, 8), ("0080", true, 8), ("01", true, 1), ("7f00", true, 15)]
        {
            assert_eq!((is_positive(serial), bits(serial)), (positive, length), "{serial}");
        }
    }

    #[test]
    fn a_number_is_given_though_nobody_got_the_certificate() {
        let mut story = story(&[&[1; 16]]);
        let order = story.new_order(&["a.test"]);
        story.finalize(&["a.test"], &["a.test"], order);
        story.download(order, &Issued::numbered(&["a.test"], 0, 1, &[1; 16]));
        story.lose_answer();
        story.breaks(LAW, "two have 0101");
    }
}

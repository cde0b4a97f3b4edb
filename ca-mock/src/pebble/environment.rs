//! Pebble's environment variables: the dice. Here they are drawn from the seed.
//!
//! As in Pebble, a value that can't be read is as if the variable was not set; here it is told as well.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use crate::Config;

/// The variables that are read.
pub const VARIABLES: [&str; 8] = [
    "PEBBLE_WFE_NONCEREJECT",
    "PEBBLE_AUTHZREUSE",
    "PEBBLE_VA_NOSLEEP",
    "PEBBLE_VA_SLEEPTIME",
    "PEBBLE_VA_ALWAYS_VALID",
    "PEBBLE_WFE_ORDERS_PER_PAGE",
    "PEBBLE_ALTERNATE_ROOTS",
    "PEBBLE_CHAIN_LENGTH",
];

/// Pebble's, so that a client that does not turn the page is found out.
const ORDERS_PER_PAGE: u64 = 3;

/// What the variables say, with Pebble's values for those that are not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// What can't be read or is not honoured, a sentence each.
    pub warnings: Vec<String>,
    nonce_rejection_percent: u8,
    authorization_reuse_percent: u8,
    validation_delay_max: Duration,
    always_valid: bool,
    /// As the CA has it if absent.
    orders_per_page: Option<NonZeroUsize>,
    alternate_roots: u32,
    chain_length: NonZeroU32,
}

/// So many keys are made before anything is served, and so many links go with each certificate.
const AUTHORITIES_MAX: u32 = 20;

impl Environment {
    /// Reads what `value_of` has for each of [`VARIABLES`].
    pub fn read(value_of: impl Fn(&str) -> Option<String>) -> Self {
        let mut warnings = Vec::new();
        let mut number = |name: &str, default: u64| {
            let Some(text) = value_of(name).filter(|text| !text.is_empty()) else { return default };
            text.trim().parse().unwrap_or_else(|_| {
                warnings.push(format!("{name}={text} is no whole number; {default} counts"));
                default
            })
        };
        // Of all requests, or of all but one in a hundred, which is what Pebble makes of more.
        let percent = |number: u64| u8::try_from(number).ok().filter(|percent| *percent <= 100).unwrap_or(99);
        let nonce_rejection_percent = percent(number("PEBBLE_WFE_NONCEREJECT", 5));
        let authorization_reuse_percent = percent(number("PEBBLE_AUTHZREUSE", 50));
        let delay_max = number("PEBBLE_VA_SLEEPTIME", 5).min(86_400);
        let orders_per_page = number("PEBBLE_WFE_ORDERS_PER_PAGE", ORDERS_PER_PAGE);
        let alternate_roots = number("PEBBLE_ALTERNATE_ROOTS", 0);
        let chain_length = number("PEBBLE_CHAIN_LENGTH", 1);
        let mut within = |name: &str, asked: u64, min: u32| {
            let given = u32::try_from(asked).unwrap_or(u32::MAX).clamp(min, AUTHORITIES_MAX);
            if u64::from(given) != asked {
                warnings.push(format!("{name}={asked} is not from {min} to {AUTHORITIES_MAX}; {given} counts"));
            }
            given
        };
        let alternate_roots = within("PEBBLE_ALTERNATE_ROOTS", alternate_roots, 0);
        let chain_length = NonZeroU32::new(within("PEBBLE_CHAIN_LENGTH", chain_length, 1)).unwrap_or(NonZeroU32::MIN);
        let is_set = |name| value_of(name).is_some_and(|text| matches!(text.as_str(), "1" | "true" | "True" | "TRUE"));
        Self {
            nonce_rejection_percent,
            authorization_reuse_percent,
            validation_delay_max: Duration::from_secs(if is_set("PEBBLE_VA_NOSLEEP") { 0 } else { delay_max }),
            always_valid: is_set("PEBBLE_VA_ALWAYS_VALID"),
            orders_per_page: usize::try_from(orders_per_page).ok().and_then(NonZeroUsize::new),
            alternate_roots,
            chain_length,
            warnings,
        }
    }

    /// Lets the CA be so.
    pub fn apply(&self, config: &mut Config) {
        config.nonce_rejection_percent = self.nonce_rejection_percent;
        config.authorization_reuse_percent = self.authorization_reuse_percent;
        config.validation_delay_max = self.validation_delay_max;
        config.always_valid = self.always_valid;
        config.orders_per_page = self.orders_per_page.unwrap_or(config.orders_per_page);
        config.hierarchy.alternate_roots = self.alternate_roots;
        config.hierarchy.intermediates = self.chain_length;
    }

    /// What is left to chance, a sentence each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("Configured to reject {}% of good nonces", self.nonce_rejection_percent),
            format!(
                "Configured to attempt authz reuse for each identifier {}% of the time",
                self.authorization_reuse_percent
            ),
        ];
        lines.push(match self.validation_delay_max.as_secs() {
            0 => "Disabling random VA sleeps".to_owned(),
            max => format!("Setting maximum random VA sleep time to {max} seconds"),
        });
        if self.always_valid {
            lines.push("Disabling VA challenge requests. VA always returns valid".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Environment {
        Environment::read(|name| set.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_is_not_set_is_as_in_pebble() {
        let environment = read(&[]);
        assert_eq!(environment.warnings, Vec::<String>::new());
        assert_eq!((environment.nonce_rejection_percent, environment.authorization_reuse_percent), (5, 50));
        assert_eq!((environment.validation_delay_max, environment.always_valid), (Duration::from_secs(5), false));
    }

    #[test]
    fn what_is_set_counts_and_what_cannot_be_read_or_honoured_is_told() {
        let environment = read(&[
            ("PEBBLE_WFE_NONCEREJECT", "100"),
            ("PEBBLE_AUTHZREUSE", "0"),
            ("PEBBLE_VA_NOSLEEP", "1"),
            ("PEBBLE_VA_ALWAYS_VALID", "true"),
        ]);
        assert_eq!((environment.nonce_rejection_percent, environment.authorization_reuse_percent), (100, 0));
        assert_eq!((environment.validation_delay_max, environment.always_valid), (Duration::ZERO, true));

        let environment = read(&[
            ("PEBBLE_WFE_NONCEREJECT", "300"),
            ("PEBBLE_AUTHZREUSE", "often"),
            ("PEBBLE_ALTERNATE_ROOTS", "2"),
            ("PEBBLE_CHAIN_LENGTH", "0"),
        ]);
        assert_eq!((environment.nonce_rejection_percent, environment.authorization_reuse_percent), (99, 50));
        assert_eq!((environment.alternate_roots, environment.chain_length), (2, NonZeroU32::MIN));
        let [unread, length] = &environment.warnings[..] else { panic!("{:?}", environment.warnings) };
        assert!(unread.contains("PEBBLE_AUTHZREUSE=often") && length.contains("PEBBLE_CHAIN_LENGTH=0"));
    }
}

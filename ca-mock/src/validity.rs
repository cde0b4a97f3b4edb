//! From when to when a certificate is good, if its order says so (`notBefore` and `notAfter`, RFC 8555 §7.1.3).

use sim::UtcDateTime;
use time::{Duration, format_description::well_known::Rfc3339};

use crate::{
    config::Config,
    problem::Problem,
    profiles::Profile,
    timestamp::{after, before, whole_seconds},
};

/// Says the last second of a certificate, from its first one and how long it is good for.
#[derive(Clone, Copy, Debug)]
pub struct LastSecond(pub(crate) fn(UtcDateTime, std::time::Duration) -> UtcDateTime);

impl LastSecond {
    /// notAfter is part of the validity (RFC 5280 §4.1.2.5).
    pub const INCLUSIVE: Self =
        Self(|not_before, validity| after(not_before, validity).saturating_sub(Duration::SECOND));
}

/// What an order asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestedValidity {
    pub(crate) not_before: Option<UtcDateTime>,
    pub(crate) not_after: Option<UtcDateTime>,
}

impl RequestedValidity {
    /// RFC 8555 §7.4: what is not as the client asked must not be issued, so what can't be had is refused.
    pub(crate) fn read(
        config: &Config,
        profile: &Profile,
        (not_before, not_after): (Option<&str>, Option<&str>),
        now: UtcDateTime,
    ) -> Result<Self, Problem> {
        if !config.honors_requested_validity && (not_before.is_some() || not_after.is_some()) {
            return Err(Problem::malformed("notBefore and notAfter cannot be chosen at this CA"));
        }
        let time = |member: &str, text: &str| {
            let at = UtcDateTime::parse(text, &Rfc3339)
                .map_err(|e| Problem::malformed(format!("{member:?} is no time of RFC 3339: {e}")))?;
            Ok::<_, Problem>(whole_seconds(at))
        };
        let requested = Self {
            not_before: not_before.map(|text| time("notBefore", text)).transpose()?,
            not_after: not_after.map(|text| time("notAfter", text)).transpose()?,
        };
        let (from, until) = requested.dates(config, profile, now);
        if until <= from || until <= now {
            return Err(Problem::malformed("the certificate would never be valid: see notBefore and notAfter"));
        }
        Ok(requested)
    }

    /// notBefore and notAfter of a certificate that is issued `now`.
    pub(crate) fn dates(self, config: &Config, profile: &Profile, now: UtcDateTime) -> (UtcDateTime, UtcDateTime) {
        let not_before = self.not_before.unwrap_or_else(|| whole_seconds(before(now, config.backdate)));
        let validity = profile.validity.unwrap_or(config.validity);
        let not_after = self.not_after.unwrap_or_else(|| (config.last_second.0)(not_before, validity));
        (not_before, not_after)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    const NOW: UtcDateTime = utc_datetime!(2026-01-01 00:00);

    fn read(not_before: Option<&str>, not_after: Option<&str>) -> Result<RequestedValidity, Problem> {
        let config = Config { honors_requested_validity: true, ..Config::default() };
        RequestedValidity::read(&config, &Profile::default(), (not_before, not_after), NOW)
    }

    #[test]
    fn what_is_asked_for_is_taken_and_the_rest_is_as_the_ca_has_it() {
        let config = Config::default();
        let asked = read(Some("2026-01-02T01:00:00.9+01:00"), None).unwrap();
        let (from, until) = asked.dates(&config, &Profile::default(), NOW);
        assert_eq!(from, utc_datetime!(2026-01-02 00:00));
        assert_eq!(until, utc_datetime!(2026-04-01 23:59:59));
        let (from, until) = read(None, Some("2026-01-03T00:00:00Z")).unwrap().dates(&config, &Profile::default(), NOW);
        assert_eq!((from, until), (before(NOW, config.backdate), utc_datetime!(2026-01-03 00:00)));
        assert_eq!(read(None, None), Ok(RequestedValidity::default()));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (not_before, not_after) in [
            (Some("tomorrow"), None),
            (None, Some("2026-01-03")),
            (None, Some("2026-01-01T00:00:00Z")),
            (Some("2026-01-03T00:00:00Z"), Some("2026-01-02T00:00:00Z")),
            (Some("2020-01-01T00:00:00Z"), None),
        ] {
            read(not_before, not_after).expect_err("this can't be");
        }
        RequestedValidity::read(&Config::default(), &Profile::default(), (None, Some("2026-01-03T00:00:00Z")), NOW)
            .expect_err("not offered");
    }
}

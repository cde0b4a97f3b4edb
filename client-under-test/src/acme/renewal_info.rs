//! Renewal information (RFC 9773, "ARI"): when the CA suggests to renew a certificate.
//!
//! Reads what a CA says; which moment in the window is taken, and what happens without one, is the
//! manager's business.

use std::{fmt, io, time::Duration};

use time::UtcDateTime;

use super::{
    Error,
    address::Address,
    client::Client,
    http::{HttpError, Response},
    jws::base64url,
    reading::{Document, words},
};

/// The next look without a `Retry-After` (RFC 9773 §4.3.2 suggests it).
pub const POLL_DEFAULT: Duration = Duration::from_secs(6 * 3_600);
/// A shorter `Retry-After` than this means this.
pub const POLL_MIN: Duration = Duration::from_secs(60);
/// A longer `Retry-After` than this means this, so that a CA in trouble is still heard in time.
pub const POLL_MAX: Duration = Duration::from_secs(24 * 3_600);

/// What renewal information calls a certificate (RFC 9773 §4.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CertId(String);

impl CertId {
    /// From the authority key identifier's `keyIdentifier` and the serial number's DER content; a
    /// number whose high bit is set has a leading zero octet there, which belongs to it.
    #[must_use]
    pub fn new(authority_key_id: &[u8], serial_der: &[u8]) -> Self {
        Self(format!("{}.{}", base64url(authority_key_id), base64url(serial_der)))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The time in which a CA suggests to renew. It is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    start: UtcDateTime,
    end: UtcDateTime,
}

impl Window {
    /// A window; `None` unless `start` is before `end` (RFC 9773 §4.2).
    #[must_use]
    pub fn new(start: UtcDateTime, end: UtcDateTime) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// When it begins.
    #[must_use]
    pub fn start(self) -> UtcDateTime {
        self.start
    }

    /// When it ends.
    #[must_use]
    pub fn end(self) -> UtcDateTime {
        self.end
    }
}

/// What a CA says about a certificate's renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalInfo {
    /// When it suggests to renew.
    pub window: Window,
    /// How long it asks to be left alone, if it says so.
    pub retry_after: Option<Duration>,
    /// A page for people about why.
    pub explanation: Option<String>,
}

impl RenewalInfo {
    /// Reads what an answer says.
    ///
    /// # Errors
    /// [`Error::Unusable`] if it says nothing of a window, or that of one that ends before it begins.
    pub fn read(response: &Response) -> Result<Self, Error> {
        let unusable = |what| Error::unusable(response, what);
        let document = Document::parse(&response.body, &response.url).ok_or_else(|| unusable("it is not JSON"))?;
        let window = document.object("suggestedWindow").ok_or_else(|| unusable("it has no suggestedWindow"))?;
        let (Some(start), Some(end)) = (window.time("start"), window.time("end")) else {
            return Err(unusable("its window lacks a start or an end"));
        };
        Ok(Self {
            window: Window::new(start, end).ok_or_else(|| unusable("its window ends before it starts"))?,
            retry_after: response.retry_after,
            explanation: document.text("explanationURL").map(words),
        })
    }
}

/// How long to leave a CA alone that asked for `retry_after`, or for nothing.
#[must_use]
pub fn poll_after(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or(POLL_DEFAULT).clamp(POLL_MIN, POLL_MAX)
}

/// How long to leave a CA alone that has given no renewal information; `None` if it is asked again soon, and ever less often
/// (RFC 9773 §4.3.3).
#[must_use]
pub fn poll_after_error(error: &Error) -> Option<Duration> {
    let is_temporary = match error {
        Error::Http(HttpError::Connect { source, .. }) => source.kind() != io::ErrorKind::ConnectionRefused,
        Error::Http(HttpError::Broken { .. } | HttpError::TimedOut { .. }) => true,
        Error::Http(HttpError::Address { .. } | HttpError::Lookup { .. } | HttpError::TooLong { .. }) => false,
        Error::Refused { problem, .. } => problem.status.is_some_and(|status| status >= 500),
        Error::Unusable { .. }
        | Error::NotYet { .. }
        | Error::NotAuthorized { .. }
        | Error::NoChallenge { .. }
        | Error::OrderInvalid { .. }
        | Error::NotOffered { .. }
        | Error::ExternalAccountRequired
        | Error::TermsNotAgreed { .. }
        | Error::Certificate(_) => false,
    };
    (!is_temporary).then(|| poll_after(error.retry_after()))
}

impl Client {
    /// Asks for a certificate's renewal information; `None` if this CA has none for any certificate.
    ///
    /// # Errors
    /// [`Error`] if the CA does not answer, refuses, or says something unusable.
    pub async fn renewal_info(&mut self, id: &CertId) -> Result<Option<RenewalInfo>, Error> {
        let Some(base) = &self.directory().renewal_info else { return Ok(None) };
        let url = resource(base, id)?;
        let response = self.get(&url).await?;
        RenewalInfo::read(&response).map(Some)
    }
}

/// The directory's address, a slash and the identifier (RFC 9773 §4.1).
fn resource(base: &Address, id: &CertId) -> Result<Address, Error> {
    base.below(id.as_str()).ok_or_else(|| Error::NotOffered { what: format!("renewal information below {base}") })
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, StatusCode};
    use time::macros::utc_datetime;

    use super::*;

    fn read(body: &str, retry_after: Option<Duration>) -> Result<RenewalInfo, Error> {
        RenewalInfo::read(&Response {
            url: "https://ca.test/renewal-info/x".parse().unwrap(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            retry_after,
            body: body.to_owned().into(),
        })
    }

    const EXAMPLE: &str = r#"{"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z"},
        "explanationURL": "https://acme.example.com/docs/ari"}"#;

    #[test]
    fn rfc_9773s_example_is_read_with_and_without_retry_after() {
        let info = read(EXAMPLE, Some(Duration::from_secs(21_600))).unwrap();
        assert_eq!(info.window.start(), utc_datetime!(2025-01-02 04:00:00));
        assert_eq!(info.window.end(), utc_datetime!(2025-01-03 04:00:00));
        assert_eq!(info.retry_after.map(|wait| wait.as_secs()), Some(21_600));
        assert_eq!(read(EXAMPLE, None).unwrap().retry_after, None);
    }

    #[test]
    fn a_wait_lies_between_a_minute_and_a_day() {
        let asked = |seconds| poll_after(Some(Duration::from_secs(seconds))).as_secs();
        assert_eq!([1, 60, 21_600, 86_400, 1 << 30].map(asked), [60, 60, 21_600, 86_400, 86_400]);
        assert_eq!(poll_after(None).as_secs(), 21_600, "RFC 9773 §4.3.2 suggests it");
    }

    #[test]
    fn an_unusable_answer_still_says_how_long_to_wait() {
        let error = read("<html>", Some(Duration::from_secs(7_200))).unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7_200)));
    }

    /// RFC 9773 §4.3.3.
    #[test]
    fn errors_that_will_last_are_left_alone_for_six_hours_or_as_long_as_was_asked() {
        let refused = |status: u16, retry_after| {
            let problem = Box::new(crate::acme::problem::Problem { status: Some(status), ..Default::default() });
            poll_after_error(&Error::Refused { url: "https://ca.test/".parse().unwrap(), problem, retry_after })
        };
        assert_eq!([refused(404, None), refused(429, None)], [Some(POLL_DEFAULT); 2]);
        let hour = Duration::from_secs(3_600);
        assert_eq!(refused(429, Some(hour)), Some(hour));
        assert_eq!([refused(500, None), refused(503, Some(hour))], [None; 2]);
        let connect = |kind: io::ErrorKind| {
            poll_after_error(&HttpError::Connect { host: "ca.test".into(), source: kind.into() }.into())
        };
        assert_eq!(connect(io::ErrorKind::ConnectionRefused), Some(POLL_DEFAULT));
        assert_eq!(connect(io::ErrorKind::TimedOut), None);
        assert_eq!(poll_after_error(&read("{}", None).unwrap_err()), Some(POLL_DEFAULT));
    }

    #[test]
    fn offsets_and_fractions_are_times_too() {
        let body =
            r#"{"suggestedWindow": {"start": "2025-01-02T05:00:00.123456789+01:00", "end": "2025-01-02T04:00:01Z"}}"#;
        assert!(read(body, None).is_ok());
    }

    #[test]
    fn windows_that_make_no_sense_are_errors() {
        for body in [
            "",
            "null",
            "{}",
            r#"{"suggestedWindow": null}"#,
            r#"{"suggestedWindow": {"start": "2025-01-02T04:00:00Z"}}"#,
            r#"{"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": 7}}"#,
            r#"{"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "2025-01-02T04:00:00Z"}}"#,
            r#"{"suggestedWindow": {"start": "2025-01-03T04:00:00Z", "end": "2025-01-02T04:00:00Z"}}"#,
            r#"{"suggestedWindow": {"start": "0000-01-01T00:00:00+23:59", "end": "2025-01-02T04:00:00Z"}}"#,
            r#"{"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "9999-12-31T23:59:59-23:59"}}"#,
            &EXAMPLE[..60],
        ] {
            assert!(read(body, None).is_err(), "{body}");
        }
    }

    #[test]
    fn the_resource_is_below_the_directorys_address() {
        let id = CertId::new(&[0x69], &[0x00, 0x87]);
        assert_eq!(format!("{id:?}"), "aQ.AIc");
        for base in ["https://ca.test/ari", "https://ca.test/ari/"] {
            assert_eq!(resource(&base.parse().unwrap(), &id).unwrap().as_str(), "https://ca.test/ari/aQ.AIc");
        }
        let base = "https://ca.test/ari?profile=x".parse().unwrap();
        assert_eq!(resource(&base, &id).unwrap().as_str(), "https://ca.test/ari/aQ.AIc?profile=x");
    }
}

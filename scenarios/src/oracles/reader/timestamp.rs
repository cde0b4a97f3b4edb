//! Times in ACME's JSON: RFC 3339, as RFC 8555 and RFC 9773 write them.

/// Unix seconds; `None` for what is no such time.
#[must_use]
pub fn unix_seconds(rfc_3339: &str) -> Option<i64> {
    let time = time::OffsetDateTime::parse(rfc_3339, &time::format_description::well_known::Rfc3339).ok()?;
    Some(time.unix_timestamp())
}

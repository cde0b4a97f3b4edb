//! Dates in header fields: IMF-fixdate (RFC 9110 §5.6.7).

/// Unix seconds; `None` for what is no such date.
pub(in crate::oracles) fn unix_seconds(http_date: &str) -> Option<i64> {
    let mut parts = http_date.split_ascii_whitespace();
    parts.next().filter(|day| day.ends_with(','))?;
    let day: u8 = parts.next()?.parse().ok()?;
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = parts.next()?;
    let month = u8::try_from(MONTHS.iter().position(|name| *name == month)? + 1).ok()?;
    let year: i32 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if parts.next()? != "GMT" || year < 1900 {
        return None;
    }
    let date = time::Date::from_calendar_date(year, time::Month::try_from(month).ok()?, day).ok()?;
    let time = time::Time::from_hms(hour, minute, second.min(59)).ok()?;
    Some(time::UtcDateTime::new(date, time).unix_timestamp())
}

//! Dates in header fields, in the three forms that a recipient has to accept (RFC 9110 §5.6.7).

use time::{Date, Month, Time, UtcDateTime, Weekday};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Unix seconds; `None` for what is no such date, or one before 1970.
pub(in crate::oracles) fn unix_seconds(http_date: &str) -> Option<i64> {
    let words: Vec<&str> = http_date.split([' ', '-']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, clock) = match words[..] {
        [_, day, month, year, clock, "GMT"] => (day, month, year, clock),
        [_, month, day, clock, year] => (day, month, year, clock),
        _ => return None,
    };
    let year = match year.parse::<i32>().ok()? {
        // Of the two centuries that are meant, the one that the other readers of such dates mean.
        short if year.len() == 2 => short + if short < 70 { 2000 } else { 1900 },
        year => year,
    };
    let month = Month::try_from(u8::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1).ok()?;
    let date = Date::from_calendar_date(year, month, day.parse().ok()?).ok()?;
    let mut clock = clock.split(':').map(|part| part.parse::<u8>().ok());
    let time = Time::from_hms(clock.next()??, clock.next()??, clock.next()??).ok()?;
    let date = UtcDateTime::new(date, time);
    // What is written otherwise than one of the three is none of them.
    (date.year() >= 1970 && forms(date).iter().any(|form| form == http_date)).then(|| date.unix_timestamp())
}

/// IMF-fixdate, RFC 850's and asctime's.
fn forms(date: UtcDateTime) -> [String; 3] {
    let weekday = match date.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    };
    let (day, month, year) = (date.day(), MONTHS[usize::from(u8::from(date.month())) - 1], date.year());
    let clock = format!("{:02}:{:02}:{:02}", date.hour(), date.minute(), date.second());
    [
        format!("{}, {day:02} {month} {year:04} {clock} GMT", &weekday[..3]),
        format!("{weekday}, {day:02}-{month}-{:02} {clock} GMT", year % 100),
        format!("{} {month} {day:2} {clock} {year:04}", &weekday[..3]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_read_and_nothing_else() {
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(unix_seconds(date), Some(784_111_777), "{date}");
        }
        for none in [
            "",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun<9, 06 Nov 1994 08:49:37 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sun Nov 6 08:49:37 1994",
        ] {
            assert_eq!(unix_seconds(none), None, "{none}");
        }
    }
}

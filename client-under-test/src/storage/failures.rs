//! What a CA has failed with, `<name>.failures`, so that neither a restart nor another host on the same storage begins anew
//! where the CA's patience is counted (<https://letsencrypt.org/docs/rate-limits>). What the disk has made fail there is noted before
//! the next attempt: that it can be shows that the disk works again.
//!
//! Advisory: what is missing or can't be read is as if nothing had failed.

use std::{io, time::Duration};

use serde::{Deserialize, Serialize};
use time::UtcDateTime;

use super::Storage;
use crate::{
    acme::reading::{format_time, parse_time},
    manager::backoff::Failure,
    name::Name,
};

/// The attempts that failed one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// What kinds of failures they were.
    pub kinds: Vec<Failure>,
    /// When the last one came, by the clock of the host that made the attempt.
    pub at: UtcDateTime,
    /// How long after it that host leaves the CA alone.
    pub wait: Duration,
    /// By how many thousandths its waits are longer than the list of waits has them.
    pub spread: u32,
    /// How long the CA has asked to be left alone, if it has.
    pub asked: Option<Duration>,
}

/// Who has made the last attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// This process or another host.
    SomebodyAtWork,
    /// An earlier process on this host.
    FormerProcess,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    failures: Vec<Failure>,
    at: String,
    wait_seconds: u64,
    spread: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_seconds: Option<u64>,
    host: String,
    process: u64,
}

impl Storage {
    /// Notes what this host has failed with.
    ///
    /// # Errors
    /// The medium's.
    pub async fn store_failures(&self, name: &Name, failures: &Failures) -> io::Result<()> {
        let record = Record {
            failures: failures.kinds.clone(),
            at: format_time(failures.at).unwrap_or_default(),
            wait_seconds: failures.wait.as_secs(),
            spread: failures.spread,
            asked_seconds: failures.asked.map(|asked| asked.as_secs()),
            host: self.env.host_name().to_owned(),
            process: self.process,
        };
        let bytes = serde_json::to_vec(&record).expect("numbers and texts have a JSON form");
        self.medium.write(&self.certificate_file(name, "failures"), &bytes).await
    }

    /// What was noted, if anything was.
    pub async fn load_failures(&self, name: &Name) -> Option<(Failures, By)> {
        let bytes = self.read(&self.certificate_file(name, "failures")).await.ok().flatten()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        let is_former = record.host == self.env.host_name() && record.process != self.process;
        let by = if is_former { By::FormerProcess } else { By::SomebodyAtWork };
        Some((record.failures()?, by))
    }

    /// Forgets what was noted.
    ///
    /// # Errors
    /// The medium's.
    pub async fn remove_failures(&self, name: &Name) -> io::Result<()> {
        self.medium.remove(&self.certificate_file(name, "failures")).await
    }
}

impl Record {
    fn failures(self) -> Option<Failures> {
        Some(Failures {
            kinds: self.failures,
            at: parse_time(&self.at)?,
            wait: Duration::from_secs(self.wait_seconds),
            spread: self.spread,
            asked: self.asked_seconds.map(Duration::from_secs),
        })
    }
}

/// What a file's content says has failed, if it is such a file.
pub(super) fn parse(bytes: &[u8]) -> Option<Failures> {
    serde_json::from_slice::<Record>(bytes).ok()?.failures()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*, sample::select};
    use time::macros::utc_datetime;

    use super::*;
    use crate::storage::tests::storage;

    #[tokio::test]
    async fn what_was_noted_is_found_again_and_what_is_no_note_is_none() {
        let (_directory, storage) = storage();
        let name: Name = "a.test".parse().unwrap();
        assert_eq!(storage.load_failures(&name).await, None);
        let failures = Failures {
            kinds: vec![Failure::Validation, Failure::Other],
            at: utc_datetime!(2026-11-22 01:02:03),
            wait: Duration::from_secs(90),
            spread: 50,
            asked: Some(Duration::from_secs(3_600)),
        };
        storage.store_failures(&name, &failures).await.unwrap();
        assert_eq!(storage.load_failures(&name).await, Some((failures.clone(), By::SomebodyAtWork)));
        let restarted = Storage { process: storage.process ^ 1, ..storage.clone() };
        assert_eq!(restarted.load_failures(&name).await, Some((failures, By::FormerProcess)));
        for bad in [
            "",
            "}",
            "{}",
            r#"{"failures":["bad"],"at":"2026-11-22T01:02:03Z","waitSeconds":1,"spread":0,"host":"a","process":1}"#,
        ] {
            storage.medium.write(&storage.certificate_file(&name, "failures"), bad.as_bytes()).await.unwrap();
            assert_eq!(storage.load_failures(&name).await, None, "{bad}");
        }
        storage.remove_failures(&name).await.unwrap();
        assert!(!storage.certificate_file(&name, "failures").exists());
    }

    proptest! {
        #![proptest_config(crate::testing::same_each_time(64))]

        #[test]
        fn any_failures_are_read_as_they_were_written(
            kinds in vec(select(vec![Failure::Validation, Failure::Other]), 0..20),
            (seconds, nanosecond) in (0..253_402_300_800_i64, 0..1_000_000_000_u32),
            wait_s in any::<u64>(),
            spread in any::<u32>(),
            asked_s in option::of(any::<u64>()),
        ) {
            let at = UtcDateTime::from_unix_timestamp(seconds).unwrap().replace_nanosecond(nanosecond).unwrap();
            let (wait, asked) = (Duration::from_secs(wait_s), asked_s.map(Duration::from_secs));
            let failures = Failures { kinds, at, wait, spread, asked };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (_directory, storage) = storage();
                let name: Name = "a.test".parse().unwrap();
                storage.store_failures(&name, &failures).await.unwrap();
                let path = storage.certificate_file(&name, "failures");
                assert_eq!(parse(&std::fs::read(path).unwrap()).as_ref(), Some(&failures));
                assert_eq!(storage.load_failures(&name).await, Some((failures, By::SomebodyAtWork)));
            });
        }
    }
}

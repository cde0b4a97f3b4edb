//! `storage.removes-only-expired` (S6): a certificate is removed from storage only after it has expired.
//!
//! What is put aside is renamed, and counts as still there.

use sim::trace::{DiskOperation, Event};

use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::files::Files,
};

/// The law.
#[derive(Debug, Default)]
pub(crate) struct RemovesOnlyExpired {
    files: Files,
}

impl Law for RemovesOnlyExpired {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let (Some(event), Some(host)) = (seen.event(), &seen.moment.host) else { return };
        if let Event::Disk { operation: DiskOperation::RemoveFile, path, error: None, .. } = event
            && let Some(content) = self.files.content(&self.files.name(host, path))
            && !path.ends_with(".tmp")
            && let Some(certificate) = content.pem().and_then(|file| file.certificates.first())
        {
            verdict.exercise(seen.moment);
            if seen.moment.utc_s.is_some_and(|now| now <= certificate.not_after_s) {
                let lasts = certificate.not_after_s;
                verdict.find(
                    seen.moment,
                    format!("{host} should remove a certificate only once it has expired, but removed {path}, which is good until {lasts} (Unix time)"),
                );
            }
        }
        self.files.observe(Some(host), event);
    }
}

#[cfg(test)]
mod tests {
    use sim::trace::DiskOperation;

    use crate::oracles::testing::{EPOCH_S, Issued, Story};

    const LAW: &str = "storage.removes-only-expired";
    const DAY_S: i64 = 86_400;

    #[test]
    fn a_certificate_may_be_removed_when_it_has_expired_and_not_before() {
        let mut story = Story::new();
        story.write_file("/a.pem", &Issued::new(&["a.test"], EPOCH_S, EPOCH_S + DAY_S).pem);
        story.wait_days(2);
        story.disk(DiskOperation::RemoveFile, "/a.pem", None, "");
        story.keeps(LAW);
        let lasting = Issued::new(&["a.test"], EPOCH_S, EPOCH_S + 30 * DAY_S);
        story.write_file("/a.pem", &lasting.pem);
        story.disk(DiskOperation::RemoveFile, "/a.pem", None, "");
        story.breaks(LAW, "but removed /a.pem");
    }
}

//! `manager.certificate-obtained` and `manager.certificate-renewed`: milestones, counted for `eventually`.
//!
//! What counts is the client's download. The same certificate downloaded again, or with another chain,
//! is not a new one.

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::{
        certificate::{Certificate, read_pem},
        http::Moment,
        identifier::Identifiers,
        step::{Resource, Step},
    },
    recent::Recent,
};

/// The leaf of a certificate download that worked.
pub(super) fn downloaded(step: &Step) -> Option<Certificate> {
    let is_download = matches!(step.resource, Resource::Certificate { .. }) && step.is_success();
    let response = step.response.as_ref().filter(|_| is_download)?;
    read_pem(&response.body)?.certificates.into_iter().next()
}

/// The newest certificate downloaded for each set of names.
#[derive(Debug)]
pub(super) struct Downloads(Recent<Identifiers, Certificate>);

impl Default for Downloads {
    fn default() -> Self {
        Self(Recent::new(KEPT_MAX))
    }
}

/// A certificate that a client did not have before.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) certificate: Certificate,
    pub(super) former: Option<Certificate>,
}

impl Downloads {
    /// Takes in a step; a download of something new comes out.
    pub(super) fn take(&mut self, step: &Step) -> Option<Download> {
        if step.moment != Moment::Received {
            return None;
        }
        let certificate = downloaded(step)?;
        let former = self.0.get(&certificate.names);
        let is_older =
            |former: &Certificate| former.serial == certificate.serial || former.not_after_s > certificate.not_after_s;
        if former.is_some_and(is_older) {
            return None;
        }
        let former = self.0.insert(certificate.names.clone(), certificate.clone());
        Some(Download { certificate, former })
    }
}

/// The milestone of a first or further certificate.
#[derive(Debug, Default)]
pub(crate) struct Obtained(Downloads);

impl Law for Obtained {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if seen.step().and_then(|step| self.0.take(step)).is_some() {
            verdict.exercise(seen.moment);
        }
    }
}

/// The milestone of a further certificate for the same names.
#[derive(Debug, Default)]
pub(crate) struct Renewed(Downloads);

impl Law for Renewed {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        if seen.step().and_then(|step| self.0.take(step)).is_some_and(|download| download.former.is_some()) {
            verdict.exercise(seen.moment);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::Story;

    #[test]
    fn certificates_are_counted_with_their_times() {
        let mut story = Story::new();
        let first = story.issuance(&["a.test"], 90);
        story.download(1, &first);
        story.wait_days(60);
        story.issuance(&["a.test"], 90);
        story.issuance(&["b.test"], 90);
        let (obtained, renewed) =
            (story.verdict("manager.certificate-obtained"), story.verdict("manager.certificate-renewed"));
        assert_eq!((obtained.exercised().total(), renewed.exercised().total()), (3, 1));
        assert_eq!(renewed.exercised().nth_ns(1), Some(60 * 86_400 * 1_000_000_000));
        assert_eq!(obtained.exercised().until(0), 1);
    }
}

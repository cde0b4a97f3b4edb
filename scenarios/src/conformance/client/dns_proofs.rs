//! RFC 8555 §8.4: proofs by TXT records.

use super::{
    Case, Examination,
    nonces::fault,
    session::Session,
    task::Task::{ObtainByDns, ObtainWildcard, ObtainWildcardAndApex},
};
use crate::{
    conformance::{case::Level::*, verdict::Stop},
    oracles::reader::step::Resource,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/8.4/client-record",
        level: Must,
        requirements: &["rfc8555-8.4-cl-d1-value"],
        sent: "Nothing out of the ordinary.",
        expected: "A certificate, by dns-01.",
        why: "The CA compares the record with the digest of the key authorization, octet by octet.",
        run: Examination { task: ObtainByDns, ca: "", judge: by_dns },
    },
    Case {
        id: "rfc8555/8.4/client-wildcard",
        level: Must,
        requirements: &["rfc8555-8.4-cl-d1-value"],
        sent: "Nothing out of the ordinary; the name is a wildcard.",
        expected: "A certificate for it, by dns-01.",
        why: "§7.1.3, §8.4: the identifier of the authorization has no *., and neither has the name of the record.",
        run: Examination { task: ObtainWildcard, ca: "", judge: by_dns },
    },
    Case {
        id: "rfc8555/8.4/client-two-records",
        level: Robustness,
        requirements: &["rfc8555-8.4-cl-d1-multi", "rfc8555-7.4-cl-wildcard-map"],
        sent: "Nothing out of the ordinary; the names are a wildcard and the one that it is below.",
        expected: "A certificate for both, by dns-01, and in the end no record.",
        why: "§8.4: both have their records at one name. A client that has one at a time there takes the other's proof away.",
        run: Examination { task: ObtainWildcardAndApex, ca: "", judge: taken_away },
    },
    Case {
        id: "rfc8555/8.4/client-validation-takes-time",
        level: Robustness,
        requirements: &["rfc8555-7.1.6-cl-chall-processing"],
        sent: "It takes the CA some seconds until it asks for the record.",
        expected: "A certificate, by dns-01.",
        why: "What answers a challenge must be there until the challenge is over.",
        run: Examination { task: ObtainByDns, ca: "[ca]\nvalidation-delay = \"4s\"", judge: by_dns },
    },
    Case {
        id: "rfc8555/8.4/client-record-taken-away",
        level: Should,
        requirements: &["rfc8555-8.4-cl-d1-cleanup"],
        sent: "Nothing out of the ordinary.",
        expected: "A certificate by dns-01, and in the end no record.",
        why: "§8.4: the client should take it away. Records that are left over fill the name until its answers do not fit.",
        run: Examination { task: ObtainByDns, ca: "", judge: taken_away },
    },
    Case {
        id: "rfc8555/7.5.1/client-record-taken-away-after-refusal",
        level: Should,
        requirements: &["rfc8555-7.5.1-cl-undo-on-error"],
        sent: "403 unauthorized to each answer to a challenge.",
        expected: "No success, and in the end no record.",
        why: "§7.5.1: whoever is refused there undoes what was done for the validation.",
        run: Examination {
            task: ObtainByDns,
            ca: fault!(r#"endpoints = "challenge""# r#"problem = "unauthorized""# "status = 403"),
            judge: taken_away_after_failure,
        },
    },
    Case {
        id: "rfc8555/8.4/client-record-taken-away-after-failure",
        level: Should,
        requirements: &["rfc8555-8.4-cl-d1-cleanup", "rfc8555-8.3-cl-deprovision"],
        sent: "Each challenge is invalid as soon as it is answered, and its authorization with it.",
        expected: "No success, and in the end no record.",
        why: "§8.4: once the challenge is over, the record is of no use, however it ended.",
        run: Examination {
            task: ObtainByDns,
            ca: fault!(r#"endpoints = "challenge""# r#"state = "invalid""# r#"set-fields = ['/status = "invalid"', '/error = {"type": "urn:ietf:params:acme:error:dns", "detail": "No such record"}']"#),
            judge: taken_away_after_failure,
        },
    },
];

fn by_dns(session: &Session) -> Result<(), Stop> {
    session.obtained_by("dns-01")
}

fn taken_away(session: &Session) -> Result<(), Stop> {
    by_dns(session)?;
    session.took_records_away()
}

fn taken_away_after_failure(session: &Session) -> Result<(), Stop> {
    if session.of(|resource| matches!(resource, Resource::Challenge { .. })).next().is_none() {
        return Err(session.missing("an answer to a challenge"));
    }
    session.gave_up()?;
    session.took_records_away()
}

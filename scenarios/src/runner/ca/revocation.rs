//! `ca.ocsp.set` and `ca.revoke`: from the words of the language to the CA's own.

use ca_mock::Ca;
use time::UtcDateTime;

use crate::language::{OcspAnswers, RevocationReason, Verb};

/// Carries out `ca.ocsp.set`.
pub(super) fn set_answers(answers: OcspAnswers, ca: &Ca) {
    ca.set_ocsp_answers(match answers {
        OcspAnswers::Truthful => ca_mock::OcspAnswers::Truthful,
        OcspAnswers::Unknown => ca_mock::OcspAnswers::Unknown,
        OcspAnswers::Stale => ca_mock::OcspAnswers::Stale,
        OcspAnswers::AboutAnother => ca_mock::OcspAnswers::AboutAnother,
        OcspAnswers::BadlySigned => ca_mock::OcspAnswers::BadlySigned,
        OcspAnswers::Garbage => ca_mock::OcspAnswers::Garbage,
        OcspAnswers::Unavailable => ca_mock::OcspAnswers::Unavailable,
        OcspAnswers::Late => ca_mock::OcspAnswers::Late,
    });
}

/// Carries out `ca.revoke`.
pub(super) fn revoke(verb: &Verb, ca: &Ca, now: UtcDateTime) {
    let Verb::CaRevoke { names, reason } = verb else { return };
    let reason = match reason {
        RevocationReason::Unspecified => ca_mock::RevocationReason::Unspecified,
        RevocationReason::KeyCompromise => ca_mock::RevocationReason::KeyCompromise,
        RevocationReason::Superseded => ca_mock::RevocationReason::Superseded,
        RevocationReason::CessationOfOperation => ca_mock::RevocationReason::CessationOfOperation,
    };
    ca.revoke(&names.0, reason, now);
}

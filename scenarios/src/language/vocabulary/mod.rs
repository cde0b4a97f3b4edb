//! The vocabulary of scenario files: every section, key, verb, law, kind of host and known bug.
//!
//! These tables are the one source of what a file may say. To add a verb, add its row to
//! [`timeline`](Verb); decoding, suggestions, the JSON Schema and the reference page follow, and the
//! compiler then asks the runner what the verb does.

#[macro_use]
mod macros;
mod behaviours;
mod bugs;
mod ca;
mod disk;
mod expectations;
mod explore;
mod fault;
mod hosts;
mod network;
mod renewal_info;
mod revocation;
mod sections;
mod timeline;

pub use behaviours::CaBehaviour;
pub use bugs::Bug;
pub use ca::{
    ApiCertificate, AuthorityKeyAlgorithm, CertificateKey, ExternalAccountSettings, NamePolicySettings, Preset,
    ProfileSettings, PublicSuffixes,
};
pub use disk::{Damage, DiskAccess, DiskError};
pub(crate) use expectations::ExpectationHead;
pub use expectations::Law;
pub use explore::{CrashExploration, CrashOutcome, CrashPhase, CrashPoint, DiskErrorExploration};
pub use fault::{Endpoint, ForcedState};
pub(crate) use hosts::HostHead;
pub use hosts::{BucketConditions, ChallengeType, ClockSettings, HostKind, MacAlgorithm, Misconduct};
pub use network::{Link, LinkChange};
pub use renewal_info::{AriFault, AriField};
pub use revocation::{CrlSettings, OcspAnswers, OcspSettings, RevocationReason};
pub use sections::{AriSettings, CaSettings, CrossSignSettings, Kind, Level, LimitSettings, Meta, Run, Severity, Side};
pub(crate) use sections::{Form, SECTIONS};
pub(crate) use timeline::StepHead;
pub use timeline::Verb;

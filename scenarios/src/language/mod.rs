//! The scenario language: TOML files in which QA says what goes wrong and what must hold.
//!
//! [`load`] reads a file, its base and its matrix into a [`Scenario`] of typed [`Case`]s, or says everything
//! that is wrong with it, each mistake at its place. One vocabulary (`vocabulary/`) drives the decoder, the
//! suggestions, the JSON [`schema`] and the [`reference_page`].
//!
//! There is no expression language: verbs and laws are words with typed arguments. Nothing here runs a
//! scenario, touches a file, or knows what a law means.

#[macro_use]
mod vocabulary;

mod case;
mod condition;
mod decode;
mod diagnostic;
mod document;
mod expectation;
mod explain;
mod in_place;
mod matrix;
mod merge;
mod reference;
mod scenario;
mod schema;
mod shape;
mod source;
mod steps;
mod substitution;
mod suggestion;
mod syntax;
mod terms;
mod values;
mod zone;

pub use case::{Case, Host, Net};
pub use condition::Condition;
pub use diagnostic::{Diagnostic, Diagnostics, Style};
pub use expectation::{Claim, Expectation, Mode, Outcome};
pub use explain::explain;
pub use in_place::{Failure, render_in_place};
pub use reference::reference_page;
pub use scenario::{Scenario, load};
pub use schema::schema;
pub(crate) use shape::paragraph;
pub use source::{Location, SourceFile};
pub use steps::{Step, Trigger};
pub(crate) use suggestion::help;
pub use terms::HostName;
pub use values::{
    AriWindow, Bandwidth, Deadline, DurationRange, Epoch, HeaderField, HeaderFieldName, HttpStatus, JsonField, Latency,
    MacKey, MediaType, Moment, NamePattern, Names, Percentage, Pointer, ProbeName, Rate, Record, RetryAfterHeader,
    ScenarioId, Seeds, Share, SignedDuration, Slug, TermsUrl, Wrong, format_duration, parse_duration,
};
pub use vocabulary::{
    ApiCertificate, AriFault, AriField, AriSettings, AuthorityKeyAlgorithm, BucketConditions, Bug, CaBehaviour,
    CaSettings, CertificateKey, ChallengeType, ClockSettings, CrashExploration, CrashOutcome, CrashPhase, CrashPoint,
    CrlSettings, CrossSignSettings, Damage, DiskAccess, DiskError, DiskErrorExploration, Endpoint,
    ExternalAccountSettings, ForcedState, HostKind, Kind, Law, Level, LimitSettings, Link, LinkChange, MacAlgorithm,
    Meta, Misconduct, NamePolicySettings, OcspAnswers, OcspSettings, Preset, ProfileSettings, PublicSuffixes,
    RevocationReason, Run, Severity, Side, Verb,
};
pub use zone::Zone;

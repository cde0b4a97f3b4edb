//! An ACME certificate authority (RFC 8555, RFC 9773) for the simulator and for real sockets alike.
//!
//! The rooms are a CA's roles: the front end reads requests strictly and answers them; accounts, orders,
//! authorizations and challenges are state machines that know neither HTTP nor JSON; the validation authority
//! goes out and checks; CAA asks whether the domain's holder agrees; issuance signs; ARI says when to come back.
//! The management API tells tests what a client can't know, [`pebble`] reads what Pebble's users bring along,
//! [`dns`] has the resolver and a test server, and [`challenge_test_server`] answers validations in a client's place.
//!
//! It shares no wire types with any client: a mistake made once can't be right on both sides.

mod accounts;
mod addresses;
mod ari;
mod authorizations;
mod base64url;
mod ca;
pub mod caa;
mod certificates;
pub mod challenge_test_server;
mod challenges;
mod config;
mod csr;
mod decoys;
mod dice;
pub mod dns;
mod dns01;
mod dns_persist01;
mod external_accounts;
mod faults;
mod finalization;
mod front_end;
pub mod historical;
mod http01;
mod identifier;
mod identifier_policy;
mod ids;
mod issuance;
mod json;
mod jwk;
mod jws;
mod management;
mod nonces;
mod orders;
pub mod pebble;
mod perspective;
mod preset;
mod problem;
mod profiles;
mod rate_limits;
mod renewal_info_policy;
mod revocation_status;
mod snapshots;
mod store;
mod terms_of_service;
#[cfg(test)]
mod testing;
mod texts;
mod timestamp;
mod tls_alpn01;
mod validation;
mod validation_record;
mod validity;
mod wire;

pub use accounts::KeyRollover;
pub use addresses::AddressSource;
pub use ca::Ca;
pub use caa::{Authorized, CaaRecheck, CaaRules, Checked, EachDue};
pub use certificates::{RevocationReason, SerialNumbers};
pub use config::Config;
pub use csr::{RequestedCertificate, read_csr};
pub use external_accounts::{ExternalAccountKey, ExternalAccountKeys};
pub use faults::{Endpoint, Fault, FaultRule, FieldFault, ForcedState, HeaderFault, Instead, Matcher, TooManyRules};
pub use front_end::{Bound, ChallengeTrigger, FrontDesk, FrontEndClocks, MakeAccountLookup, Origin, Paths, Style};
pub use http01::Redirects;
pub use identifier::Identifier;
pub use identifier_policy::{IdentifierPolicy, PublicSuffixes};
pub use issuance::{ApiIdentityFlaw, CrossSign, Hierarchy, KeyAlgorithm, LeafUrls};
pub use jwk::KeyType;
pub use jws::{SignedRequest, read_signed_request};
pub use management::{BoundManagement, RecentEvents};
pub use orders::OrderExpiry;
pub use perspective::{OpenPerspective, Quorum};
pub use preset::Preset;
pub use profiles::{Lifetimes, Profile, Profiles, UnaskedProfile};
pub use rate_limits::{Limit, RateLimits};
pub use renewal_info_policy::{RenewalInfoPolicy, RetryAfter, WindowPolicy};
pub use revocation_status::{BoundRevocationStatus, OcspAnswers};
pub use snapshots::TooManySnapshots;
pub use terms_of_service::TermsOfService;
pub use tls_alpn01::judge_validation_certificate;
pub use validity::LastSecond;
pub use wire::Transport;

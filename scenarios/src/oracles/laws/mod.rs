//! The laws, one a file. The ids, and what each says, are in the [registry](super::registry).

pub(super) mod account_created;
pub(super) mod active_pair_matches;
pub(super) mod always_served;
pub(super) mod ari_poll_gap;
pub(super) mod ari_window_sane;
pub(super) mod ca_nonces;
pub(super) mod certificate_lifetime;
pub(super) mod certificates;
pub(super) mod challenge_posted_once;
pub(super) mod cleans_up_challenges;
pub(super) mod clocks_agree;
pub(super) mod files_parse;
pub(super) mod handshake_within;
pub(super) mod heals_storage;
pub(super) mod holds_accepted_key;
pub(super) mod honors_retry_after;
pub(super) mod issuance_rate;
pub(super) mod issues_only_corroborated;
pub(super) mod issues_only_ordered_names;
pub(super) mod legal_transitions;
pub(super) mod locks_exclusive;
pub(super) mod names_match;
pub(super) mod never_issues_against_caa;
pub(super) mod new_key_accepted;
pub(super) mod new_orders;
pub(super) mod no_deadlock;
pub(super) mod no_panic;
pub(super) mod nonces_single_use;
pub(super) mod old_key_refused;
pub(super) mod one_account;
pub(super) mod one_open_order;
pub(super) mod order_within_authorizations;
pub(super) mod rechecks_caa;
pub(super) mod refuses_only_for_caa;
pub(super) mod renews_before_expiry;
pub(super) mod see_complete_chain;
pub(super) mod see_valid_certificate;
pub(super) mod serial_numbers;
pub(super) mod validates_before_issuing;
pub(super) mod writes_mixed;

/// How many names, orders, certificates or URLs a law keeps in mind.
const KEPT_MAX: usize = 20_000;

//! The table of laws: the ids that scenario files use, what each says, and where it comes from.
//!
//! To add a law: write its file in `laws/` with tests through its id, and add its line here.

use super::{
    law::{Law, Settings},
    laws,
};

/// How a law is meant to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LawKind {
    /// It holds all the time; a finding is a failure, and unexercised it is vacuous.
    Always,
    /// It is reached, maybe several times; it finds nothing, and being exercised is its point.
    Milestone,
}

/// A setting that a law heeds, by its name in scenario files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `at-least`, a duration: [`Settings::at_least`].
    AtLeast,
    /// `at-most`, a number: [`Settings::at_most`].
    AtMost,
    /// `margin`, a duration: [`Settings::margin`].
    Margin,
    /// `per`, a duration: [`Settings::per`].
    Per,
    /// `perspectives`, a number: [`Settings::perspectives`].
    Perspectives,
    /// `within`, a duration: [`Settings::within`].
    Within,
}

impl Parameter {
    /// Its key in scenario files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AtLeast => "at-least",
            Self::AtMost => "at-most",
            Self::Margin => "margin",
            Self::Per => "per",
            Self::Perspectives => "perspectives",
            Self::Within => "within",
        }
    }
}

/// A law that can be seated.
#[derive(Clone, Copy, Debug)]
pub struct LawEntry {
    /// Its name in scenario files.
    pub id: &'static str,
    /// How it is meant.
    pub kind: LawKind,
    /// One sentence.
    pub says: &'static str,
    /// Its numbers in the law book (M manager safety, L liveness, V visitors, S storage, C CA).
    pub book: &'static [&'static str],
    /// What can be set on it.
    pub parameters: &'static [Parameter],
    /// Makes one.
    pub make: fn(Settings) -> Box<dyn Law>,
}

/// The law called `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static LawEntry> {
    LAWS.iter().find(|entry| entry.id == id)
}

macro_rules! laws {
    ($($id:literal $kind:ident [$($book:literal),*] [$($parameter:ident),*] $make:expr, $says:literal;)*) => {
        &[$(LawEntry {
            id: $id,
            kind: LawKind::$kind,
            says: $says,
            book: &[$($book),*],
            parameters: &[$(Parameter::$parameter),*],
            make: $make,
        }),*]
    };
}

/// All laws, by id.
pub const LAWS: &[LawEntry] = laws! {
    "ca.ari-window-sane" Always ["C7"] [] |_| Box::<laws::ari_window_sane::AriWindowSane>::default(),
        "Each renewal window that the CA gives has a start and an end, and ends after it starts.";
    "ca.certificate-lifetime" Always ["C3"] [Within] |settings| Box::new(laws::certificate_lifetime::CertificateLifetime::new(settings)),
        "No certificate is good for longer than it may be, its first and last second included.";
    "ca.clocks-agree" Always ["C6"] [Within] |settings| Box::new(laws::clocks_agree::ClocksAgree::new(settings)),
        "Whichever of a CA's machines answers, it is the same time there.";
    "ca.issues-only-corroborated" Always ["C3"] [Perspectives] |settings| Box::new(laws::issues_only_corroborated::IssuesOnlyCorroborated::new(settings)),
        "Before a certificate is issued, all remote perspectives but one, or two of six and more, see the proof of control.";
    "ca.issues-only-ordered-names" Always ["C3"] [] |_| Box::<laws::issues_only_ordered_names::IssuesOnlyOrderedNames>::default(),
        "A certificate's names are exactly those of its order and of its CSR.";
    "ca.legal-transitions" Always ["C4"] [] |_| Box::<laws::legal_transitions::LegalTransitions>::default(),
        "The status of an account, order, authorization or challenge only changes as RFC 8555 §7.1.6 allows.";
    "ca.never-issues-against-caa" Always ["C1"] [] |_| Box::<laws::never_issues_against_caa::NeverIssuesAgainstCaa>::default(),
        "No certificate is issued for a name whose CAA records in force forbid it.";
    "ca.new-key-accepted" Always ["C2"] [] |_| Box::<laws::new_key_accepted::NewKeyAccepted>::default(),
        "Once an account's key was changed, the account is known by the new one.";
    "ca.nonces-single-use" Always ["C5"] [] |_| Box::<laws::ca_nonces::CaNonces>::default(),
        "The CA accepts no nonce twice, gives none out twice, and gives a fresh one with each answer to a POST.";
    "ca.old-key-refused" Always ["C2"] [] |_| Box::<laws::old_key_refused::OldKeyRefused>::default(),
        "Once an account's key was changed, what is signed by an old one is refused.";
    "ca.order-within-authorizations" Always ["C4"] [] |_| Box::<laws::order_within_authorizations::OrderWithinAuthorizations>::default(),
        "An order expires no later than an authorization that it takes over.";
    "ca.rechecks-caa" Always ["C1"] [] |_| Box::<laws::rechecks_caa::RechecksCaa>::default(),
        "At issuance, CAA has been looked up for each name, within eight hours or the records' TTL, whichever is greater.";
    "ca.refuses-only-for-caa" Always ["C1"] [] |_| Box::<laws::refuses_only_for_caa::RefusesOnlyForCaa>::default(),
        "Whom the CA refuses for CAA's sake, CAA refuses.";
    "ca.serial-numbers" Always ["C3"] [] |_| Box::<laws::serial_numbers::SerialNumbers>::default(),
        "A certificate's serial number is its own, positive, short enough, and hard to guess.";
    "ca.validates-before-issuing" Always ["C3"] [] |_| Box::<laws::validates_before_issuing::ValidatesBeforeIssuing>::default(),
        "For each name issued, control was proved before by http-01, tls-alpn-01 or one of the challenges in the DNS.";
    "manager.account-created" Milestone ["M14"] [] |_| Box::<laws::account_created::AccountCreated>::default(),
        "A CA creates an account for a client.";
    "manager.active-pair-matches" Always ["M2"] [] |_| Box::<laws::active_pair_matches::ActivePairMatches>::default(),
        "A certificate and its private key, on disk and as served, belong together.";
    "manager.ari-of-own-certificate" Always ["M13"] [] |_| Box::<laws::ari_of_own_certificate::AriOfOwnCertificate>::default(),
        "Renewal information is asked for, and acted upon, by the identifier of the very certificate.";
    "manager.ari-poll-gap" Always ["M12"] [AtLeast] |settings| Box::new(laws::ari_poll_gap::AriPollGap::new(settings)),
        "Between two polls of one certificate's renewal information lie the answer's Retry-After and a minute at least.";
    "manager.backs-off" Always ["M5"] [AtLeast, AtMost] |settings| Box::new(laws::backs_off::BacksOff::new(settings)),
        "Between failed attempts for the same names lie waits that do not shrink, and no more than five validations of a name fail in an hour.";
    "manager.certificate-obtained" Milestone ["L2"] [] |_| Box::<laws::certificates::Obtained>::default(),
        "The manager downloads a certificate that it did not have.";
    "manager.certificate-renewed" Milestone ["L1"] [] |_| Box::<laws::certificates::Renewed>::default(),
        "The manager downloads a further certificate for names that it has one for.";
    "manager.challenge-posted-once" Always ["M19"] [] |_| Box::<laws::challenge_posted_once::ChallengePostedOnce>::default(),
        "A challenge that the CA has accepted a POST for is not posted again.";
    "manager.cleans-up-challenges" Always ["M9"] [Within] |settings| Box::new(laws::cleans_up_challenges::CleansUpChallenges::new(settings)),
        "A TXT record that proves control stays until its authorization is over, and then goes in time.";
    "manager.compromised-key-unused" Always ["M16"] [] |_| Box::<laws::compromised_key_unused::CompromisedKeyUnused>::default(),
        "A key that a client has heard to be compromised is in none of its CSRs any more.";
    "manager.falls-back" Always ["L8"] [Within] |settings| Box::new(laws::falls_back::FallsBack::new(settings)),
        "Where one CA fails to issue, a certificate comes all the same, from it or another CA, and in time.";
    "manager.forgets-failures" Always ["L11"] [Within] |settings| Box::new(laws::forgets_failures::ForgetsFailures::new(settings)),
        "Success resets the back-off: the first retry after a later failure comes soon.";
    "manager.heals-storage" Always ["L6"] [Within] |settings| Box::new(laws::heals_storage::HealsStorage::new(settings)),
        "What was damaged of a managed name's or an account's files is replaced by something good in time.";
    "manager.holds-accepted-key" Always ["M15"] [] |_| Box::<laws::holds_accepted_key::HoldsAcceptedKey>::default(),
        "From an account's creation on, the disk durably holds the private key that the CA knows the account by.";
    "manager.honors-retry-after" Always ["M6"] [] |_| Box::<laws::honors_retry_after::HonorsRetryAfter>::default(),
        "A resource is not asked again before the Retry-After of its last answer has passed.";
    "manager.issuance-rate" Always ["M4"] [] |_| Box::<laws::issuance_rate::IssuanceRate>::default(),
        "For one set of names, certificates come no faster than one for each third of their lifetime.";
    "manager.leaves-nothing-open" Always ["M8"] [Within] |settings| Box::new(laws::leaves_nothing_open::LeavesNothingOpen::new(settings)),
        "No authorization stays pending at the CA once nobody works on its order any more.";
    "manager.looks-on-time" Always ["L5"] [Within] |settings| Box::new(laws::looks_on_time::LooksOnTime::new(settings)),
        "Renewal information is asked for again when the CA said it should be, or soon after, by the clock on the wall.";
    "manager.new-orders" Always ["M4"] [AtMost, Per] |settings| Box::new(laws::new_orders::NewOrders::new(settings)),
        "A CA creates no more orders for its clients than the scenario allows.";
    "manager.no-hot-loop" Always ["M6"] [AtMost, Per] |settings| Box::new(laws::no_hot_loop::NoHotLoop::new(settings)),
        "Nothing of an order is asked for again and again without a pause.";
    "manager.one-account" Always ["M14"] [] |_| Box::<laws::one_account::OneAccount>::default(),
        "At each CA, one account is created for a contact.";
    "manager.one-open-order" Always ["M3"] [] |_| Box::<laws::one_open_order::OneOpenOrder>::default(),
        "At most one order for a set of names is open at any time, unless a crash left one behind.";
    "manager.orders-only-allowed" Always ["M10", "V5"] [Within] |settings| Box::new(laws::orders_only_allowed::OrdersOnlyAllowed::new(settings)),
        "On demand, no name is ordered that the operator's server did not allow just before.";
    "manager.renews-before-expiry" Always ["L1"] [Margin] |settings| Box::new(laws::renews_before_expiry::RenewsBeforeExpiry::new(settings)),
        "Before a certificate expires, or earlier by a margin, a newer one for the same names has been downloaded.";
    "manager.renews-in-window" Always ["L9"] [Within] |settings| Box::new(laws::renews_in_window::RenewsInWindow::new(settings)),
        "What the CA wants renewed is renewed by the end of the window that it gives, or soon after.";
    "manager.replaces-revoked" Always ["L9"] [Within] |settings| Box::new(laws::replaces_revoked::ReplacesRevoked::new(settings)),
        "What a client hears to be revoked, by OCSP or by a revocation list, is replaced soon after.";
    "manager.replaces-where-it-belongs" Always ["M11"] [] |_| Box::<laws::replaces_where_it_belongs::ReplacesWhereItBelongs>::default(),
        "Orders say what they replace only to the CA that issued it, as the account that has it, and not after a refusal.";
    "manager.tells-failures" Always ["L11"] [Within] |settings| Box::new(laws::tells_failures::TellsFailures::new(settings)),
        "Whoever runs a manager hears of each attempt that fails.";
    "nodes.serve-newest" Always ["L7"] [Within] |settings| Box::new(laws::serves_newest::ServesNewest::new(settings)),
        "Every host on a disk serves the newest certificate that the disk has held for long enough.";
    "nonces.single-use" Always ["M7"] [] |_| Box::<laws::nonces_single_use::NoncesSingleUse>::default(),
        "The client sends no nonce twice; a POST that is tried again carries a new one.";
    "storage.files-parse" Always ["S1"] [] |_| Box::<laws::files_parse::FilesParse>::default(),
        "What a storage holds, at rest and as programs read it, is an old value or a new one, whole.";
    "storage.keys-private" Always ["M17"] [] |_| Box::<laws::keys_private::KeysPrivate>::default(),
        "Private keys are written to files that nobody else may read, and nowhere else.";
    "storage.locks-exclusive" Always ["M18"] [Within] |settings| Box::new(laws::locks_exclusive::LocksExclusive::new(settings)),
        "A lock on a shared storage has one living holder at a time, and nobody else removes it.";
    "storage.nothing-left-behind" Always ["L10", "S8"] [] |_| Box::<laws::nothing_left_behind::NothingLeftBehind>::default(),
        "When a program has ended of its own accord, no temporary file and no lock of its is left.";
    "storage.removes-only-expired" Always ["S6"] [] |_| Box::<laws::removes_only_expired::RemovesOnlyExpired>::default(),
        "A certificate is removed from storage only after it has expired.";
    "storage.writes-mixed" Milestone ["S1"] [] |_| Box::<laws::writes_mixed::WritesMixed>::default(),
        "Two hosts write one file in place, and behind the shorter text stays the end of the longer one.";
    "visitors.always-served" Always ["V9"] [] |_| Box::<laws::always_served::AlwaysServed>::default(),
        "Once a name was served well, it is served at each later visit while its certificate lives.";
    "visitors.challenge-certificates-hidden" Always ["V3"] [] |_| Box::<laws::challenge_certificates_hidden::ChallengeCertificatesHidden>::default(),
        "What answers a tls-alpn-01 challenge is shown under acme-tls/1 alone, and nothing else is shown there.";
    "visitors.exact-beats-wildcard" Always ["V10"] [] |_| Box::<laws::exact_beats_wildcard::ExactBeatsWildcard>::default(),
        "A wildcard's certificate is shown only while it is valid, and to nobody whose name has a valid one of its own.";
    "visitors.handshake-within" Always ["L3", "V4", "V5"] [Within] |settings| Box::new(laws::handshake_within::HandshakeWithin::new(settings)),
        "No visitor's TLS handshake takes longer than the scenario allows, and none goes on for ever.";
    "visitors.names-match" Always ["V2"] [] |_| Box::<laws::names_match::NamesMatch>::default(),
        "The certificate that a visitor is served covers the name asked for; a wildcard covers one label.";
    "visitors.see-complete-chain" Always ["V7"] [] |_| Box::<laws::see_complete_chain::SeeCompleteChain>::default(),
        "The chain that a visitor is served is in order and valid by true time, and leads to a root.";
    "visitors.see-valid-certificate" Always ["V1"] [] |_| Box::<laws::see_valid_certificate::SeeValidCertificate>::default(),
        "No visitor is served a certificate that has expired or is not valid yet, by true time.";
    "visitors.staple-good" Always ["V6", "M13"] [] |_| Box::<laws::staple_good::StapleGood>::default(),
        "A staple says that the served certificate is good, now and in the issuer's words; who asks for one has it.";
    "visitors.unharmed-by-others" Always ["V8"] [] |_| Box::<laws::unharmed_by_others::UnharmedByOthers>::default(),
        "Whoever waits for an answer while another visitor hangs up is served all the same.";
    "world.no-deadlock" Always ["L3", "L4"] [] |_| Box::<laws::no_deadlock::NoDeadlock>::default(),
        "No tasks wait for each other for ever, and every operation ends.";
    "world.no-panic" Always ["M1"] [] |_| Box::<laws::no_panic::NoPanic>::default(),
        "No task panics.";
    "world.tasks-bounded" Always ["M20"] [AtMost] |settings| Box::new(laws::tasks_bounded::TasksBounded::new(settings)),
        "No host has more tasks alive at a time than the scenario allows.";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_says_what_each_law_means() {
        assert!(LAWS.is_sorted_by(|one, other| one.id < other.id));
        for entry in LAWS {
            assert!(entry.says.ends_with('.') && !entry.book.is_empty(), "{}", entry.id);
            let _ = (entry.make)(Settings::default());
        }
        assert!(find("manager.one-account").is_some() && find("manager.two-accounts").is_none());
    }
}

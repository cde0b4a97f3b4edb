//! Expectations: in which way something must hold, and the laws that say what.
//!
//! A law that is a claim ("every visitor sees a valid certificate") can be `always`; a law that is an event
//! ("a certificate is renewed") can be `never`, `eventually` or `sometimes`. Which law is which is part of
//! its row, so that a file can't ask for what could never fail.

use std::{num::NonZeroU32, time::Duration};

use crate::language::{
    condition::Condition,
    terms::{EventWord, LawWord},
    values::{Deadline, Share, Slug},
};

section! {
    /// What every expectation has: an id, and exactly one of `always`, `never`, `eventually`, `sometimes`, `finally`.
    pub(crate) struct ExpectationHead {
        /// What reports call it; unique in the scenario.
        "id" => id: Slug = required,
        /// A law that holds at every moment.
        "always" => always: LawWord = optional,
        /// Something that must not happen.
        "never" => never: EventWord = optional,
        /// Something that has to happen, at the latest `by`.
        "eventually" => eventually: EventWord = optional,
        /// Something that has to happen in at least one seed, or the scenario proves nothing.
        "sometimes" => sometimes: EventWord = optional,
        /// A law that holds when it last had something to judge, whatever came before.
        "finally" => finally: LawWord = optional,
        /// With `eventually`: at the latest then.
        "by" => by: Deadline = optional,
        /// With `always` and `never`: judged only from then on.
        "after" => after: Deadline = optional,
        /// Leaves the expectation out of the cases where the matrix has these values.
        "unless" => unless: Condition = optional,
        /// In the cases where the matrix has these values, the expectation must FAIL in every seed: the defect must
        /// be caught.
        "violated" => violated: Condition = optional,
        /// With `violated`: in this share of seeds instead of in every one; held against the count by a binomial test.
        "share" => share: Share = optional,
    }
}

words! {
    /// What an expectation is about. Each is a law of the oracles' registry, by the same name.
    pub enum Law {
        /// No visitor is served a certificate that has expired or is not valid yet, by true time.
        "visitors.see-valid-certificate" [always finally] => VisitorsSeeValidCertificate {},
        /// The chain that a visitor is served is in order and valid by true time, and leads to a root.
        "visitors.see-complete-chain" [always finally] => VisitorsSeeCompleteChain {},
        /// The certificate that a visitor is served covers the name asked for; a wildcard covers one label.
        "visitors.names-match" [always finally] => VisitorsNamesMatch {},
        /// Once a name was served well, it is served at each later visit while its certificate lives.
        "visitors.always-served" [always finally] => VisitorsAlwaysServed {},
        /// No visitor's TLS handshake takes longer than this, from its first message to its end; one without end counts.
        "visitors.handshake-within" [always finally] => VisitorsHandshakeWithin {
            /// How long a handshake may take.
            "within" => within: Duration = required,
        },
        /// Before a certificate expires, a newer one for the same names has been downloaded.
        "manager.renews-before-expiry" [always finally] => ManagerRenewsBeforeExpiry {
            /// So long before the expiry at the latest.
            "margin" => margin: Duration = ["0s"],
        },
        /// Between two polls of one certificate's renewal information lie the answer's Retry-After and `at-least`.
        "manager.ari-poll-gap" [always finally] => ManagerAriPollGap {
            /// The least time between two polls, whatever the CA says.
            "at-least" => at_least: Duration = ["1m"],
        },
        /// The manager downloads a certificate for names that it had none for.
        "manager.certificate-obtained" [never eventually sometimes] => ManagerCertificateObtained {
            /// Exactly so often; left out: at least once.
            "times" => times: NonZeroU32 = optional,
        },
        /// The manager downloads a further certificate for names that it has one for.
        "manager.certificate-renewed" [never eventually sometimes] => ManagerCertificateRenewed {
            /// Exactly so often; left out: at least once.
            "times" => times: NonZeroU32 = optional,
        },
        /// A CA creates an account for a client.
        "manager.account-created" [never eventually sometimes] => ManagerAccountCreated {
            /// Exactly so often; left out: at least once.
            "times" => times: NonZeroU32 = optional,
        },
        /// A CA creates no more orders for its clients than this.
        "manager.new-orders" [always finally] => ManagerNewOrders {
            /// How many.
            "at-most" => at_most: u32 = required,
            /// In any stretch of this length; left out: in the whole run.
            "per" => per: Duration = optional,
        },
        /// A certificate and its private key, on disk and as served, belong together.
        "manager.active-pair-matches" [always finally] => ManagerActivePairMatches {},
        /// A challenge that the CA has accepted a POST for is not posted again.
        "manager.challenge-posted-once" [always finally] => ManagerChallengePostedOnce {},
        /// A TXT record that proves control stays until its authorization is over, and then goes in time.
        "manager.cleans-up-challenges" [always finally] => ManagerCleansUpChallenges {
            /// So long after its authorization is over at the latest, or after the start that follows a crash.
            "within" => within: Duration = ["1h"],
        },
        /// What was damaged of a managed name's or an account's files is replaced by something good in time.
        "manager.heals-storage" [always finally] => ManagerHealsStorage {
            /// So long after the damage at the latest, or after the start that follows it.
            "within" => within: Duration = ["1h"],
        },
        /// From an account's creation on, the disk durably holds the private key that the CA knows the account by.
        "manager.holds-accepted-key" [always finally] => ManagerHoldsAcceptedKey {},
        /// A resource is not asked again before the Retry-After of its last answer has passed.
        "manager.honors-retry-after" [always finally] => ManagerHonorsRetryAfter {},
        /// For one set of names, certificates come no faster than one for each third of their lifetime.
        "manager.issuance-rate" [always finally] => ManagerIssuanceRate {},
        /// At each CA, one account is created for a contact.
        "manager.one-account" [always finally] => ManagerOneAccount {},
        /// At most one order for a set of names is open at any time, unless a crash left one behind.
        "manager.one-open-order" [always finally] => ManagerOneOpenOrder {},
        /// A lock on a shared storage has one living holder at a time, and nobody else removes it.
        "storage.locks-exclusive" [always finally] => StorageLocksExclusive {
            /// A holder lives while it has given a sign so long ago at most.
            "within" => within: Duration = ["30s"],
        },
        /// The client sends no nonce twice; a POST that is tried again carries a new one (RFC 8555 §6.5).
        "nonces.single-use" [always finally] => NoncesSingleUse {},
        /// The CA accepts no nonce twice, gives none out twice, and gives a fresh one with each answer to a POST.
        "ca.nonces-single-use" [always finally] => CaNoncesSingleUse {},
        /// Before a certificate is issued, all remote perspectives but one, or two of six and more, see the proof.
        "ca.issues-only-corroborated" [always finally] => CaIssuesOnlyCorroborated {
            /// How many remote perspectives the CA has.
            "perspectives" => perspectives: u32 = required,
        },
        /// No certificate is good for longer than this, its first and last second included.
        "ca.certificate-lifetime" [always finally] => CaCertificateLifetime {
            /// How long; left out: as long as the Baseline Requirements allow on the day that it begins.
            "within" => within: Duration = optional,
        },
        /// Serial numbers are positive, have 20 octets at most, differ at each issuer and look like 64 random bits.
        "ca.serial-numbers" [always finally] => CaSerialNumbers {},
        /// An order expires no later than an authorization that it takes over.
        "ca.order-within-authorizations" [always finally] => CaOrderWithinAuthorizations {},
        /// Whom the CA refuses for CAA's sake, CAA refuses.
        "ca.refuses-only-for-caa" [always finally] => CaRefusesOnlyForCaa {},
        /// The times that a CA's answers show differ no more than this, from whichever of its machines they come.
        "ca.clocks-agree" [always finally] => CaClocksAgree {
            /// How far they may be apart.
            "within" => within: Duration = ["1m"],
        },
        /// A certificate's names are exactly those of its order and of its CSR.
        "ca.issues-only-ordered-names" [always finally] => CaIssuesOnlyOrderedNames {},
        /// Statuses only change as RFC 8555 §7.1.6 allows.
        "ca.legal-transitions" [always finally] => CaLegalTransitions {},
        /// Once an account's key was changed, the account is known by the new one.
        "ca.new-key-accepted" [always finally] => CaNewKeyAccepted {},
        /// Once an account's key was changed, what is signed by an old one is refused.
        "ca.old-key-refused" [always finally] => CaOldKeyRefused {},
        /// For each name issued, control was proved before.
        "ca.validates-before-issuing" [always finally] => CaValidatesBeforeIssuing {},
        /// At issuance, CAA has been looked up for each name, less than eight hours or the records' TTL before.
        "ca.rechecks-caa" [always finally] => CaRechecksCaa {},
        /// No certificate is issued for a name whose CAA records in force forbid it (RFC 8659, RFC 8657).
        "ca.never-issues-against-caa" [always finally] => CaNeverIssuesAgainstCaa {},
        /// Each renewal window that the CA gives has a start and an end, and ends after it starts.
        "ca.ari-window-sane" [always finally] => CaAriWindowSane {},
        /// What a storage holds, at rest and as programs read it, is an old value or a new one, whole.
        "storage.files-parse" [always finally] => StorageFilesParse {},
        /// Two hosts write one file in place, and behind the shorter text stays the end of the longer one.
        "storage.writes-mixed" [never eventually sometimes] => StorageWritesMixed {},
        /// No task panics.
        "world.no-panic" [always finally] => WorldNoPanic {},
        /// No tasks wait for each other for ever, and every operation ends.
        "world.no-deadlock" [always finally] => WorldNoDeadlock {},
    }
}

/// The arguments of laws, by name.
impl Law {
    /// `at-least`.
    #[must_use]
    pub fn at_least(&self) -> Option<Duration> {
        if let Self::ManagerAriPollGap { at_least } = self { Some(*at_least) } else { None }
    }

    /// `within`.
    #[must_use]
    pub fn within(&self) -> Option<Duration> {
        if let Self::ManagerHealsStorage { within }
        | Self::ManagerCleansUpChallenges { within }
        | Self::VisitorsHandshakeWithin { within }
        | Self::CaClocksAgree { within } = self
        {
            Some(*within)
        } else if let Self::CaCertificateLifetime { within } = self {
            *within
        } else {
            None
        }
    }

    /// `perspectives`.
    #[must_use]
    pub fn perspectives(&self) -> Option<u32> {
        if let Self::CaIssuesOnlyCorroborated { perspectives } = self { Some(*perspectives) } else { None }
    }

    /// `margin`.
    #[must_use]
    pub fn margin(&self) -> Duration {
        if let Self::ManagerRenewsBeforeExpiry { margin } = self { *margin } else { Duration::ZERO }
    }

    /// `at-most` of a count, and `per`.
    #[must_use]
    pub fn at_most(&self) -> (Option<u32>, Option<Duration>) {
        if let Self::ManagerNewOrders { at_most, per } = self { (Some(*at_most), *per) } else { (None, None) }
    }

    /// `times`.
    #[must_use]
    pub fn times(&self) -> Option<NonZeroU32> {
        if let Self::ManagerCertificateObtained { times }
        | Self::ManagerCertificateRenewed { times }
        | Self::ManagerAccountCreated { times } = self
        {
            *times
        } else {
            None
        }
    }
}

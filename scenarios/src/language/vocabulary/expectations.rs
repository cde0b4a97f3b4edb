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
        /// What answers a tls-alpn-01 challenge is shown under `acme-tls/1` alone, and nothing else is shown there.
        "visitors.challenge-certificates-hidden" [always finally] => VisitorsChallengeCertificatesHidden {},
        /// A wildcard's certificate is shown only while it is valid, and to nobody whose name has a valid one of its own.
        "visitors.exact-beats-wildcard" [always finally] => VisitorsExactBeatsWildcard {},
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
        /// On demand, no name is ordered that the operator's server, a host of kind `ask`, did not allow just before.
        "manager.orders-only-allowed" [always finally] => ManagerOrdersOnlyAllowed {
            /// How old its answer may be at most.
            "within" => within: Duration = ["2m"],
        },
        /// At most one order for a set of names is open at any time, unless a crash left one behind.
        "manager.one-open-order" [always finally] => ManagerOneOpenOrder {},
        /// Orders say what they replace only to the CA that issued it, as the account that has it, and not after a refusal.
        "manager.replaces-where-it-belongs" [always finally] => ManagerReplacesWhereItBelongs {},
        /// A lock on a shared storage has one living holder at a time, and nobody else removes it.
        "storage.locks-exclusive" [always finally] => StorageLocksExclusive {
            /// A holder lives while it has given a sign so long ago at most.
            "within" => within: Duration = ["30s"],
        },
        /// Renewal information is asked for, and acted upon, by the identifier of the very certificate.
        "manager.ari-of-own-certificate" [always finally] => ManagerAriOfOwnCertificate {},
        /// Between failed attempts for the same names lie waits that do not shrink until one succeeds, except where the
        /// CA asked for one; and no more than `at-most` validations of a name fail in an hour.
        "manager.backs-off" [always finally] => ManagerBacksOff {
            /// The least wait after a failure.
            "at-least" => at_least: Duration = ["30s"],
            /// How many validations of a name may fail in an hour.
            "at-most" => at_most: u32 = ["5"],
        },
        /// Where one CA fails to issue, a certificate comes all the same, from it or another CA.
        "manager.falls-back" [always finally] => ManagerFallsBack {
            /// So long after the first failure at the latest.
            "within" => within: Duration = ["10m"],
        },
        /// A key that a client has heard to be compromised is in none of its CSRs any more.
        "manager.compromised-key-unused" [always finally] => ManagerCompromisedKeyUnused {},
        /// What a client hears to be revoked, by OCSP or by a revocation list, is replaced soon after.
        "manager.replaces-revoked" [always finally] => ManagerReplacesRevoked {
            /// How soon after the client heard of it.
            "within" => within: Duration = ["1h"],
        },
        /// Success resets the back-off: the first retry after a later failure comes soon.
        "manager.forgets-failures" [always finally] => ManagerForgetsFailures {
            /// How soon.
            "within" => within: Duration = ["10m"],
        },
        /// No authorization stays pending at the CA once nobody works on its order any more.
        "manager.leaves-nothing-open" [always finally] => ManagerLeavesNothingOpen {
            /// How long nobody says anything about the order before nobody works on it.
            "within" => within: Duration = ["30m"],
        },
        /// Renewal information is asked for again when the CA said it should be, by the clock on the wall.
        "manager.looks-on-time" [always finally] => ManagerLooksOnTime {
            /// How much later at the most, also after a sleep.
            "within" => within: Duration = ["30m"],
        },
        /// Whoever runs a manager hears of each attempt that fails, unless there is a certificate after all.
        "manager.tells-failures" [always finally] => ManagerTellsFailures {
            /// How soon after the CA has shown the failure.
            "within" => within: Duration = ["5m"],
        },
        /// Nothing of an order is asked for again and again without a pause.
        "manager.no-hot-loop" [always finally] => ManagerNoHotLoop {
            /// How often one thing may be asked for.
            "at-most" => at_most: u32 = ["10"],
            /// In any stretch of this length.
            "per" => per: Duration = ["10s"],
        },
        /// What the CA wants renewed is renewed by the end of the window that it gives, or soon after.
        "manager.renews-in-window" [always finally] => ManagerRenewsInWindow {
            /// How soon after the window's end, or after the client heard of it if that is later.
            "within" => within: Duration = ["1h"],
        },
        /// Every host on a disk serves the newest certificate that the disk has held for long enough.
        "nodes.serve-newest" [always finally] => NodesServeNewest {
            /// How long.
            "within" => within: Duration = ["2h"],
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
        /// When a program has ended of its own accord, no temporary file and no lock of its is left.
        "storage.nothing-left-behind" [always finally] => StorageNothingLeftBehind {},
        /// A certificate is removed from storage only after it has expired.
        "storage.removes-only-expired" [always finally] => StorageRemovesOnlyExpired {},
        /// Private keys are written to files that nobody else may read, and nowhere else.
        "storage.keys-private" [always finally] => StorageKeysPrivate {},
        /// Two hosts write one file in place, and behind the shorter text stays the end of the longer one.
        "storage.writes-mixed" [never eventually sometimes] => StorageWritesMixed {},
        /// A staple says that the served certificate is good, now and in the issuer's words; who asks for one has it.
        "visitors.staple-good" [always finally] => VisitorsStapleGood {},
        /// Whoever waits for an answer while another visitor hangs up is served all the same.
        "visitors.unharmed-by-others" [always finally] => VisitorsUnharmedByOthers {},
        /// No host has more tasks alive at a time than this; it is told in steps of some dozens.
        "world.tasks-bounded" [always finally] => WorldTasksBounded {
            /// How many.
            "at-most" => at_most: u32 = required,
        },
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
        if let Self::ManagerAriPollGap { at_least } | Self::ManagerBacksOff { at_least, .. } = self {
            Some(*at_least)
        } else {
            None
        }
    }

    /// `within`.
    #[must_use]
    pub fn within(&self) -> Option<Duration> {
        if let Self::ManagerHealsStorage { within }
        | Self::ManagerOrdersOnlyAllowed { within }
        | Self::ManagerFallsBack { within }
        | Self::ManagerForgetsFailures { within }
        | Self::ManagerLeavesNothingOpen { within }
        | Self::ManagerLooksOnTime { within }
        | Self::ManagerRenewsInWindow { within }
        | Self::ManagerReplacesRevoked { within }
        | Self::ManagerTellsFailures { within }
        | Self::NodesServeNewest { within }
        | Self::StorageLocksExclusive { within }
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
        if let Self::ManagerNewOrders { at_most, per } = self {
            (Some(*at_most), *per)
        } else if let Self::ManagerNoHotLoop { at_most, per } = self {
            (Some(*at_most), Some(*per))
        } else if let Self::ManagerBacksOff { at_most, .. } | Self::WorldTasksBounded { at_most } = self {
            (Some(*at_most), None)
        } else {
            (None, None)
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        language::decode::Words,
        oracles::{LAWS, Parameter},
    };

    #[test]
    fn what_can_be_set_on_a_law_is_what_it_heeds() {
        for law in Law::WORDS {
            let entry = LAWS.iter().find(|entry| entry.id == law.name).expect("each is a law of the registry");
            let mut heeded: Vec<&str> = entry.parameters.iter().copied().map(Parameter::name).collect();
            // How often something has to happen is for the expectation to count.
            let mut set: Vec<&str> = law.keys.iter().map(|key| key.name).filter(|name| *name != "times").collect();
            heeded.sort_unstable();
            set.sort_unstable();
            assert_eq!(set, heeded, "{}", law.name);
        }
    }
}

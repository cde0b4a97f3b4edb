//! [`Event`]: what a manager tells of its work; and [`Events`], where that is heard.
//!
//! Nobody has to listen, and whoever does holds nobody up: what is not heard in time is dropped, the oldest first, and
//! the listener learns how much.

use std::{fmt, sync::Arc};

use time::UtcDateTime;
use tokio::sync::broadcast::{self, error::RecvError};
use url::Url;

use crate::{
    acme::{address::Address, reading::format_time},
    name::{Name, Names},
};

/// How much is kept for a listener who is slow.
const KEPT_MAX: usize = 1_024;

/// Something that a manager did, or that happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A CA is asked for a certificate.
    Obtaining {
        /// For these names.
        names: Names,
        /// The CA's directory.
        issuer: Url,
    },
    /// A CA has issued.
    Obtained {
        /// For these names.
        names: Names,
        /// The CA's directory.
        issuer: Url,
        /// When the certificate expires.
        not_after: UtcDateTime,
        /// Whether there was one before.
        is_renewal: bool,
    },
    /// A CA has not issued. It, or the next one, is asked again without anybody's doing.
    Failed {
        /// For these names.
        names: Names,
        /// The CA's directory.
        issuer: Url,
        /// Why, for people.
        reason: String,
    },
    /// A name on demand was denied when an order for it was due.
    Denied {
        /// The names.
        names: Names,
    },
    /// The account is over at its CA (RFC 8555 §7.3.6), and another one has taken its place.
    AccountReplaced {
        /// The CA's directory.
        issuer: Url,
        /// The address of the account that is over, if it was known.
        former: Option<Address>,
    },
    /// Storage could not be read or written when an order was due; that is tried again.
    StorageTrouble {
        /// For these names.
        names: Names,
        /// Why, for people.
        reason: String,
    },
    /// What a CA's responder says about a certificate is of no use, or it says nothing. It is asked again; until then
    /// visitors are shown what was said before, while that holds.
    StapleRefused {
        /// The certificate's names.
        names: Names,
        /// Why, for people.
        reason: String,
    },
    /// A CA has taken a certificate back. Another one is ordered at once.
    Revoked {
        /// The certificate's names.
        names: Names,
        /// The CA's directory.
        issuer: Url,
        /// Why, for people.
        reason: String,
    },
    /// A CA has not revoked a certificate that the operator wants revoked. It is asked again without anybody's doing.
    NotRevoked {
        /// The certificate's names.
        names: Names,
        /// The CA's directory.
        issuer: Url,
        /// Why, for people.
        reason: String,
    },
    /// The key of a certificate counts as known to others. It is kept under a name that says so, and never used again.
    KeyPutAside {
        /// The certificate's names.
        names: Names,
    },
    /// A CA has terms of service that the operator has not agreed to, as far as is known. They are to be read, and agreed to in
    /// the way that the CA tells; one that minds issues nothing until then.
    TermsOfService {
        /// The CA's directory.
        issuer: Url,
        /// Where the terms are.
        terms: String,
    },
    /// A CA says why it suggests when to renew a certificate (RFC 9773 §4.2).
    RenewalExplained {
        /// The certificate's names.
        names: Names,
        /// The CA's directory.
        issuer: Url,
        /// A page for people.
        explanation: String,
    },
    /// A name on demand has made room for another one; storage keeps its certificate.
    Evicted {
        /// The name.
        name: Name,
    },
    /// Names that the operator has taken from the list are not looked after any more.
    Retired {
        /// The names.
        names: Names,
    },
}

/// Decides what is told.
pub trait Telling: fmt::Debug + Send + Sync {
    /// Whether `event` is.
    fn tells(&self, event: &Event) -> bool;
}

/// Everything is told: what an operator does not hear of, nobody looks after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TellsAll;

impl Telling for TellsAll {
    fn tells(&self, _event: &Event) -> bool {
        true
    }
}

/// A sentence for a person's log.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Obtaining { names, issuer } => write!(f, "{names}: asking {issuer} for a certificate"),
            Self::Obtained { names, issuer, not_after, is_renewal } => {
                let what = if *is_renewal { "renewed" } else { "obtained" };
                let until = format_time(*not_after).unwrap_or_else(|| not_after.to_string());
                write!(f, "{names}: certificate {what} from {issuer}, valid until {until}")
            }
            Self::Failed { names, issuer, reason } => {
                write!(f, "{names}: no certificate from {issuer}, which will be asked again: {reason}")
            }
            Self::Denied { names } => write!(f, "{names}: whoever decides about names does not allow a certificate"),
            Self::AccountReplaced { issuer, former: Some(former) } => {
                write!(f, "{issuer}: the account {former} is over, and another has taken its place")
            }
            Self::AccountReplaced { issuer, former: None } => {
                write!(f, "{issuer}: the account is over, and another has taken its place")
            }
            Self::StorageTrouble { names, reason } => {
                write!(f, "{names}: the storage failed, so no certificate is ordered until it works again: {reason}")
            }
            Self::StapleRefused { names, reason } => {
                write!(
                    f,
                    "{names}: nothing new is known of the certificate's status, which will be asked for again: {reason}"
                )
            }
            Self::Revoked { names, issuer, reason } => {
                write!(f, "{names}: {issuer} has revoked the certificate ({reason}), which is being replaced")
            }
            Self::NotRevoked { names, issuer, reason } => {
                write!(f, "{names}: {issuer} has not revoked the certificate, and will be asked again: {reason}")
            }
            Self::KeyPutAside { names } => {
                write!(
                    f,
                    "{names}: the certificate's key counts as known to others and was put aside, never to be used again"
                )
            }
            Self::TermsOfService { issuer, terms } => {
                write!(f, "{issuer} has terms of service to be read and agreed to: {terms}")
            }
            Self::RenewalExplained { names, issuer, explanation } => {
                write!(f, "{names}: {issuer} explains when it suggests to renew: {explanation}")
            }
            Self::Evicted { name } => write!(f, "{name}: made room for another name, and is kept in the storage"),
            Self::Retired { names } => write!(f, "{names}: no longer looked after, as the operator has it"),
        }
    }
}

/// Tells whoever listens.
#[derive(Clone)]
pub(super) struct Announcer {
    sender: broadcast::Sender<Event>,
    telling: Arc<dyn Telling>,
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Announcer({} listeners)", self.sender.receiver_count())
    }
}

impl Announcer {
    pub(super) fn new(telling: Arc<dyn Telling>) -> Self {
        Self { sender: broadcast::Sender::new(KEPT_MAX), telling }
    }

    /// Tells it, if anybody listens.
    pub(super) fn tell(&self, event: Event) {
        if self.telling.tells(&event) {
            drop(self.sender.send(event));
        }
    }

    /// A listener to all that is told from now on.
    pub(super) fn listener(&self) -> Events {
        Events(self.sender.subscribe())
    }
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An event.
    Event(Event),
    /// The listener was too slow for so many events.
    Missed(u64),
}

/// A sentence for a person's log.
impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => event.fmt(f),
            Self::Missed(missed) => write!(f, "{missed} events were missed: they came faster than they were read"),
        }
    }
}

/// The events of a manager, from when this was made.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    /// The next one; `None` once the manager is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_sentence() {
        let names = Names::of("www.example.org".parse().unwrap());
        let issuer: Url = "https://ca.test/dir".parse().unwrap();
        let not_after = time::macros::utc_datetime!(2026-11-21 06:00:00);
        let told = [
            Event::Obtained { names: names.clone(), issuer: issuer.clone(), not_after, is_renewal: true },
            Event::Failed { names: names.clone(), issuer, reason: "rateLimited (429)".to_owned() },
            Event::Retired { names },
        ];
        assert_eq!(
            told.map(|event| Heard::Event(event).to_string()),
            [
                "www.example.org: certificate renewed from https://ca.test/dir, valid until 2026-11-21T06:00:00Z",
                "www.example.org: no certificate from https://ca.test/dir, which will be asked again: rateLimited (429)",
                "www.example.org: no longer looked after, as the operator has it",
            ]
        );
        assert!(Heard::Missed(2).to_string().starts_with("2 events"));
    }

    #[tokio::test]
    async fn a_slow_listener_holds_nobody_up_and_learns_what_it_missed() {
        let announcer = Announcer::new(Arc::new(TellsAll));
        let told = |number: usize| Event::Evicted { name: format!("n{number}.test").parse().unwrap() };
        announcer.tell(told(0));
        let mut events = announcer.listener();
        for number in 1..KEPT_MAX + 3 {
            announcer.tell(told(number));
        }
        assert_eq!(events.next().await, Some(Heard::Missed(2)));
        assert_eq!(events.next().await, Some(Heard::Event(told(3))));
        drop(announcer);
        let mut left = 0;
        while events.next().await.is_some() {
            left += 1;
        }
        assert_eq!(left, KEPT_MAX - 1);
    }
}

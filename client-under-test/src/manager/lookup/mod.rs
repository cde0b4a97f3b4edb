//! [`Certificates`]: from a client's [`Hello`] to the certificate that it is shown.
//!
//! A lookup is a plain function call: it takes no lock, allocates nothing and waits for nobody, whatever comes of it. There
//! is one table from names to slots, and a slot is never changed, only replaced by another one, at one atomic point: who reads
//! meanwhile sees the one or the other, and one certificate among a million is exchanged as fast as one among ten.
//!
//! Nothing here knows what shows the certificate: `C` is a key and its chain in whatever form a TLS library wants them. Time
//! comes in as an argument, and the table's hashes are seeded by whoever makes it.

pub mod hello;
mod key;
pub mod schemes;
mod slot;

use std::{
    fmt,
    sync::{Arc, Weak},
};

use foldhash::fast::FixedState;
pub use hello::{Hello, Protocols};
use key::{Asked, Key};
use papaya::{Guard, HashMap, Operation, ResizeMode};
pub use schemes::Schemes;
use slot::{Candidate, Slot};
pub use slot::{Shown, Source, Stapled};
use time::UtcDateTime;

use crate::name::Name;

/// What a client is to be shown.
#[derive(Debug)]
pub enum Found<C> {
    /// What it asks for, and it is valid.
    Valid(Arc<C>),
    /// What it asks for, but expired or not valid yet. It is shown if nothing better can be had, so that the visitor learns
    /// why.
    Invalid(Arc<C>),
    /// Nothing is known of the name; this is what is shown in its place.
    Fallback(Arc<C>),
    /// Nothing.
    Nothing,
}

impl<C> Found<C> {
    /// What is shown, whatever speaks against it.
    #[must_use]
    pub fn certified(self) -> Option<Arc<C>> {
        match self {
            Self::Valid(certified) | Self::Invalid(certified) | Self::Fallback(certified) => Some(certified),
            Self::Nothing => None,
        }
    }
}

/// Names that stand in for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandIns {
    /// Asked for by visitors who name nobody.
    pub default: Option<Name>,
    /// Shown where nothing is known of the name that a visitor, or the default, stands for.
    pub fallback: Option<Name>,
}

/// The certificates that visitors and validation authorities are shown, by name.
pub struct Certificates<C> {
    by_name: HashMap<Key, Slot<C>, FixedState>,
    challenges: HashMap<Key, Weak<C>, FixedState>,
    stand_ins: StandIns,
}

impl<C> Certificates<C> {
    /// No certificates yet. `seed` decides where in memory names come to lie, and nothing else.
    #[must_use]
    pub fn new(seed: u64, stand_ins: StandIns) -> Self {
        Self { by_name: table(seed), challenges: table(seed), stand_ins }
    }

    /// The name that a visitor asks for, in words or by saying nothing.
    #[must_use]
    pub fn asked<'a, S>(&'a self, hello: &Hello<'a, S>) -> Option<&'a str> {
        hello.server_name.or(self.stand_ins.default.as_ref().map(Name::as_str))
    }

    /// What a client is to be shown at `now`.
    ///
    /// A visitor: of what is valid, signs by a scheme that it offers and, if it asks for a staple, has one, the certificate of
    /// the very name before that of the wildcard, and ECDSA before RSA. If there is no such, one without its staple, which not
    /// every visitor minds. If there is none either, one that is valid: its refusal tells more than silence. If none is, one
    /// that is not. If there is none at all, that of the fallback.
    ///
    /// A validation authority: what was made for it, and nothing else (RFC 8737 §3).
    #[inline]
    #[must_use]
    pub fn find<S: Copy + Into<u16>>(&self, hello: &Hello<'_, S>, now: UtcDateTime) -> Found<C> {
        match hello.protocols {
            Protocols::Ordinary => {}
            Protocols::AcmeTls => return self.find_challenge(hello.server_name),
            Protocols::AcmeTlsAmongOthers => return Found::Nothing,
        }
        let Some(name) = self.asked(hello) else { return Found::Nothing };
        let guard = self.by_name.guard();
        let found = self.find_for(name, hello.signature_schemes, now, &guard);
        match (&found, &self.stand_ins.fallback) {
            (Found::Nothing, Some(fallback)) => {
                match self.find_for(fallback.as_str(), hello.signature_schemes, now, &guard).certified() {
                    Some(certified) => Found::Fallback(certified),
                    None => Found::Nothing,
                }
            }
            (Found::Nothing, None) | (Found::Valid(_) | Found::Invalid(_) | Found::Fallback(_), _) => found,
        }
    }

    #[inline]
    fn find_for<S: Copy + Into<u16>>(
        &self,
        name: &str,
        offered: &[S],
        now: UtcDateTime,
        guard: &impl Guard,
    ) -> Found<C> {
        let is_best =
            |shown: &Shown<C>| shown.is_valid_at(now) && shown.schemes.suit(offered) && shown.is_complete_at(now);
        let best = |slot: &Slot<C>| {
            let candidate = slot.candidates().iter().find(|candidate| is_best(&candidate.shown));
            candidate.map(|candidate| Found::Valid(candidate.shown.certified_at(now)))
        };
        let exact = self.by_name.get(&Asked::Exact(name), guard);
        if let Some(found) = exact.and_then(best) {
            return found;
        }
        let wildcard = Asked::wildcard_of(name).and_then(|wildcard| self.by_name.get(&wildcard, guard));
        if let Some(found) = wildcard.and_then(best) {
            return found;
        }
        let others = exact.into_iter().chain(wildcard).flat_map(Slot::candidates).map(|candidate| &candidate.shown);
        // Of equal ones the first is taken.
        let faults =
            |shown: &&Shown<C>| (!shown.is_valid_at(now), !shown.schemes.suit(offered), !shown.is_complete_at(now));
        match others.min_by_key(faults) {
            Some(shown) if shown.is_valid_at(now) => Found::Valid(shown.certified_at(now)),
            Some(shown) => Found::Invalid(shown.certified_at(now)),
            None => Found::Nothing,
        }
    }

    fn find_challenge(&self, name: Option<&str>) -> Found<C> {
        let Some(name) = name else { return Found::Nothing };
        match self.challenges.pin().get(&Asked::Exact(name)).and_then(Weak::upgrade) {
            Some(certified) => Found::Valid(certified),
            None => Found::Nothing,
        }
    }

    /// Shows the visitors of `name` what `source` gives from now on. What it gave before is kept only for as long as the new
    /// certificate is not valid yet, which happens when this host's clock is behind the CA's, or lacks the staple that it asks
    /// for.
    pub fn insert(&self, name: &Name, source: Source, shown: &Shown<C>, now: UtcDateTime) {
        self.change(name, |former| {
            let is_good = |shown: &Shown<C>| shown.is_valid_at(now) && shown.is_complete_at(now);
            let is_kept = |former: &Candidate<C>| former.source != source || is_good(&former.shown) && !is_good(shown);
            // The newest comes first, so that of two that are equal otherwise it is what is shown.
            let new = std::iter::once(Candidate { source, shown: shown.clone() });
            new.chain(former.iter().filter(|former| is_kept(former)).cloned()).collect()
        });
    }

    /// Shows the visitors of `name` what `source` gives, unless it has given something already.
    pub fn insert_first(&self, name: &Name, source: Source, shown: &Shown<C>) {
        self.change(name, |former| {
            let is_there = former.iter().any(|former| former.source == source);
            let new = (!is_there).then(|| Candidate { source, shown: shown.clone() });
            former.iter().cloned().chain(new).collect()
        });
    }

    /// Shows the visitors of `name` nothing of `source` any more.
    pub fn remove(&self, name: &Name, source: Source) {
        self.change(name, |former| former.iter().filter(|former| former.source != source).cloned().collect());
    }

    /// Replaces the slot of `name`. If another is quicker, `change` is asked once more.
    fn change(&self, name: &Name, change: impl Fn(&[Candidate<C>]) -> Vec<Candidate<C>>) {
        let replace = |former: Option<(&Key, &Slot<C>)>| {
            let candidates = change(former.map_or(&[], |(_, slot)| slot.candidates()));
            match (Slot::new(candidates), former) {
                (Some(slot), _) => Operation::Insert(slot),
                (None, Some(_)) => Operation::Remove,
                (None, None) => Operation::Abort(()),
            }
        };
        self.by_name.pin().compute(Key::new(name), replace);
    }

    /// Shows `certified` to whoever validates `name` by tls-alpn-01, for as long as somebody owns it.
    pub fn insert_challenge(&self, name: &Name, certified: &Arc<C>) {
        let challenges = self.challenges.pin();
        challenges.retain(|_, former| former.strong_count() > 0);
        challenges.insert(Key::new(name), Arc::downgrade(certified));
    }
}

/// An empty table. When it grows, the one who adds a name moves all the others at once: moved little by little, names
/// would have to be looked for in several tables until enough others have been added, by readers who wait for none of it.
fn table<V>(seed: u64) -> HashMap<Key, V, FixedState> {
    HashMap::builder().hasher(FixedState::with_seed(seed)).resize_mode(ResizeMode::Blocking).build()
}

impl<C> fmt::Debug for Certificates<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({} names)", self.by_name.len())
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use time::{Duration as Span, macros::utc_datetime};

    use super::*;

    const BEGIN: UtcDateTime = utc_datetime!(2026-11-21 00:00:00);
    const P256: u16 = 0x0403;
    const RSA: u16 = 0x0804;
    const ED25519: u16 = 0x0807;

    /// Certificates that are their own descriptions.
    fn certificates(stand_ins: StandIns) -> Certificates<&'static str> {
        Certificates::new(7, stand_ins)
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn shown(what: &'static str, scheme: u16, days: std::ops::Range<i64>) -> Shown<&'static str> {
        Shown {
            certified: Arc::new(what),
            schemes: Schemes::new([scheme]),
            not_before: BEGIN + Span::days(days.start),
            not_after: BEGIN + Span::days(days.end),
            stapled: None,
            must_staple: false,
        }
    }

    fn add(certificates: &Certificates<&'static str>, of: &str, source: Source, shown: &Shown<&'static str>) {
        certificates.insert(&name(of), source, shown, BEGIN);
    }

    fn find(
        certificates: &Certificates<&'static str>,
        server_name: Option<&str>,
        signature_schemes: &[u16],
        day: i64,
    ) -> Found<&'static str> {
        let hello = Hello { server_name, signature_schemes, protocols: Protocols::Ordinary };
        certificates.find(&hello, BEGIN + Span::days(day))
    }

    fn visit(certificates: &Certificates<&'static str>, server_name: &str, day: i64) -> String {
        match find(certificates, Some(server_name), &[P256], day) {
            Found::Valid(what) => what.to_string(),
            Found::Invalid(what) => format!("{what}, invalid"),
            Found::Fallback(what) => format!("{what}, in its place"),
            Found::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn a_valid_wildcard_beats_an_expired_exact_name_and_not_otherwise() {
        let certificates = certificates(StandIns::default());
        add(&certificates, "a.test", Source::Managed, &shown("exact", P256, 0..10));
        add(&certificates, "*.test", Source::Managed, &shown("wildcard", P256, 0..20));
        assert_eq!(visit(&certificates, "a.test", 1), "exact");
        assert_eq!(visit(&certificates, "a.test", 15), "wildcard");
        assert_eq!(visit(&certificates, "a.test", 25), "exact, invalid");
        assert_eq!(visit(&certificates, "b.test", 1), "wildcard");
        assert_eq!(visit(&certificates, "b.test", 25), "wildcard, invalid");
        for stranger in ["test", "b.a.test", "", "a.test.other", "A.test.", "a.test."] {
            assert_eq!(visit(&certificates, stranger, 1), "nothing", "{stranger}");
        }
    }

    #[test]
    fn of_several_certificates_the_client_gets_one_that_it_can_verify_and_ecdsa_before_rsa() {
        let certificates = certificates(StandIns::default());
        add(&certificates, "a.test", Source::External(1), &shown("rsa", RSA, 0..10));
        add(&certificates, "a.test", Source::Managed, &shown("ecdsa", P256, 0..5));
        add(&certificates, "*.test", Source::External(0), &shown("wildcard", ED25519, 0..10));
        let find = |schemes: &[u16], day| match find(&certificates, Some("a.test"), schemes, day) {
            Found::Valid(what) => *what,
            Found::Invalid(_) | Found::Fallback(_) | Found::Nothing => "none",
        };
        assert_eq!(find(&[RSA, P256, ED25519], 1), "ecdsa");
        assert_eq!(find(&[RSA], 1), "rsa");
        assert_eq!(find(&[RSA, P256], 7), "rsa");
        assert_eq!(find(&[ED25519], 1), "wildcard");
        assert_eq!(find(&[P256], 7), "rsa", "what it can't verify, for its refusal tells more than silence");
        assert_eq!(find(&[], 1), "ecdsa");
    }

    #[test]
    fn who_names_nobody_gets_the_default_and_who_names_a_stranger_the_fallback() {
        let visit = |stand_ins: StandIns, server_name: Option<&str>| {
            let certificates = certificates(stand_ins);
            add(&certificates, "a.test", Source::Managed, &shown("a", P256, 0..10));
            add(&certificates, "*.b.test", Source::Managed, &shown("b", P256, 0..10));
            find(&certificates, server_name, &[P256], 1)
        };
        let stand_ins = StandIns { default: Some(name("x.b.test")), fallback: Some(name("a.test")) };
        assert!(matches!(visit(StandIns::default(), None), Found::Nothing));
        assert!(matches!(visit(StandIns::default(), Some("c.test")), Found::Nothing));
        assert!(matches!(visit(stand_ins.clone(), None), Found::Valid(found) if *found == "b"));
        assert!(matches!(visit(stand_ins.clone(), Some("c.test")), Found::Fallback(found) if *found == "a"));
        assert!(matches!(visit(stand_ins, Some("a.test")), Found::Valid(_)));
        let unknown = StandIns { default: Some(name("c.test")), fallback: Some(name("d.test")) };
        assert!(matches!(visit(unknown.clone(), None), Found::Nothing));
        assert!(matches!(visit(unknown, Some("c.test")), Found::Nothing));
    }

    #[test]
    fn a_new_certificate_takes_the_place_of_its_sources_former_one_once_it_is_valid() {
        let certificates = certificates(StandIns::default());
        add(&certificates, "a.test", Source::External(0), &shown("given", RSA, 0..90));
        for (what, days) in [("first", 0..10), ("from the future", 2..12), ("further", 3..13)] {
            add(&certificates, "a.test", Source::Managed, &shown(what, P256, days));
        }
        assert_eq!(visit(&certificates, "a.test", 1), "first");
        assert_eq!(visit(&certificates, "a.test", 11), "further");
        certificates.insert(&name("a.test"), Source::Managed, &shown("second", P256, 4..14), BEGIN + Span::days(4));
        assert_eq!(visit(&certificates, "a.test", 11), "second");
        assert_eq!(visit(&certificates, "a.test", 1), "given", "the others are gone");
        certificates.remove(&name("a.test"), Source::Managed);
        assert_eq!(visit(&certificates, "a.test", 11), "given");
        certificates.remove(&name("a.test"), Source::External(0));
        certificates.remove(&name("a.test"), Source::External(0));
        assert_eq!(visit(&certificates, "a.test", 11), "nothing");
    }

    #[test]
    fn a_staple_is_shown_while_it_holds_and_who_asks_for_one_is_shown_last_without() {
        let certificates = certificates(StandIns::default());
        let with_staple = |shown: &Shown<&'static str>, what, days| {
            let stapled = Stapled { certified: Arc::new(what), until: BEGIN + Span::days(days) };
            Shown { stapled: Some(Arc::new(stapled)), must_staple: true, ..shown.clone() }
        };
        let bare = Shown { must_staple: true, ..shown("bare", P256, 0..20) };
        add(&certificates, "a.test", Source::Managed, &shown("former", P256, 0..10));
        add(&certificates, "a.test", Source::Managed, &bare);
        assert_eq!(visit(&certificates, "a.test", 1), "former");
        assert_eq!(visit(&certificates, "a.test", 11), "bare");
        add(&certificates, "a.test", Source::Managed, &with_staple(&bare, "stapled", 5));
        assert_eq!(visit(&certificates, "a.test", 4), "stapled");
        assert_eq!(visit(&certificates, "a.test", 5), "bare", "the former one is gone");
        add(&certificates, "*.test", Source::Managed, &shown("wildcard", P256, 0..20));
        assert_eq!(visit(&certificates, "a.test", 4), "stapled");
        assert_eq!(visit(&certificates, "a.test", 5), "wildcard");
    }

    #[test]
    fn a_challenge_is_answered_exactly_while_somebody_owns_its_certificate_and_never_to_visitors() {
        let stand_ins = StandIns { default: Some(name("a.test")), fallback: Some(name("a.test")) };
        let certificates = certificates(stand_ins);
        let validate = |server_name, protocols| {
            certificates.find(&Hello { server_name, signature_schemes: &[P256], protocols }, BEGIN).certified()
        };
        let challenge = Arc::new("challenge");
        certificates.insert_challenge(&name("a.test"), &challenge);
        assert_eq!(validate(Some("a.test"), Protocols::AcmeTls).as_deref(), Some(&"challenge"));
        assert!(validate(Some("a.test"), Protocols::AcmeTlsAmongOthers).is_none());
        assert!(validate(Some("a.test"), Protocols::Ordinary).is_none());
        assert!(validate(None, Protocols::Ordinary).is_none());
        add(&certificates, "a.test", Source::Managed, &shown("ordinary", P256, 0..10));
        for nobody in [None, Some("b.test"), Some("")] {
            assert!(validate(nobody, Protocols::AcmeTls).is_none(), "{nobody:?}");
        }
        drop(challenge);
        assert!(validate(Some("a.test"), Protocols::AcmeTls).is_none());
        certificates.insert_challenge(&name("b.test"), &Arc::new("given up at once"));
        assert_eq!(certificates.challenges.len(), 1, "what nobody owns any more is forgotten");
        assert_eq!(validate(Some("a.test"), Protocols::Ordinary).as_deref(), Some(&"ordinary"));
    }
}

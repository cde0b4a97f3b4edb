//! [`Hierarchy`]: which roots and intermediates there are, and the chains from them to the leaves.
//!
//! One intermediate signs all leaves. Each root vouches for it, so that a leaf is good under every chain, as Pebble has
//! it; a chain's number is its place among the alternates of RFC 8555 §7.4.2.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use rcgen::BasicConstraints;
use sim::{Env, UtcDateTime};

use super::{
    AuthorityKey, KeyAlgorithm,
    authority::{Authority, Identity, dates},
};
use crate::timestamp::after;

/// The shape of what certificates are issued from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// The keys of roots and intermediates.
    pub key_algorithm: KeyAlgorithm,
    /// How many intermediates stand between a leaf and its root.
    pub intermediates: NonZeroU32,
    /// How many further roots there are, each with a chain of its own.
    pub alternate_roots: u32,
    /// Whether an older root vouches for the first one, for clients that do not know that one yet.
    pub cross_sign: Option<CrossSign>,
}

/// An older root's certificate for the first root, as the end of one chain more: the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossSign {
    /// When it expires, after the CA's beginning.
    pub lifetime: Duration,
    /// How long the chain with it is the default one, from the CA's beginning. It may outlast the certificate itself:
    /// Let's Encrypt went on so in September 2021, when DST Root CA X3 had ended.
    pub default_for: Duration,
}

impl Default for Hierarchy {
    fn default() -> Self {
        Self {
            key_algorithm: KeyAlgorithm::default(),
            intermediates: NonZeroU32::MIN,
            alternate_roots: 0,
            cross_sign: None,
        }
    }
}

/// A way from the leaves to a root.
pub(crate) struct Chain {
    pub(crate) root: Arc<Authority>,
    /// The one that signs the leaves comes first.
    pub(crate) intermediates: Vec<Arc<Authority>>,
    /// When the first of its certificates expires, the root's left aside.
    pub(crate) expires: UtcDateTime,
}

impl Chain {
    /// What signs the leaves.
    pub(crate) fn issuer(&self) -> &Authority {
        &self.intermediates[0]
    }
}

/// All chains, and which is the default one.
pub(crate) struct Chains {
    all: Vec<Chain>,
    /// Until then the last one is the default, and the first one from then on.
    last_until: Option<UtcDateTime>,
}

impl Chains {
    pub(super) fn new(env: &Env, hierarchy: &Hierarchy) -> Self {
        let intermediate_key = AuthorityKey::generate(env, hierarchy.key_algorithm, "ca/intermediate key");
        let mut all: Vec<Chain> =
            (0..=hierarchy.alternate_roots).map(|number| chain(env, hierarchy, number, &intermediate_key)).collect();
        all.extend(hierarchy.cross_sign.map(|cross_sign| cross_signed(env, hierarchy, &all[0], cross_sign)));
        let last_until = hierarchy.cross_sign.map(|cross_sign| after(env.utc_now(), cross_sign.default_for));
        Self { all, last_until }
    }

    /// In the order of their numbers.
    pub(crate) fn all(&self) -> &[Chain] {
        &self.all
    }

    /// The first one, whose root lasts as long as the CA.
    pub(crate) fn first(&self) -> &Chain {
        &self.all[0]
    }

    /// The number of the chain that is given to those who do not choose.
    pub(crate) fn default_number(&self, now: UtcDateTime) -> usize {
        match self.last_until {
            Some(until) if now < until => self.all.len() - 1,
            Some(_) | None => 0,
        }
    }
}

fn chain(env: &Env, hierarchy: &Hierarchy, number: u32, intermediate_key: &AuthorityKey) -> Chain {
    let root_key = AuthorityKey::generate(env, hierarchy.key_algorithm, "ca/root key");
    let root = Arc::new(Authority::root(env, &root_name(number), &root_key));
    let mut intermediates: Vec<Arc<Authority>> = Vec::new();
    for below in (0..hierarchy.intermediates.get()).rev() {
        let above = intermediates.first().unwrap_or(&root);
        let below_max = u8::try_from(below).unwrap_or(u8::MAX);
        let constraints = BasicConstraints::Constrained(below_max);
        let made = if below == 0 {
            let identity = Identity { name: "Gauntlet Intermediate", key: intermediate_key, constraints };
            above.intermediate(env, &identity)
        } else {
            let key = AuthorityKey::generate(env, hierarchy.key_algorithm, "ca/upper intermediate key");
            let name = format!("{} Intermediate {below}", root_name(number));
            above.intermediate(env, &Identity { name: &name, key: &key, constraints })
        };
        intermediates.insert(0, Arc::new(made));
    }
    Chain { root, intermediates, expires: dates(env).1 }
}

/// The first chain, with its root vouched for by an older one.
fn cross_signed(env: &Env, hierarchy: &Hierarchy, first: &Chain, cross_sign: CrossSign) -> Chain {
    let key = AuthorityKey::generate(env, hierarchy.key_algorithm, "ca/old root key");
    let old_root = Arc::new(Authority::root(env, "Gauntlet Old Root", &key));
    let name = root_name(0);
    let identity = Identity { name: &name, key: first.root.key(), constraints: BasicConstraints::Unconstrained };
    let cross = Arc::new(old_root.cross_sign(env, &identity, cross_sign.lifetime));
    let intermediates = first.intermediates.iter().cloned().chain([cross]).collect();
    Chain { root: old_root, intermediates, expires: after(env.utc_now(), cross_sign.lifetime) }
}

fn root_name(number: u32) -> String {
    match number {
        0 => "Gauntlet Root".to_owned(),
        more => format!("Gauntlet Root {}", more + 1),
    }
}

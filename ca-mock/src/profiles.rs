//! Profiles (draft-ietf-acme-profiles): kinds of certificates that the CA offers, for clients to choose from by name.

use std::{collections::BTreeMap, time::Duration};

use sim::Env;

use crate::problem::{Problem, ProblemType};

/// What certificates of one kind are like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// What the directory says about it: text, or a URL where more is said.
    pub description: String,
    /// Whether one of the names stands in the subject's common name as well.
    pub promotes_common_name: bool,
    /// From notBefore to notAfter, both included, in whole seconds; [`Config::validity`](crate::Config) if absent.
    pub validity: Option<Duration>,
    /// The most identifiers in one order; [`Config::identifiers_max`](crate::Config) if absent.
    pub identifiers_max: Option<usize>,
    /// Whether there are no certificates for IP addresses.
    pub refuses_addresses: bool,
    /// How long orders and authorizations last; as [`Config`](crate::Config) has it if absent.
    pub lifetimes: Option<Lifetimes>,
}

/// How long orders and authorizations last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The longest that an order may take.
    pub order: Duration,
    /// How long an authorization may stay pending.
    pub pending_authorization: Duration,
    /// How long an authorization is good for once it is valid.
    pub valid_authorization: Duration,
}

impl Lifetimes {
    /// How much must be left of a valid authorization for a new order to take it over: an eighth of the order's own
    /// lifetime, but an hour at least and a day at most, as Boulder has it.
    pub(crate) fn left_for_reuse(&self) -> Duration {
        const HOUR: Duration = Duration::from_secs(3_600);
        (self.order / 8).clamp(HOUR, 24 * HOUR)
    }
}

/// The profiles on offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    /// By name. Where there are none, the CA knows nothing of profiles: the directory has none, and an order that
    /// names one is as any other.
    pub offered: BTreeMap<String, Profile>,
    /// Which one an order gets that names none.
    pub unasked: UnaskedProfile,
}

/// The profile of an order that names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UnaskedProfile {
    /// The one of this name, or if there is none, the first by name.
    Named(String),
    /// One drawn from the CA's dice, as Pebble has it.
    #[default]
    Drawn,
}

impl Profiles {
    /// The name of the profile for an order that asks so, if the CA has profiles at all.
    pub(crate) fn choose(&self, env: &Env, asked: Option<&str>) -> Result<Option<String>, Problem> {
        let names: Vec<&String> = self.offered.keys().collect();
        let Some(first) = names.first() else { return Ok(None) };
        let chosen = match (asked, &self.unasked) {
            (Some(asked), _) => *names.iter().find(|name| **name == asked).ok_or_else(|| {
                Problem::new(ProblemType::InvalidProfile, format!("the directory has no profile named {asked:?}"))
            })?,
            (None, UnaskedProfile::Named(name)) => names.iter().find(|offered| **offered == name).unwrap_or(first),
            (None, UnaskedProfile::Drawn) => match names.len() {
                1 => first,
                many => names[usize::try_from(env.random_below("ca/profile", many as u64)).expect("it is an index")],
            },
        };
        Ok(Some(chosen.clone()))
    }

    /// What a chosen profile is like.
    pub(crate) fn find(&self, chosen: Option<&str>) -> Profile {
        chosen.and_then(|name| self.offered.get(name)).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing;

    #[test]
    fn an_order_gets_the_profile_that_it_names_or_the_default_or_one_by_chance() {
        testing::with_env(|env| {
            let offered = ["classic", "shortlived"].map(|name| (name.to_owned(), Profile::default())).into();
            let mut profiles = Profiles { offered, unasked: UnaskedProfile::Named("shortlived".to_owned()) };
            let chosen = |profiles: &Profiles, asked| profiles.choose(&env, asked).unwrap().unwrap();
            assert_eq!(chosen(&profiles, Some("classic")), "classic");
            assert_eq!(chosen(&profiles, None), "shortlived");
            let refused = profiles.choose(&env, Some("tlsserver")).unwrap_err();
            assert_eq!(refused.kind(), ProblemType::InvalidProfile);
            profiles.unasked = UnaskedProfile::Drawn;
            let drawn: BTreeSet<String> = (0..50).map(|_| chosen(&profiles, None)).collect();
            assert_eq!(drawn.len(), 2);
            assert_eq!(Profiles::default().choose(&env, Some("classic")), Ok(None));
        });
    }
}

//! Fault rules: which requests are answered otherwise than they should be, how, and how often.
//!
//! A rule is data: a [`Matcher`], how often, and a [`Fault`]. Scenario files and the management API make the same
//! rules. The front end asks [`Faults::strike`] once for each request, before it looks at it; nothing else in the CA
//! knows of faults. Where there is no rule, nothing is drawn and nothing costs.

mod fault;
mod forced_state;
mod json;

pub(crate) use fault::CutOff;
pub use fault::{Fault, FieldFault, HeaderFault, Instead};
pub use forced_state::ForcedState;
pub(crate) use forced_state::{Resource, force};
pub(crate) use json::states;
use sim::{Env, UtcDateTime};

/// How many rules there may be at the same time.
const RULES_MAX: usize = 1_000;

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// What it is called; a new rule of the same name takes its place.
    pub name: String,
    /// Which requests it is about.
    pub matcher: Matcher,
    /// It acts from this request on, of those that it is about, counted from 1.
    pub nth: u64,
    /// It acts no more often than this.
    pub count: Option<u64>,
    /// How likely it is to act when it may, parts per million, drawn from the CA's entropy.
    pub chance_ppm: u32,
    /// What it does.
    pub fault: Fault,
}

impl FaultRule {
    /// Always, for every request.
    #[must_use]
    pub fn new(name: impl Into<String>, fault: Fault) -> Self {
        Self { name: name.into(), matcher: Matcher::default(), nth: 1, count: None, chance_ppm: 1_000_000, fault }
    }
}

/// Which requests a rule is about: all those that everything named here fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// To one of these resources; if none are named, to any, even to one that is not there.
    pub endpoints: Vec<Endpoint>,
    /// By the account with this URL, or with this contact, `mailto:` or not.
    pub account: Option<String>,
    /// About this identifier: of the order, authorization, challenge or certificate that is asked for, or of the new
    /// order.
    pub identifier: Option<String>,
    /// From this moment on, by the CA's clock.
    pub from: Option<UtcDateTime>,
    /// Before this moment, by the CA's clock.
    pub until: Option<UtcDateTime>,
}

macro_rules! endpoints {
    ($($(#[$doc:meta])* $endpoint:ident = $name:literal;)*) => {
        /// A kind of resource, named as in the directory if it is there (RFC 8555 §7.1.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Endpoint {
            $($(#[$doc])* $endpoint,)*
        }

        impl Endpoint {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$endpoint),*];

            /// The name in rules.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$endpoint => $name,)* }
            }
        }
    };
}

endpoints! {
    /// The directory.
    Directory = "directory";
    /// New nonces.
    NewNonce = "newNonce";
    /// New accounts, and the search for one by its key.
    NewAccount = "newAccount";
    /// New orders.
    NewOrder = "newOrder";
    /// New authorizations before there is an order.
    NewAuthorization = "newAuthz";
    /// Revocation.
    RevokeCert = "revokeCert";
    /// Key rollover.
    KeyChange = "keyChange";
    /// Renewal information (RFC 9773).
    RenewalInfo = "renewalInfo";
    /// An account.
    Account = "account";
    /// An account's list of orders.
    Orders = "orders";
    /// An order.
    Order = "order";
    /// An order's finalization.
    Finalize = "finalize";
    /// An authorization.
    Authorization = "authorization";
    /// A challenge.
    Challenge = "challenge";
    /// A certificate's download.
    Certificate = "certificate";
}

/// A request, as far as rules look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) endpoint: Option<Endpoint>,
    /// The URL and the contacts of the account that it names.
    pub(crate) account: Vec<String>,
    pub(crate) identifiers: Vec<String>,
}

impl Matcher {
    fn fits(&self, asked: &Asked, now: UtcDateTime) -> bool {
        let is_account = |wanted: &String| {
            asked.account.iter().any(|known| known == wanted || known.strip_prefix("mailto:") == Some(wanted))
        };
        let is_identifier = |wanted: &String| asked.identifiers.iter().any(|known| known.eq_ignore_ascii_case(wanted));
        (self.endpoints.is_empty() || asked.endpoint.is_some_and(|endpoint| self.endpoints.contains(&endpoint)))
            && self.account.as_ref().is_none_or(is_account)
            && self.identifier.as_ref().is_none_or(is_identifier)
            && self.from.is_none_or(|from| from <= now)
            && self.until.is_none_or(|until| now < until)
    }
}

/// The rules in force, in the order in which they came, and how they have fared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Vec<Tracked>);

#[derive(Clone, Debug)]
struct Tracked {
    rule: FaultRule,
    matched: u64,
    acted: u64,
}

/// There are as many rules as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {RULES_MAX} fault rules already")]
pub struct TooManyRules;

impl Faults {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, rule: FaultRule) -> Result<(), TooManyRules> {
        self.0.retain(|known| known.rule.name != rule.name);
        if self.0.len() >= RULES_MAX {
            return Err(TooManyRules);
        }
        self.0.push(Tracked { rule, matched: 0, acted: 0 });
        Ok(())
    }

    /// Whether there was such a rule.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|known| known.rule.name != name);
        self.0.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts the request with every rule that is about it. Of those that would act, the first does.
    pub(crate) fn strike(&mut self, env: &Env, asked: &Asked) -> Option<Fault> {
        let now = env.utc_now();
        let mut struck = None;
        for Tracked { rule, matched, acted } in &mut self.0 {
            if !rule.matcher.fits(asked, now) {
                continue;
            }
            *matched += 1;
            if struck.is_some() || *matched < rule.nth || rule.count.is_some_and(|count| *acted >= count) {
                continue;
            }
            let dice = || env.random_below(&format!("ca/fault {}", rule.name), 1_000_000);
            if rule.chance_ppm >= 1_000_000 || dice() < u64::from(rule.chance_ppm) {
                *acted += 1;
                env.probe_about(&format!("ca/fault/{}", rule.name), || {
                    let endpoint = asked.endpoint.map_or("none", Endpoint::name).to_owned();
                    [("endpoint", endpoint), ("fault", format!("{:?}", rule.fault))]
                });
                struck = Some(rule.fault.clone());
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn acts(rule: FaultRule, requests: &[Asked]) -> Vec<bool> {
        let mut acted = Vec::new();
        testing::with_env(|env| {
            let mut faults = Faults::default();
            faults.add(rule).unwrap();
            acted = requests.iter().map(|asked| faults.strike(&env, asked).is_some()).collect();
        });
        acted
    }

    fn asked(endpoint: Endpoint) -> Asked {
        Asked { endpoint: Some(endpoint), ..Asked::default() }
    }

    #[test]
    fn the_third_request_of_a_kind_is_struck_and_no_other() {
        let (finalize, order) = (asked(Endpoint::Finalize), asked(Endpoint::Order));
        let mut rule = FaultRule { nth: 3, count: Some(1), ..FaultRule::new("third", Fault::default()) };
        rule.matcher.endpoints = vec![Endpoint::Finalize];
        let requests = [&finalize, &order, &finalize, &order, &finalize, &finalize].map(Clone::clone);
        assert_eq!(acts(rule, &requests), [false, false, false, false, true, false]);
    }

    #[test]
    fn a_chance_is_drawn_from_the_seed() {
        let requests = vec![asked(Endpoint::Order); 64];
        let rule = FaultRule { chance_ppm: 500_000, ..FaultRule::new("half", Fault::default()) };
        let first = acts(rule.clone(), &requests);
        assert_eq!(first, acts(rule, &requests));
        assert!(first.contains(&true) && first.contains(&false));
    }

    #[test]
    fn accounts_go_by_url_or_contact_and_names_by_any_case() {
        let request = Asked {
            account: vec!["https://ca.test/1".to_owned(), "mailto:a@a.test".to_owned()],
            identifiers: vec!["a.test".to_owned()],
            ..Asked::default()
        };
        let now = UtcDateTime::UNIX_EPOCH;
        for (account, name, fits) in [
            (Some("https://ca.test/1"), None, true),
            (Some("a@a.test"), Some("A.test"), true),
            (Some("mailto:a@a.test"), Some("b.test"), false),
            (Some("b@a.test"), None, false),
        ] {
            let [account, identifier] = [account, name].map(|text| text.map(str::to_owned));
            let matcher = Matcher { account, identifier, ..Matcher::default() };
            assert_eq!(matcher.fits(&request, now), fits, "{matcher:?}");
        }
        assert!(!Matcher { until: Some(now), ..Matcher::default() }.fits(&request, now));
        assert!(Matcher { from: Some(now), ..Matcher::default() }.fits(&request, now));
    }

    #[test]
    fn of_two_rules_the_first_acts_and_both_count() {
        testing::with_env(|env| {
            let delayed = |seconds| Fault { delay: std::time::Duration::from_secs(seconds), ..Fault::default() };
            let mut faults = Faults::default();
            faults.add(FaultRule { count: Some(1), ..FaultRule::new("once", delayed(1)) }).unwrap();
            faults.add(FaultRule { nth: 2, ..FaultRule::new("then", delayed(2)) }).unwrap();
            let seconds = [(); 2].map(|()| faults.strike(&env, &Asked::default()).unwrap().delay.as_secs());
            assert_eq!(seconds, [1, 2]);
        });
    }
}

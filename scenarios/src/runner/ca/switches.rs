//! [`Switch`]: a defect of the CA, or something else that it may do to its clients, by name.
//!
//! The names are those of `[bugs]` in scenario files, and of `gauntlet serve -bug`.

use std::fmt;

use ca_mock::{Config, historical::Behaviour};

use crate::language::{self, Bug, CaBehaviour, paragraph};

/// One switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// A defect, which a law catches.
    Bug(Bug),
    /// Something that a client has to live with.
    Behaviour(CaBehaviour),
}

impl Switch {
    /// All of them: first the defects.
    pub fn all() -> impl Iterator<Item = Self> {
        let bugs = Bug::ALL.iter().filter(|bug| bug.name().starts_with("ca.")).map(|bug| Self::Bug(*bug));
        bugs.chain(CaBehaviour::ALL.iter().map(|behaviour| Self::Behaviour(*behaviour)))
    }

    /// The switch of this name, with or without `ca.` before it.
    ///
    /// # Errors
    /// The name that was meant, if one is near, and all that there are.
    pub fn find(name: &str) -> Result<Self, String> {
        let found =
            Self::all().find(|switch| [Some(switch.name()), switch.name().strip_prefix("ca.")].contains(&Some(name)));
        found.ok_or_else(|| language::help(name, "known", &Self::all().map(Self::name).collect::<Vec<_>>()))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bug(bug) => bug.name(),
            Self::Behaviour(behaviour) => behaviour.name(),
        }
    }

    /// Lets the CA be so.
    pub fn switch_on(self, config: &mut Config) {
        match self {
            Self::Bug(bug) => super::switch_on(bug, config),
            Self::Behaviour(behaviour) => data(behaviour).switch_on(config),
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choice = Bug::CHOICES.iter().chain(CaBehaviour::CHOICES).find(|choice| choice.name == self.name());
        write!(f, "{}\n        {}", self.name(), paragraph(choice.map_or(&[], |choice| choice.doc)))
    }
}

fn data(behaviour: CaBehaviour) -> &'static Behaviour {
    let name = behaviour.name().trim_start_matches("ca.");
    Behaviour::find(name).expect("the language has the CA's own names")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_and_the_ca_have_the_same_behaviours() {
        let names: Vec<&str> = CaBehaviour::ALL.iter().map(|behaviour| data(*behaviour).name).collect();
        assert_eq!(names, Behaviour::ALL.iter().map(|behaviour| behaviour.name).collect::<Vec<_>>());
    }

    #[test]
    fn no_name_is_a_defect_s_and_a_behaviour_s() {
        let is_defect = |name: &str| Bug::ALL.iter().any(|bug| bug.name() == name);
        assert!(CaBehaviour::ALL.iter().all(|behaviour| !is_defect(behaviour.name())));
    }

    #[test]
    fn a_switch_is_found_by_its_name_and_a_misspelled_one_is_suggested() {
        for name in ["ca.paused-429", "paused-429"] {
            assert_eq!(Switch::find(name), Ok(Switch::Behaviour(CaBehaviour::Paused429)));
        }
        let help = Switch::find("ca.pauzed-429").unwrap_err();
        assert!(help.starts_with("did you mean `ca.paused-429`?"), "{help}");
        assert!(Switch::find("client.account-key-in-memory").is_err());
    }
}

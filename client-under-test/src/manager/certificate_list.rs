//! [`CertificateList`]: the certificates that the operator has set up.

use std::sync::Arc;

use foldhash::fast::FixedState;
use indexmap::{IndexMap, map::Entry};

use super::config::ConfigError;
use crate::name::{Name, Names};

/// The certificates to hold, each once. There may be a hundred thousand: it is shared, not copied, and nothing is looked for in
/// it from one end to the other.
#[derive(Clone, Debug)]
pub(super) struct CertificateList(Arc<Listed>);

#[derive(Debug, Default)]
struct Listed {
    /// As the operator has them, each under its first name: what comes first is seen to first.
    certificates: IndexMap<Name, Names, FixedState>,
    /// Each name, and where in the order the first certificate for it is.
    places: IndexMap<Name, usize, FixedState>,
}

impl CertificateList {
    /// The names of each certificate, as [`Config::certificates`](super::Config::certificates) has them.
    ///
    /// # Errors
    /// [`ConfigError`] for what is no name, no names, and two certificates that would be kept under one name.
    pub(super) fn new(config: &[Vec<String>]) -> Result<Self, ConfigError> {
        let mut list = Listed::default();
        list.certificates.reserve(config.len());
        list.places.reserve(config.len());
        for names in config {
            let names = names.iter().map(|name| name.parse()).collect::<Result<Vec<Name>, _>>()?;
            let names = Names::new(names).ok_or(ConfigError::NoName)?;
            let place = list.certificates.len();
            match list.certificates.entry(names.first().clone()) {
                Entry::Vacant(free) => {
                    for name in names.all() {
                        list.places.entry(name.clone()).or_insert(place);
                    }
                    free.insert(names);
                }
                Entry::Occupied(known) if *known.get() == names => {}
                Entry::Occupied(_) => return Err(ConfigError::SameFirstName(names.first().clone())),
            }
        }
        Ok(Self(Arc::new(list)))
    }

    /// All of them, in the operator's order.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Names> {
        self.0.certificates.values()
    }

    /// The certificate that is kept under this name.
    pub(super) fn kept_under(&self, name: &Name) -> Option<&Names> {
        self.0.certificates.get(name)
    }

    /// Whether one of them is for `name`.
    pub(super) fn has_name(&self, name: &Name) -> bool {
        self.0.places.contains_key(name)
    }

    /// The certificate that visitors of `name` are shown: the first one that is for it, or for its wildcard.
    pub(super) fn shown_for(&self, name: &Name) -> Option<&Names> {
        let place = |name: &Name| self.0.places.get(name);
        let place = place(name).or_else(|| place(&name.wildcard()?))?;
        self.0.certificates.get_index(*place).map(|(_, names)| names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(config: &[&[&str]]) -> Result<CertificateList, ConfigError> {
        let config: Vec<Vec<String>> =
            config.iter().map(|names| names.iter().map(ToString::to_string).collect()).collect();
        CertificateList::new(&config)
    }

    #[test]
    fn each_certificate_is_listed_once_and_found_by_its_names() {
        let list = list(&[&["b.test", "c.test"], &["a.test"], &["A.test."]]).unwrap();
        assert_eq!(list.in_order().map(|names| names.first().as_str()).collect::<Vec<_>>(), ["b.test", "a.test"]);
        let name = |text: &str| text.parse::<Name>().unwrap();
        assert!(list.has_name(&name("c.test")) && list.kept_under(&name("c.test")).is_none());
        assert!(!list.has_name(&name("d.test")));
        let shown_for =
            |list: &CertificateList, asked| list.shown_for(&name(asked)).map(|names| names.first().to_string());
        assert_eq!(shown_for(&list, "c.test").as_deref(), Some("b.test"));
        assert_eq!(shown_for(&list, "d.test"), None);
        let wildcards = self::list(&[&["x.test", "*.b.test"], &["a.b.test"], &["y.test", "a.b.test"]]).unwrap();
        assert_eq!(shown_for(&wildcards, "a.b.test").as_deref(), Some("a.b.test"));
        assert_eq!(shown_for(&wildcards, "c.b.test").as_deref(), Some("x.test"));
        assert_eq!(shown_for(&wildcards, "b.test"), None);
    }

    #[test]
    fn what_can_not_be_understood_is_refused() {
        for wrong in [&[&["a b"][..]][..], &[&[]], &[&["a.test", "b.test"], &["a.test"]]] {
            assert!(list(wrong).is_err());
        }
    }
}

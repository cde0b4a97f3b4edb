//! [`CertificateList`]: the certificates that the operator has set up.

use std::{collections::BTreeMap, sync::Arc};

use super::config::ConfigError;
use crate::name::{Name, Names};

/// The certificates to hold, each once. There may be a hundred thousand: it is shared, not copied, and nothing is looked for in
/// it from one end to the other.
#[derive(Clone, Debug)]
pub(super) struct CertificateList(Arc<Listed>);

#[derive(Debug)]
struct Listed {
    /// As the operator has them: what comes first is seen to first.
    in_order: Vec<Names>,
    by_first_name: BTreeMap<Name, Names>,
    /// Each name, and where in the order the first certificate for it is.
    names: BTreeMap<Name, usize>,
}

impl CertificateList {
    /// The names of each certificate, as [`Config::certificates`](super::Config::certificates) has them.
    ///
    /// # Errors
    /// [`ConfigError`] for what is no name, no names, and two certificates that would be kept under one name.
    pub(super) fn new(config: &[Vec<String>]) -> Result<Self, ConfigError> {
        let mut by_first_name: BTreeMap<Name, Names> = BTreeMap::new();
        let mut in_order = Vec::with_capacity(config.len());
        for names in config {
            let names = names.iter().map(|name| name.parse()).collect::<Result<Vec<Name>, _>>()?;
            let names = Names::new(names).ok_or(ConfigError::NoName)?;
            match by_first_name.get(names.first()) {
                None => {
                    by_first_name.insert(names.first().clone(), names.clone());
                    in_order.push(names);
                }
                Some(known) if *known == names => {}
                Some(_) => return Err(ConfigError::SameFirstName(names.first().clone())),
            }
        }
        let places = in_order.iter().enumerate().rev();
        let names =
            places.flat_map(|(place, names)| names.all().iter().map(move |name| (name.clone(), place))).collect();
        Ok(Self(Arc::new(Listed { in_order, by_first_name, names })))
    }

    /// All of them, in the operator's order.
    pub(super) fn in_order(&self) -> &[Names] {
        &self.0.in_order
    }

    /// The certificate that is kept under this name.
    pub(super) fn kept_under(&self, name: &Name) -> Option<&Names> {
        self.0.by_first_name.get(name)
    }

    /// Whether one of them is for `name`.
    pub(super) fn has_name(&self, name: &Name) -> bool {
        self.0.names.contains_key(name)
    }

    /// The certificate that visitors of `name` are shown: the first one that is for it, or for its wildcard.
    pub(super) fn shown_for(&self, name: &Name) -> Option<&Names> {
        let place = |name: &Name| self.0.names.get(name);
        let place = place(name).or_else(|| place(&name.wildcard()?))?;
        self.0.in_order.get(*place)
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
        assert_eq!(
            list.in_order().iter().map(|names| names.first().as_str()).collect::<Vec<_>>(),
            ["b.test", "a.test"]
        );
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

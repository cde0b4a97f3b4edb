//! The catalogue of requirements: what RFC 8555 and its companions ask of servers and clients, each with a level, a section
//! and how it can be tried. The file is `scenarios/conformance/requirements.tsv`.

const TABLE: &str = include_str!("../../conformance/requirements.tsv");

/// One requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Its id, such as `rfc8555-6.4-url-mismatch`.
    pub id: &'static str,
    /// `MUST`, `SHOULD`, `MAY` or `robustness`.
    pub level: &'static str,
    /// Of whom it is asked: `server`, `client` or `both`.
    pub role: &'static str,
    /// What is asked.
    pub asks: &'static str,
}

/// All of them, in the catalogue's order.
pub fn all() -> impl Iterator<Item = Requirement> {
    TABLE.lines().skip(1).map(|line| {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let (id, level, role, _document, _section, asks) = (next(), next(), next(), next(), next(), next());
        Requirement { id, level, role, asks }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::conformance::{
        case::{About, Case},
        client, server,
    };

    fn abouts<R>(cases: Vec<&'static Case<R>>) -> Vec<About> {
        cases.into_iter().map(Case::about).collect()
    }

    #[test]
    fn cases_try_what_stands_in_the_catalogue_and_are_as_binding_as_that() {
        let catalogue: BTreeMap<&str, Requirement> = all().map(|one| (one.id, one)).collect();
        for (cases, others) in [(abouts(server::cases()), "client"), (abouts(client::cases()), "server")] {
            for case in cases {
                assert!(!case.requirements.is_empty(), "{}", case.id);
                for id in case.requirements {
                    let requirement = catalogue.get(id).unwrap_or_else(|| panic!("{}: there is no {id}", case.id));
                    assert_ne!(requirement.role, others, "{}: {id}", case.id);
                }
                assert_eq!(catalogue[case.requirements[0]].level, case.level.to_string(), "{}", case.id);
            }
        }
    }

    #[test]
    fn every_case_has_an_id_of_its_own_and_says_what_it_does() {
        let cases = [abouts(server::cases()), abouts(client::cases())].concat();
        let ids: BTreeSet<&str> = cases.iter().map(|case| case.id).collect();
        assert_eq!(ids.len(), cases.len());
        for case in cases {
            let words = [case.sent, case.expected, case.why];
            assert!(words.iter().all(|text| text.ends_with('.')), "{}", case.id);
            let [_document, _section, name] = case.id.split('/').collect::<Vec<_>>()[..] else {
                panic!("{} is not document/section/name", case.id)
            };
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{name}"
            );
        }
    }
}

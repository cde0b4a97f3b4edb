//! dns-persist-01: control of a name is proved by a TXT record that stays (draft-ietf-acme-dns-persist-01).
//!
//! The record says which account of which CA may have certificates for a domain. It is presented once and looked up by the CA
//! at each order, so that renewals change nothing in the DNS. Whoever has the account's key can have certificates for as long
//! as the record is there, which is why it is presented only where the operator has chosen so, and removed once it is not
//! needed.

mod grants;

pub(super) use grants::Grants;
use time::UtcDateTime;
use url::Url;

use super::dns01::DnsError;
use crate::{
    acme::{address::Address, challenge::Grantee},
    storage::persistent_record::PersistentRecord,
};

/// The label that records stand at (draft-ietf-acme-dns-persist-01 §4).
const LABEL: &str = "_validation-persist";
/// The longest address of an account that is put into a record.
const ACCOUNT_CHARACTERS_MAX: usize = 2_048;

/// What a record has to grant.
#[derive(Clone, Copy, Debug)]
struct Grant<'a> {
    /// The name of the CA.
    issuer: &'a str,
    account: &'a str,
    is_for_wildcard: bool,
    /// In seconds since 1970.
    until: Option<i64>,
}

impl Grant<'_> {
    /// What the record says: an issue value of RFC 8659 §4.2 (draft-ietf-acme-dns-persist-01 §4.1).
    fn text(&self) -> String {
        let mut text = format!("{}; accounturi={}", self.issuer, self.account);
        if self.is_for_wildcard {
            text.push_str("; policy=wildcard");
        }
        if let Some(until) = self.until {
            text.push_str(&format!("; persistUntil={until}"));
        }
        text
    }
}

/// The account to name in a record for the CA with the directory `directory_url`.
///
/// # Errors
/// [`DnsError::NotGranted`] if the account is not that CA's, which would let a CA have a record presented that grants names to
/// somebody else's account at another CA, or can't be written in a record.
fn grantable<'a>(account: &'a Address, directory_url: &Url) -> Result<&'a str, DnsError> {
    let refuse = |why| Err(DnsError::NotGranted { account: account.to_string(), why });
    let text = account.as_str();
    if account.url().origin() != directory_url.origin() {
        return refuse("it is at another place than the CA's directory");
    }
    if text.len() > ACCOUNT_CHARACTERS_MAX {
        return refuse("its address is too long");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';') {
        return refuse("its address has characters that can't stand in a record");
    }
    Ok(text)
}

impl Grantee {
    /// Whether a record for `account` will do: the CA may say by which address it looks for it.
    pub(super) fn is(&self, account: &Address) -> bool {
        self.account.as_deref().is_none_or(|named| named == account.as_str())
    }
}

impl PersistentRecord {
    /// Whether it grants what is asked, and will for a while.
    fn grants(&self, offered: &Grantee, account: &str, wildcard: bool, now: UtcDateTime) -> bool {
        offered.issuers.contains(&self.issuer)
            && self.account == account
            && (self.is_for_wildcard || !wildcard)
            && !self.is_ending(now)
    }

    /// Whether the last third of its time has begun.
    fn is_ending(&self, now: UtcDateTime) -> bool {
        let ends_soon = |until: i64| {
            let time = until.saturating_sub(self.begun);
            now.unix_timestamp() >= until.saturating_sub(time / 3)
        };
        self.until.is_some_and(ends_soon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::dns01::TxtRecord;

    const ACCOUNT: &str = "https://ca.test/account/1";

    #[test]
    fn a_record_says_what_the_draft_has_it_say() {
        let plain = Grant { issuer: "ca.test", account: ACCOUNT, is_for_wildcard: false, until: None };
        assert_eq!(plain.text(), "ca.test; accounturi=https://ca.test/account/1");
        let more = Grant { is_for_wildcard: true, until: Some(1_721_952_000), ..plain };
        assert_eq!(
            more.text(),
            "ca.test; accounturi=https://ca.test/account/1; policy=wildcard; persistUntil=1721952000"
        );
    }

    #[test]
    fn only_an_account_at_the_ca_itself_is_granted_anything() {
        let directory: Url = "https://ca.test:14000/dir".parse().unwrap();
        let is_granted = |account: &str| grantable(&account.parse().unwrap(), &directory).is_ok();
        assert!(is_granted("https://ca.test:14000/account/1"));
        for account in [
            "https://other.test:14000/account/1",
            "https://ca.test/account/1",
            "http://ca.test:14000/account/1",
            "https://ca.test:14000/account/1;policy=wildcard",
        ] {
            assert!(!is_granted(account), "{account}");
        }
        assert!(!is_granted(&format!("https://ca.test:14000/{}", "a".repeat(ACCOUNT_CHARACTERS_MAX))));
    }

    #[test]
    fn a_record_does_for_what_it_says_until_the_last_third_of_its_time() {
        let record = PersistentRecord {
            record: TxtRecord { name: String::new(), value: String::new() },
            issuer: "ca.test".into(),
            account: ACCOUNT.into(),
            is_for_wildcard: false,
            begun: 0,
            until: Some(300),
            presented_by: String::new(),
        };
        let offered = |issuer: &str| Grantee { issuers: vec!["x.test".into(), issuer.into()], account: None };
        let at = |s: i64| UtcDateTime::from_unix_timestamp(s).unwrap();
        assert!(record.grants(&offered("ca.test"), ACCOUNT, false, at(199)));
        assert!(!record.grants(&offered("ca.test"), ACCOUNT, false, at(200)));
        assert!(!record.grants(&offered("ca.test"), ACCOUNT, true, at(0)));
        assert!(!record.grants(&offered("ca.test"), "https://ca.test/account/2", false, at(0)));
        assert!(!record.grants(&offered("y.test"), ACCOUNT, false, at(0)));
        let for_ever = PersistentRecord { until: None, is_for_wildcard: true, ..record };
        assert!(for_ever.grants(&offered("ca.test"), ACCOUNT, true, at(i64::from(u32::MAX))));
    }
}

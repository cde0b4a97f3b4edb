//! dns-01: a TXT record holds the key authorization's digest (RFC 8555 §8.4). So does dns-account-01, at a place that
//! each account has for itself (draft-ietf-acme-dns-account-label).

use data_encoding::BASE32_NOPAD;
use ring::digest;

use crate::{
    base64url,
    challenges::KeyAuthorization,
    identifier::Identifier,
    perspective::Perspective,
    problem::{Problem, ProblemType},
    texts,
    validation_record::ValidationRecord,
};

/// The label of all accounts.
pub(crate) const LABEL: &str = "_acme-challenge";

/// The labels of one account: those of all, below one made of the first ten bytes of its URL's SHA-256.
pub(crate) fn account_labels(account_uri: &str) -> String {
    let digest = digest::digest(&digest::SHA256, account_uri.as_bytes());
    let own = BASE32_NOPAD.encode(&digest.as_ref()[..10]).to_ascii_lowercase();
    format!("_{own}.{LABEL}")
}

/// Looks up the TXT records at `labels` above the identifier's domain and compares.
pub(crate) async fn validate(
    from: &Perspective,
    identifier: &Identifier,
    labels: &str,
    expected: &KeyAuthorization,
    records: &mut Vec<ValidationRecord>,
) -> Result<(), Problem> {
    records.push(ValidationRecord { hostname: identifier.domain().to_owned(), ..ValidationRecord::default() });
    let name = format!("{labels}.{}", identifier.domain());
    let texts = texts::find(from, &name).await?;
    let digest = base64url::encode(expected.digest());
    if texts.iter().any(|text| text == digest.as_bytes()) {
        return Ok(());
    }
    let found = match texts.len() {
        0 => format!("No TXT record found at {name}"),
        1 => format!("Incorrect TXT record found at {name}"),
        several => format!("None of the {several} TXT records found at {name} is the key authorization's digest"),
    };
    Err(Problem::new(ProblemType::Unauthorized, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of draft-ietf-acme-dns-account-label §3.
    #[test]
    fn an_account_has_labels_of_its_own() {
        let labels = account_labels("https://example.com/acme/acct/ExampleAccount");
        assert_eq!(labels, "_ujmmovf2vn55tgye._acme-challenge");
    }
}

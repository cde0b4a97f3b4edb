//! [`ValidationRecord`]: where a validation went, as Boulder shows it in a challenge's `validationRecord`.
//!
//! RFC 8555 does not know it; people who look for why a validation failed do.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

/// One hop: the first request, or a redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValidationRecord {
    /// What was fetched, by http-01.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// The name or address that was looked up or connected to.
    pub(crate) hostname: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub(crate) port: Option<u16>,
    /// All that the DNS had, IPv6 first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses_resolved: Vec<IpAddr>,
    /// The last one tried; shown as an empty text if there was none.
    #[serde(serialize_with = "as_text_or_empty")]
    pub(crate) address_used: Option<IpAddr>,
    /// Those to which no connection came about, before the last one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses_tried: Vec<IpAddr>,
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn as_text<S: Serializer>(port: &Option<u16>, serializer: S) -> Result<S::Ok, S::Error> {
    port.map(|port| port.to_string()).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn as_text_or_empty<S: Serializer>(address: &Option<IpAddr>, serializer: S) -> Result<S::Ok, S::Error> {
    address.map(|address| address.to_string()).unwrap_or_default().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_reads_as_boulder_shows_it() {
        let name_alone = ValidationRecord { hostname: "a.example".to_owned(), ..ValidationRecord::default() };
        assert_eq!(json!(name_alone), json!({"hostname": "a.example", "addressUsed": ""}));
        let addresses = ["2001:db8::1", "192.0.2.1"].map(|text| text.parse::<IpAddr>().unwrap());
        let record = ValidationRecord {
            port: Some(80),
            addresses_resolved: addresses.into(),
            address_used: Some(addresses[1]),
            addresses_tried: addresses[..1].into(),
            ..name_alone
        };
        let expected = json!({"hostname": "a.example", "port": "80", "addressUsed": "192.0.2.1",
            "addressesResolved": ["2001:db8::1", "192.0.2.1"], "addressesTried": ["2001:db8::1"]});
        assert_eq!(json!(record), expected);
    }
}

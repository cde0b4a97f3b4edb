//! RFC 8555 §7.1.3, §7.1.4 and §7.4: which names may be ordered, and how wildcards look.

use std::collections::BTreeSet;

use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, string::Ia5String};
use serde_json::{Value, json};
use sim::crypto::P256Key;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::issuing::{
    Attempt, attempt, completed, csr, csr_params, finalize, finalized, for_names, issued, new_key, order_for, ready,
    ready_for, signed_csr, still_ready,
};
use crate::conformance::{
    case::{Case, Level::*},
    driver::{AccountKey, Answer, Driver, authorizations, base64url},
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8555/7.4/no-identifiers",
        level: Must,
        requirements: &["rfc8555-7.4-order-no-identifiers"],
        sent: "New orders with an empty list of identifiers, with none, and with null.",
        expected: "A refusal.",
        why: "§7.4: identifiers are required.",
        run: |driver| Box::pin(no_identifiers(driver)),
    },
    Case {
        id: "rfc8555/7.1.4/a-labels",
        level: Must,
        requirements: &["rfc8555-7.1.4-ident-alabel"],
        sent: "New orders for xn-- and what is no Punycode, and for xn-- with what no label may have.",
        expected: "A refusal.",
        why: "§7.1.4: names in A-labels are checked, so that no two look the same to a person.",
        run: |driver| Box::pin(refused_names(driver, &["xn--.{domain}", "xn--0.{domain}", "xn--a-.{domain}"])),
    },
    Case {
        id: "rfc8555/7.1.4/u-labels",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-ident-ulabel"],
        sent: "A new order for a name in letters outside of ASCII.",
        expected: "A refusal.",
        why: "§7.1.4: names are given in A-labels.",
        run: |driver| Box::pin(refused_names(driver, &["bücher.{domain}", "пример.{domain}"])),
    },
    Case {
        id: "rfc8555/7.1.4/trailing-dot",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-ident-trailing-dot"],
        sent: "A new order for a name with a dot at its end.",
        expected: "A refusal, or an order for the name without it.",
        why: "dNSName has none (RFC 5280 §4.2.1.6).",
        run: |driver| Box::pin(trailing_dot(driver)),
    },
    Case {
        id: "rfc8555/7.1.4/addresses-as-names",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-ident-ip-in-dns"],
        sent: "New orders of type dns for 127.0.0.1, ::1 and 0x7f.1.",
        expected: "A refusal.",
        why: "They are addresses, which are another type (RFC 8738).",
        run: |driver| Box::pin(refused_names(driver, &["127.0.0.1", "::1", "0x7f.1", "[::1]"])),
    },
    Case {
        id: "rfc8555/7.1.4/ports-and-urls",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-ident-port-url", "rfc8555-6.7-injection-safe"],
        sent: "New orders for a name with a port, a URL, and names with quotes, line ends and $( in them.",
        expected: "A refusal.",
        why: "They are no names.",
        run: |driver| {
            Box::pin(refused_names(
                driver,
                &[
                    "a.{domain}:443",
                    "https://a.{domain}",
                    "a.{domain}/x",
                    "user@a.{domain}",
                    "a'.{domain}",
                    "a\".{domain}",
                    "$(a).{domain}",
                    "a\r\nb.{domain}",
                    "a\u{0}.{domain}",
                ],
            ))
        },
    },
    Case {
        id: "rfc8555/7.1.4/public-suffixes",
        level: Robustness,
        requirements: &["rfc8555-7.1.4-ident-publicsuffix"],
        sent: "New orders for com, co.uk, localhost and *.com.",
        expected: "A refusal.",
        why: "Nobody has them for themselves (Baseline Requirements §3.2.2.6).",
        run: |driver| {
            Box::pin(async move {
                driver.only_public("only public CAs keep to the list of public suffixes")?;
                refused_names(driver, &["com", "co.uk", "localhost", "*.com"]).await
            })
        },
    },
    Case {
        id: "rfc8555/7.1.4/wildcard",
        level: Must,
        requirements: &["rfc8555-7.1.3-wildcard-authz-noprefix", "rfc8555-7.1.4-wildcard-flag"],
        sent: "A new order for a wildcard.",
        expected: "An authorization for the name without the star, with wildcard true.",
        why: "It is the domain that is proved; by the member a client knows what for.",
        run: |driver| Box::pin(wildcard(driver)),
    },
    Case {
        id: "rfc8555/7.1.4/wildcard-absent",
        level: Must,
        requirements: &["rfc8555-7.1.4-wildcard-absent"],
        sent: "A new order for a name.",
        expected: "An authorization without wildcard.",
        why: "§7.1.4: it must be absent for others.",
        run: |driver| Box::pin(wildcard_absent(driver)),
    },
    Case {
        id: "rfc8555/7.1.4/wildcard-challenges",
        level: Robustness,
        requirements: &["rfc8555-7.4-wildcard-no-http"],
        sent: "A new order for a wildcard.",
        expected: "Neither http-01 nor tls-alpn-01 among the challenges.",
        why: "Who has one host does not have all names below it (Baseline Requirements §3.2.2.4.19).",
        run: |driver| Box::pin(wildcard_challenges(driver)),
    },
    Case {
        id: "rfc8555/7.4/name-and-wildcard",
        level: Robustness,
        requirements: &["rfc8555-7.4-wildcard-plus-base", "rfc8555-8-chall-token-unique"],
        sent: "A new order for a name and its wildcard.",
        expected: "Two authorizations with different tokens.",
        why: "They are two identifiers.",
        run: |driver| Box::pin(name_and_wildcard(driver)),
    },
    Case {
        id: "rfc8555/7.4/name-below-its-wildcard",
        level: Robustness,
        requirements: &["rfc8555-7.4-wildcard-redundant"],
        sent: "A new order for a wildcard and a name that it stands for.",
        expected: "An order for both, or a refusal.",
        why: "One of them left out without a word would be a certificate that was not asked for.",
        run: |driver| Box::pin(name_below_its_wildcard(driver)),
    },
    Case {
        id: "rfc8555/7.4/name-twice",
        level: Robustness,
        requirements: &["rfc8555-7.4-order-dup-identifiers"],
        sent: "A new order with one name twice.",
        expected: "An order with one authorization for it, or a refusal.",
        why: "One proof is enough.",
        run: |driver| Box::pin(name_twice(driver)),
    },
    Case {
        id: "rfc8555/7.4/too-many-names",
        level: Robustness,
        requirements: &["rfc8555-7.4-order-limit"],
        sent: "A new order for a thousand and one names.",
        expected: "An order for all, or a refusal with a status of 4xx that says why.",
        why: "500 makes a client try again for ever.",
        run: |driver| Box::pin(too_many_names(driver)),
    },
    Case {
        id: "rfc8555/7.1.3/identifiers-as-asked",
        level: Robustness,
        requirements: &["rfc8555-7.1.3-order-identifiers-set"],
        sent: "A new order for three names.",
        expected: "An order for the same three.",
        why: "The client sees what it will get.",
        run: |driver| Box::pin(identifiers_as_asked(driver)),
    },
    Case {
        id: "rfc8555/7.1.3/order-immutable",
        level: Must,
        requirements: &["rfc8555-7.1.3-order-immutable", "rfc8555-6.4-url-absolute-handout"],
        sent: "An order is read when it is new, ready and valid.",
        expected: "The same identifiers and authorizations.",
        why: "§7.1.3: they must not change.",
        run: |driver| Box::pin(order_immutable(driver)),
    },
    Case {
        id: "rfc8555/7.1.6/ready-when-all-are-valid",
        level: Must,
        requirements: &["rfc8555-7.1.6-order-pending-ready"],
        sent: "An order for two names, proved one after the other.",
        expected: "pending after the first, ready after the second.",
        why: "Else a certificate is issued for what was not proved.",
        run: |driver| Box::pin(ready_when_all_are_valid(driver)),
    },
    Case {
        id: "rfc8555/7.4/order-of-another-account",
        level: Robustness,
        requirements: &["rfc8555-7.4-order-unauthorised-read"],
        sent: "An order of one account's is read by another.",
        expected: "A refusal.",
        why: "It says what somebody else will have certificates for.",
        run: |driver| Box::pin(order_of_another_account(driver)),
    },
    Case {
        id: "rfc8555/7.4/requested-validity",
        level: Robustness,
        requirements: &["rfc8555-7.4-order-notbefore"],
        sent: "New orders with notAfter, with dates that are none, and with an end before the beginning.",
        expected: "A certificate with just that end, or a refusal; and refusals of the others.",
        why: "§7.4: a server that can't issue what is asked for refuses.",
        run: |driver| Box::pin(requested_validity(driver)),
    },
    Case {
        id: "rfc8555/7.4/issues-just-what-was-ordered",
        level: Must,
        requirements: &["rfc8555-7.4-issue-exactly", "rfc8555-7.4-fin-extensions"],
        sent: "A ready order, finalized with a CSR that asks for a CA's rights, for signing certificates and code.",
        expected: "A refusal, or a certificate without any of it.",
        why: "Else anybody becomes a CA.",
        run: |driver| Box::pin(issues_just_what_was_ordered(driver)),
    },
    Case {
        id: "rfc8555/11.1/account-key-in-csr",
        level: Must,
        requirements: &["rfc8555-11.1-fin-account-key", "rfc8555-11.1-fin-any-account-key"],
        sent: "Ready orders, finalized with a CSR for the account's own key, and for another account's.",
        expected: "A refusal.",
        why: "§11.1: who has the one must not have the other.",
        run: |driver| Box::pin(account_key_in_csr(driver)),
    },
    Case {
        id: "rfc8555/7.4/csr-common-name",
        level: Robustness,
        requirements: &["rfc8555-7.4-fin-cn-or-san"],
        sent: "Ready orders, finalized with CSRs that have the name as common name alone, and in both places.",
        expected: "Certificates for the name; who does not take the first refuses.",
        why: "§7.4 lets clients choose.",
        run: |driver| Box::pin(csr_common_name(driver)),
    },
    Case {
        id: "rfc8555/7.4/csr-other-alternative-names",
        level: Robustness,
        requirements: &["rfc8555-7.4-fin-unknown-san"],
        sent: "A ready order, finalized with CSRs that have a mail address, a URI and an address besides.",
        expected: "A refusal, or a certificate without them.",
        why: "Nobody has proved them.",
        run: |driver| Box::pin(csr_other_alternative_names(driver)),
    },
    Case {
        id: "rfc8555/7.4/csr-missing",
        level: Robustness,
        requirements: &["rfc8555-7.4-fin-csr-missing"],
        sent: "A ready order, finalized without csr, and with a number for it.",
        expected: "400.",
        why: "It is the client's mistake and must not look like the server's.",
        run: |driver| Box::pin(csr_missing(driver)),
    },
    Case {
        id: "rfc8555/7.4/ready-after-bad-csr",
        level: Should,
        requirements: &["rfc8555-7.4-fin-badcsr-keeps-ready"],
        sent: "A ready order, finalized with a CSR for another name, and then with the right one.",
        expected: "badCSR, and an order that is ready still; then a certificate.",
        why: "The proofs are as good as before.",
        run: |driver| Box::pin(ready_after_bad_csr(driver)),
    },
    Case {
        id: "rfc8555/7.4/finalized-twice",
        level: Robustness,
        requirements: &["rfc8555-7.4-fin-double", "rfc8555-7.4-issue-once"],
        sent: "A ready order is finalized, and once more with another key.",
        expected: "A refusal of the second, or the order as it is; one certificate, for the first key.",
        why: "An order is for one certificate.",
        run: |driver| Box::pin(finalized_twice(driver)),
    },
    Case {
        id: "rfc8555/7.4/compromised-key",
        level: Robustness,
        requirements: &["rfc8555-7.4-fin-blocked-key"],
        sent: "A certificate is revoked by its key, for keyCompromise; then another is to be issued for the key.",
        expected: "A refusal.",
        why: "Whoever has the key can be that site again (Baseline Requirements §6.1.1.3).",
        run: |driver| Box::pin(compromised_key(driver)),
    },
    Case {
        id: "rfc8555/7.4/long-name",
        level: Robustness,
        requirements: &["rfc8555-7.4-fin-cn-length"],
        sent: "A certificate for a name of more than 64 octets.",
        expected: "A certificate, which can't have it as its common name.",
        why: "A common name has 64 at most (RFC 5280, upper bounds).",
        run: |driver| Box::pin(long_name(driver)),
    },
    Case {
        id: "rfc8555/6.7/rejected-identifier",
        level: Robustness,
        requirements: &["rfc8555-6.7-rejected-identifier"],
        sent: "A new order for a name under .invalid at a public CA, and elsewhere for one that is too long.",
        expected: "400, 403 or 4xx with rejectedIdentifier or malformed.",
        why: "The client learns that it is the name.",
        run: |driver| Box::pin(rejected_identifier(driver)),
    },
];

async fn no_identifiers(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for payload in [json!({"identifiers": []}), json!({}), json!({"identifiers": null})] {
        let answer = driver.ask_order(&account, &payload).await?;
        answer.is_refused().map_err(|stop| stop.with(&payload.to_string()))?;
    }
    Ok(())
}

/// `{domain}` stands for the suite's own.
async fn refused_names(driver: &Driver, names: &[&str]) -> Result<(), Stop> {
    for name in names {
        let name = name.replace("{domain}", &driver.target().domain);
        order_for(driver, &name).await?.is_refused().map_err(|stop| stop.with(&format!("the name {name:?}")))?;
    }
    Ok(())
}

async fn trailing_dot(driver: &Driver) -> Result<(), Stop> {
    let name = driver.new_name();
    let answer = order_for(driver, &format!("{name}.")).await?;
    if answer.status() != 201 {
        return answer.is_refused();
    }
    let json = answer.json();
    let shown = json.pointer("/identifiers/0/value").and_then(Value::as_str);
    answer.claim(shown == Some(&name), &format!("an order for {name}"), || json.to_string())
}

/// The authorizations of a new order for these names; wildcards are not everybody's.
async fn authorized(driver: &Driver, names: &[String]) -> Result<Vec<Answer>, Stop> {
    let account = driver.account().await?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let order = driver.ask_order(&account, &for_names(&names)).await?;
    if order.problem().as_deref() == Some("rejectedIdentifier") && names.iter().any(|name| name.starts_with('*')) {
        return Err(Stop::Skip(format!("the CA has no certificates for this: {}", order.in_words())));
    }
    order.has_status(201)?;
    let mut all = Vec::new();
    for url in authorizations(&order)? {
        let shown = driver.get(&account, &url).await?;
        shown.has_status(200)?;
        all.push(shown);
    }
    Ok(all)
}

async fn wildcard(driver: &Driver) -> Result<(), Stop> {
    let name = driver.new_name();
    for shown in authorized(driver, &[format!("*.{name}")]).await? {
        let json = shown.json();
        let wanted = json!({"type": "dns", "value": name});
        let is_right = json.get("identifier") == Some(&wanted) && json.get("wildcard") == Some(&json!(true));
        shown.claim(is_right, &format!("the identifier {wanted} and wildcard true"), || json.to_string())?;
    }
    Ok(())
}

async fn wildcard_absent(driver: &Driver) -> Result<(), Stop> {
    for shown in authorized(driver, &[driver.new_name()]).await? {
        let json = shown.json();
        shown.claim(json.get("wildcard").is_none(), "no wildcard", || json.to_string())?;
    }
    Ok(())
}

fn challenge_types(authorization: &Answer) -> Vec<String> {
    let json = authorization.json();
    let challenges = json.get("challenges").and_then(Value::as_array).cloned().unwrap_or_default();
    challenges.iter().filter_map(|one| one.get("type")?.as_str()).map(ToOwned::to_owned).collect()
}

async fn wildcard_challenges(driver: &Driver) -> Result<(), Stop> {
    for shown in authorized(driver, &[format!("*.{}", driver.new_name())]).await? {
        let kinds = challenge_types(&shown);
        let is_right = !kinds.iter().any(|kind| kind == "http-01" || kind == "tls-alpn-01");
        shown.claim(is_right, "challenges by the DNS alone", || kinds.join(", "))?;
    }
    Ok(())
}

fn tokens(authorization: &Answer) -> Vec<String> {
    let json = authorization.json();
    let challenges = json.get("challenges").and_then(Value::as_array).cloned().unwrap_or_default();
    challenges.iter().filter_map(|one| one.get("token")?.as_str()).map(ToOwned::to_owned).collect()
}

async fn name_and_wildcard(driver: &Driver) -> Result<(), Stop> {
    let name = driver.new_name();
    let both = authorized(driver, &[name.clone(), format!("*.{name}")]).await?;
    let [one, other] = &both[..] else {
        let finding = crate::conformance::verdict::Finding {
            expected: "two authorizations".to_owned(),
            found: both.len().to_string(),
            exchange: None,
        };
        return Err(Stop::Fail(finding));
    };
    let others = tokens(other);
    let is_right = tokens(one).iter().all(|token| !others.contains(token));
    other.claim(is_right, "tokens of their own", || others.join(", "))
}

async fn name_below_its_wildcard(driver: &Driver) -> Result<(), Stop> {
    let name = driver.new_name();
    let (below, star) = (format!("www.{name}"), format!("*.{name}"));
    let answer = driver.ask_order(&driver.account().await?, &for_names(&[&below, &star])).await?;
    if answer.status() != 201 {
        return answer.is_refused();
    }
    let count = authorizations(&answer)?.len();
    answer.claim(count == 2, "two authorizations", || count.to_string())
}

async fn name_twice(driver: &Driver) -> Result<(), Stop> {
    let name = driver.new_name();
    let answer = driver.ask_order(&driver.account().await?, &for_names(&[&name, &name])).await?;
    if answer.status() != 201 {
        return answer.is_refused();
    }
    let count = authorizations(&answer)?.len();
    answer.claim(count == 1, "one authorization", || count.to_string())
}

async fn too_many_names(driver: &Driver) -> Result<(), Stop> {
    let names: Vec<String> = (0..1_001).map(|number| format!("m{number}.{}", driver.target().domain)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answer = driver.ask_order(&driver.account().await?, &for_names(&names)).await?;
    if answer.status() == 201 {
        let count = authorizations(&answer)?.len();
        return answer.claim(count == names.len(), "an authorization for each name", || count.to_string());
    }
    answer.is_refused()
}

async fn identifiers_as_asked(driver: &Driver) -> Result<(), Stop> {
    let names = [driver.new_name(), driver.new_name(), driver.new_name()];
    let (order, _) = driver.new_order(&driver.account().await?, &names).await?;
    let json = order.json();
    let shown = json.get("identifiers").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut shown: Vec<&str> = shown.iter().filter_map(|one| one.get("value")?.as_str()).collect();
    let mut wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    shown.sort_unstable();
    wanted.sort_unstable();
    order.claim(shown == wanted, &format!("an order for {}", wanted.join(", ")), || shown.join(", "))
}

async fn order_immutable(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let order = driver.new_order(&account, &[driver.new_name(), driver.new_name()]).await?;
    // In which order they come means nothing (§7.1.3).
    let fixed = |answer: &Answer| {
        ["identifiers", "authorizations"].map(|member| {
            let json = answer.json();
            let elements = json.get(member).and_then(Value::as_array);
            elements.into_iter().flatten().map(Value::to_string).collect::<BTreeSet<_>>()
        })
    };
    let ready = driver.prove(&account, &order).await?;
    let again = driver.get(&account, &order.1).await?;
    for later in [ready, again] {
        later.claim(fixed(&later) == fixed(&order.0), "the same identifiers and authorizations", || {
            later.json().to_string()
        })?;
    }
    Ok(())
}

async fn ready_when_all_are_valid(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let (order, url) = driver.new_order(&account, &[driver.new_name(), driver.new_name()]).await?;
    let challenges = driver.challenges(&account, &order, "http-01").await?;
    let mut left = challenges.len();
    for challenge in &challenges {
        driver.publish(challenge);
        driver.proves(&account, challenge).await?;
        left -= 1;
        if left > 0 {
            let shown = driver.get(&account, &url).await?;
            shown.claim(shown.text("status")? == "pending", "an order that is pending", || shown.json().to_string())?;
        }
    }
    let shown = driver.until(&account, &url, |status| status != "pending").await?;
    shown.claim(shown.text("status")? == "ready", "an order that is ready", || shown.json().to_string())
}

async fn order_of_another_account(driver: &Driver) -> Result<(), Stop> {
    let (_, url) = driver.pending_order(&driver.account().await?).await?;
    driver.get(&driver.other_account().await?, &url).await?.is_refused()
}

fn rfc3339(unix_s: i64) -> String {
    let time = time::UtcDateTime::from_unix_timestamp(unix_s).unwrap_or(time::UtcDateTime::UNIX_EPOCH);
    time.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

async fn requested_validity(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let with = |member: &str, value: &str| {
        let mut payload = for_names(&[&driver.new_name()]);
        payload[member] = json!(value);
        payload
    };
    let mut backwards = with("notBefore", "2031-01-02T00:00:00Z");
    backwards["notAfter"] = json!("2031-01-01T00:00:00Z");
    for wrong in [with("notAfter", "tomorrow"), with("notBefore", "2026-13-01T00:00:00Z"), backwards] {
        let answer = driver.ask_order(&account, &wrong).await?;
        answer.is_refused().map_err(|stop| stop.with(&wrong.to_string()))?;
    }
    // Not at the end of a minute or an hour, so that it shows if a CA cuts it.
    let now_s = driver.env().utc_now().unix_timestamp();
    let end_s = now_s - now_s % 3_600 + 3 * 86_400 + 17 * 60 + 43;
    let text = rfc3339(end_s);
    match attempt(driver, &account, &with("notAfter", &text), "http-01").await? {
        Attempt::Refused(_) => Ok(()),
        Attempt::Issued(issued) => {
            let found = issued.read.not_after_s;
            issued.chain.claim(found == end_s, &format!("a certificate until {text}"), || {
                format!("one until {}", rfc3339(found))
            })
        }
    }
}

async fn issues_just_what_was_ordered(driver: &Driver) -> Result<(), Stop> {
    let order = ready(driver).await?;
    let key = new_key(driver);
    let mut params = csr_params(&[&order.name]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    let Ok(request) = params.serialize_request(&key) else { return Ok(()) };
    let answer = finalize(driver, &order, request.der()).await?;
    if (400..500).contains(&answer.status()) {
        return Ok(());
    }
    let done = driver.until(&order.account, &order.url, |status| status != "processing" && status != "ready").await?;
    if done.text("status")? == "invalid" {
        return Ok(());
    }
    let chain = driver.get(&order.account, &done.text("certificate")?).await?;
    let leaf = super::issuing::certificates(&chain).into_iter().next().unwrap_or_default();
    let (_, read) = X509Certificate::from_der(&leaf)
        .map_err(|e| Stop::Fail(chain.finding("a certificate that can be read", e.to_string())))?;
    let signs = read.key_usage().ok().flatten().is_some_and(|usage| usage.value.key_cert_sign());
    let signs_code = read.extended_key_usage().ok().flatten().is_some_and(|usage| usage.value.code_signing);
    chain.claim(!read.is_ca() && !signs && !signs_code, "a certificate of a server", || "more rights".to_owned())
}

async fn account_key_in_csr(driver: &Driver) -> Result<(), Stop> {
    let other = driver.other_account().await?;
    for (variant, is_own) in [("the account's own key", true), ("another account's key", false)] {
        let order = ready(driver).await?;
        let account = if is_own { &order.account } else { &other };
        let request = csr(account.key.as_certificate_key(), &[&order.name]);
        finalize(driver, &order, &request).await?.is_refused().map_err(|stop| stop.with(variant))?;
    }
    Ok(())
}

async fn csr_common_name(driver: &Driver) -> Result<(), Stop> {
    let order = ready(driver).await?;
    let key = new_key(driver);
    let mut both = csr_params(&[&order.name]);
    both.distinguished_name.push(DnType::CommonName, order.name.as_str());
    finalized(driver, &order, key.clone(), signed_csr(&key, both)).await?;
    let order = ready(driver).await?;
    let mut alone = csr_params(&[]);
    alone.distinguished_name.push(DnType::CommonName, order.name.as_str());
    let request = signed_csr(&key, alone);
    let answer = finalize(driver, &order, &request).await?;
    if (200..300).contains(&answer.status()) { Ok(()) } else { answer.is_refused() }
}

async fn csr_other_alternative_names(driver: &Driver) -> Result<(), Stop> {
    let text = |text: &str| Ia5String::try_from(text).expect("it is ASCII");
    for (variant, more) in [
        ("a mail address", SanType::Rfc822Name(text("a@example.com"))),
        ("a URI", SanType::URI(text("https://a.example/"))),
        ("an address", SanType::IpAddress([192, 0, 2, 9].into())),
    ] {
        let order = ready(driver).await?;
        let mut params = csr_params(&[&order.name]);
        params.subject_alt_names.push(more);
        let key: P256Key = new_key(driver);
        let request = signed_csr(&key, params);
        let answer = finalize(driver, &order, &request).await?;
        if !(400..500).contains(&answer.status()) {
            let done =
                driver.until(&order.account, &order.url, |status| status != "processing" && status != "ready").await?;
            if done.text("status")? == "valid" {
                let chain = driver.get(&order.account, &done.text("certificate")?).await?;
                let leaf = super::issuing::certificates(&chain).into_iter().next().unwrap_or_default();
                let count = X509Certificate::from_der(&leaf)
                    .ok()
                    .and_then(|(_, read)| Some(read.subject_alternative_name().ok()??.value.general_names.len()));
                chain
                    .claim(count == Some(1), "one alternative name", || {
                        count.map_or_else(|| "none that can be read".to_owned(), |count| count.to_string())
                    })
                    .map_err(|stop| stop.with(variant))?;
            }
        }
    }
    Ok(())
}

async fn csr_missing(driver: &Driver) -> Result<(), Stop> {
    let mut order = ready(driver).await?;
    for payload in [json!({}), json!({"csr": 1}), json!({"csr": null}), json!({"csr": ""})] {
        order = still_ready(driver, order).await?;
        let answer = driver.post(&order.account, &order.finalize, &payload).await?;
        answer.has_status(400).map_err(|stop| stop.with(&payload.to_string()))?;
    }
    Ok(())
}

async fn ready_after_bad_csr(driver: &Driver) -> Result<(), Stop> {
    let order = ready(driver).await?;
    let wrong = csr(&new_key(driver), &[&driver.new_name()]);
    finalize(driver, &order, &wrong).await?.is_refused()?;
    let shown = driver.get(&order.account, &order.url).await?;
    shown.claim(shown.text("status")? == "ready", "an order that is ready", || shown.json().to_string())?;
    completed(driver, &order).await.map(drop)
}

async fn finalized_twice(driver: &Driver) -> Result<(), Stop> {
    let order = ready(driver).await?;
    let key = new_key(driver);
    let first = finalize(driver, &order, &csr(&key, &[&order.name])).await?;
    first.is_success("finalize")?;
    let second = finalize(driver, &order, &csr(&new_key(driver), &[&order.name])).await?;
    if second.status() != 200 {
        second.is_refused()?;
    }
    let done = driver.until(&order.account, &order.url, |status| status != "processing" && status != "ready").await?;
    let chain = driver.get(&order.account, &done.text("certificate")?).await?;
    let leaf = super::issuing::certificates(&chain).into_iter().next().unwrap_or_default();
    let read = crate::oracles::reader::certificate::Certificate::read(&leaf);
    let is_for_first = read.is_some_and(|read| read.public_key == key.public_point());
    chain.claim(is_for_first, "a certificate for the first key", || "another key".to_owned())
}

async fn compromised_key(driver: &Driver) -> Result<(), Stop> {
    let issued = issued(driver).await?;
    let url = driver.resource("revokeCert").await?;
    let key = AccountKey::from(issued.key.clone());
    let payload = json!({"certificate": base64url(&issued.leaf), "reason": 1});
    let revoked = driver.send(&driver.draft_with_key(&key, &url, &payload)).await?;
    revoked.is_success("a revocation").map_err(|stop| stop.before("rfc8555/7.6/revoked-by-its-key"))?;
    let order = ready(driver).await?;
    finalize(driver, &order, &csr(&issued.key, &[&order.name])).await?.is_refused()
}

async fn long_name(driver: &Driver) -> Result<(), Stop> {
    let name = format!("{}.{}", "l".repeat(60), driver.new_name());
    let account = driver.account().await?;
    let order = ready_for(driver, &account, &for_names(&[&name]), "http-01").await?;
    completed(driver, &order).await.map(drop)
}

async fn rejected_identifier(driver: &Driver) -> Result<(), Stop> {
    let name = if driver.target().is_public { "a.invalid".to_owned() } else { format!("{}.invalid", "a.".repeat(150)) };
    let answer = order_for(driver, &name).await?;
    answer.is_refused().map_err(|stop| stop.before("rfc8555/7.4/names-that-are-none"))?;
    let kind = answer.problem().unwrap_or_default();
    let is_told = ["rejectedIdentifier", "malformed"].contains(&kind.as_str());
    answer.claim(is_told, "rejectedIdentifier or malformed", || answer.in_words())
}

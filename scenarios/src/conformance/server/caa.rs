//! RFC 8659 and RFC 8657: what the owner of a name says in the DNS about who may issue for it.

use crate::conformance::{
    case::{Case, Level::*},
    driver::{Account, Driver},
    responder::{Published, RecordType, Service},
    server::{
        dns01::NAME_OF_A_WILDCARD,
        issuing::{Attempt, ISSUANCE, Refusal, attempt, for_names},
    },
    verdict::Stop,
};

/// Records: flags, tag and value, in which `{ca}` stands for the CA's name and `{account}` for the account's URL.
type Records = &'static [(u8, &'static str, &'static str)];

/// Whom the records are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// A name, proved by http-01.
    Name,
    /// All names below one, proved by dns-01.
    Wildcard,
}

/// The case that is about CAA at all.
const OTHER_CA: &str = "rfc8659/3/other-ca";

/// The cases that are about parameters at all, and about each of those that RFC 8657 has.
const PARAMETERS: &str = "rfc8657/3/parameter-unknown";
const ACCOUNT_URI: &str = "rfc8657/3/account-uri";
const METHODS: &str = "rfc8657/4/validation-methods";

pub(super) const CASES: &[Case] = &[
    Case {
        id: "rfc8659/3/no-records",
        level: Must,
        requirements: &["rfc8659-3-caa-empty-permits"],
        sent: "An order for a name without CAA records, nor are there any above it.",
        expected: "A certificate.",
        why: "Who says nothing lets everybody issue.",
        run: |driver| Box::pin(permits(driver, Of::Name, &[&[]])),
    },
    Case {
        id: "rfc8659/3/other-ca",
        level: Must,
        requirements: &["rfc8659-3-caa-deny"],
        sent: "An order for a name whose CAA record is for another CA.",
        expected: "A refusal.",
        why: "It is what CAA is for.",
        run: |driver| Box::pin(denies(driver, Of::Name, &[&[(0, "issue", "other.example")]])),
    },
    Case {
        id: "rfc8659/3/problem-type",
        level: Robustness,
        requirements: &["rfc8659-3-caa-at-issuance"],
        sent: "An order for a name whose CAA record is for another CA.",
        expected: "A refusal whose problem is caa.",
        why: "By this problem the client knows that it is the DNS that has to be changed (RFC 8555 §6.7).",
        run: |driver| Box::pin(problem_is_caa(driver)),
    },
    Case {
        id: "rfc8659/3/closest-records-decide",
        level: Must,
        requirements: &["rfc8659-3-caa-climb"],
        sent: "Orders for names two labels below one with CAA records, and below others that have records between.",
        expected: "The closest records decide.",
        why: "The set is searched for upwards, and the first one that is found is all that counts.",
        run: |driver| Box::pin(closest_records_decide(driver)),
    },
    Case {
        id: "rfc8659/3/alias-followed",
        level: Must,
        requirements: &["rfc8659-3-caa-no-alias-climb"],
        sent: "Orders for aliases of a name with CAA records, and of a name whose parent has some.",
        expected: "The target's own records decide; those of its parent don't.",
        why: "The search climbs from the name that was asked for (RFC 8659 §3), not from an alias's target.",
        run: |driver| Box::pin(alias_followed(driver)),
    },
    Case {
        id: "rfc8659/3/every-name",
        level: Must,
        requirements: &["rfc8659-3-caa-all-names"],
        sent: "Orders for three names, of which one has a CAA record for another CA: the first, the second, the third.",
        expected: "A refusal.",
        why: "A CA once looked at one of the names as often as there were names.",
        run: |driver| Box::pin(every_name(driver)),
    },
    Case {
        id: "rfc8659/3/no-property-about-issuance",
        level: Must,
        requirements: &["rfc8659-3-caa-only-iodef"],
        sent: "Orders for names with nothing but iodef, or nothing but a property that nobody knows.",
        expected: "A certificate.",
        why: "They restrict nobody.",
        run: |driver| {
            Box::pin(permits(
                driver,
                Of::Name,
                &[&[(0, "iodef", "mailto:security@example.com")], &[(0, "tbs", "anything")]],
            ))
        },
    },
    Case {
        id: "rfc8659/4.1/critical-unknown",
        level: Must,
        requirements: &["rfc8659-4.1-caa-critical-unknown"],
        sent: "Orders for names with a critical property that nobody knows, alone and beside one for the CA.",
        expected: "A refusal.",
        why: "Whoever does not know what it says must not issue.",
        run: |driver| {
            Box::pin(denies(driver, Of::Name, &[&[(128, "tbs", "x")], &[(0, "issue", "{ca}"), (128, "tbs", "x")]]))
        },
    },
    Case {
        id: "rfc8659/4.1/critical-known",
        level: Robustness,
        requirements: &["rfc8659-4.1-caa-critical-known"],
        sent: "An order for a name whose record for the CA is critical.",
        expected: "A certificate.",
        why: "The CA knows what it says.",
        run: |driver| Box::pin(permits(driver, Of::Name, &[&[(128, "issue", "{ca}")]])),
    },
    Case {
        id: "rfc8659/4.1/reserved-flags",
        level: Must,
        requirements: &["rfc8659-4.1-caa-reserved-bits"],
        sent: "Orders for names with unknown properties beside one for the CA, and with that alone, that have flags which mean nothing.",
        expected: "A certificate.",
        why: "Only the highest bit means anything; older zones have 1 for critical, by mistake.",
        run: |driver| {
            Box::pin(permits(
                driver,
                Of::Name,
                &[
                    &[(0, "issue", "{ca}"), (1, "tbs", "x")],
                    &[(0, "issue", "{ca}"), (127, "tbs", "x")],
                    &[(127, "issue", "{ca}")],
                ],
            ))
        },
    },
    Case {
        id: "rfc8659/4.1/tag-in-upper-case",
        level: Must,
        requirements: &["rfc8659-4.1-caa-tag-case"],
        sent: "Orders for names whose record, for the CA and for another, is tagged ISSUE or Issue; and a critical one.",
        expected: "They count as issue.",
        why: "Tags are the same in any case.",
        run: |driver| {
            Box::pin(async move {
                permits(driver, Of::Name, &[&[(0, "ISSUE", "{ca}")], &[(128, "Issue", "{ca}")]]).await?;
                denies(driver, Of::Name, &[&[(0, "ISSUE", "other.example")], &[(0, "Issue", ";")]]).await
            })
        },
    },
    Case {
        id: "rfc8659/4.2/nobody",
        level: Must,
        requirements: &["rfc8659-4.2-caa-empty-issuer"],
        sent: "Orders for names whose issue property is a semicolon, or empty.",
        expected: "A refusal.",
        why: "It is how an owner forbids everybody.",
        run: |driver| Box::pin(denies(driver, Of::Name, &[&[(0, "issue", ";")], &[(0, "issue", "")]])),
    },
    Case {
        id: "rfc8659/4.2/issuer-name",
        level: Must,
        requirements: &["rfc8659-4.2-caa-match", "rfc8555-7.1.1-meta-caaidentities"],
        sent: "Orders for names whose record names the CA as its directory does, in upper case, and with blanks around.",
        expected: "A certificate.",
        why: "It is a domain name, and clients tell their users to write what caaIdentities has.",
        run: |driver| {
            Box::pin(permits(
                driver,
                Of::Name,
                &[
                    &[(0, "issue", "{ca}")],
                    &[(0, "issue", "{CA}")],
                    &[(0, "issue", " {ca} ")],
                    &[(0, "issue", "{ca};")],
                ],
            ))
        },
    },
    Case {
        id: "rfc8659/4.2/issuer-name-in-part",
        level: Must,
        requirements: &["rfc8659-4.2-caa-match"],
        sent: "Orders for names whose record names a domain below the CA's, and one that ends in the same letters.",
        expected: "A refusal.",
        why: "Another name is another CA.",
        run: |driver| Box::pin(denies(driver, Of::Name, &[&[(0, "issue", "sub.{ca}")], &[(0, "issue", "x{ca}")]])),
    },
    Case {
        id: "rfc8659/4.2/malformed",
        level: Must,
        requirements: &["rfc8659-4.2-caa-malformed"],
        sent: "Orders for names whose issue property is %%%%%, or goes on after the CA's name without a semicolon.",
        expected: "A refusal.",
        why: "What can't be read is as if it named nobody (RFC 8659 §4.2).",
        run: |driver| Box::pin(denies(driver, Of::Name, &[&[(0, "issue", "%%%%%")], &[(0, "issue", "{ca} bad=x")]])),
    },
    Case {
        id: "rfc8659/4.2/several",
        level: Must,
        requirements: &["rfc8659-4.2-caa-multi-or"],
        sent: "Orders for names with records for two CAs, in either order, and with one that forbids everybody.",
        expected: "A certificate.",
        why: "One that permits is enough.",
        run: |driver| {
            Box::pin(permits(
                driver,
                Of::Name,
                &[
                    &[(0, "issue", "other.example"), (0, "issue", "{ca}")],
                    &[(0, "issue", "{ca}"), (0, "issue", "other.example")],
                    &[(0, "issue", ";"), (0, "issue", "{ca}")],
                ],
            ))
        },
    },
    Case {
        id: "rfc8659/4.3/issuewild-before-issue",
        level: Must,
        requirements: &["rfc8659-4.3-caa-issuewild-precedence"],
        sent: "Orders for wildcards of names where issuewild and issue say different things.",
        expected: "issuewild decides.",
        why: "Where there is an issuewild, issue says nothing about wildcards.",
        run: |driver| {
            Box::pin(async move {
                permits(driver, Of::Wildcard, &[&[(0, "issue", ";"), (0, "issuewild", "{ca}")]]).await?;
                denies(driver, Of::Wildcard, &[&[(0, "issue", "{ca}"), (0, "issuewild", ";")]]).await
            })
        },
    },
    Case {
        id: "rfc8659/4.3/issuewild-for-a-name",
        level: Must,
        requirements: &["rfc8659-4.3-caa-issuewild-nonwild"],
        sent: "Orders for names where issuewild forbids everybody, alone and beside an issue that permits.",
        expected: "A certificate.",
        why: "It is about wildcards alone.",
        run: |driver| {
            Box::pin(permits(
                driver,
                Of::Name,
                &[&[(0, "issuewild", ";")], &[(0, "issue", "{ca}"), (0, "issuewild", ";")]],
            ))
        },
    },
    Case {
        id: "rfc8659/4.3/issue-for-a-wildcard",
        level: Must,
        requirements: &["rfc8659-4.3-caa-wild-fallback"],
        sent: "Orders for wildcards of names where there is only issue, for the CA and for another.",
        expected: "issue decides.",
        why: "Without issuewild, issue is about wildcards too.",
        run: |driver| {
            Box::pin(async move {
                permits(driver, Of::Wildcard, &[&[(0, "issue", "{ca}")]]).await?;
                denies(driver, Of::Wildcard, &[&[(0, "issue", "other.example")]]).await
            })
        },
    },
    Case {
        id: "rfc8659/6.3/server-failure",
        level: May,
        requirements: &["rfc8659-6.3-caa-servfail"],
        sent: "An order for a name whose DNS server fails when it is asked for CAA records.",
        expected: "A refusal.",
        why: "An attacker who can make the answer fail could else do away with what it says; a broken signature of DNSSEC looks so too.",
        run: |driver| Box::pin(server_failure(driver)),
    },
    Case {
        id: "rfc8657/3/account-uri",
        level: Must,
        requirements: &["rfc8657-3-caap-accounturi", "rfc8657-3.1-caap-exact"],
        sent: "Orders for names whose record is for one account: this one, another, this one in other letters or longer.",
        expected: "A certificate for this one alone.",
        why: "Else anybody with an account at the same CA can have a certificate for the name.",
        run: |driver| {
            Box::pin(async move {
                permits_by(
                    driver,
                    PARAMETERS,
                    &[&[(0, "issue", "{ca}; accounturi={account}")], &[(0, "issue", "{ca}; AccountURI={account}")]],
                )
                .await?;
                denies(
                    driver,
                    Of::Name,
                    &[
                        &[(0, "issue", "{ca}; accounturi=https://ca.invalid/account/1")],
                        &[(0, "issue", "{ca}; accounturi={account}/")],
                        &[(0, "issue", "{ca};  accounturi={account}0")],
                    ],
                )
                .await
            })
        },
    },
    Case {
        id: "rfc8657/3/account-uri-in-upper-case-tag",
        level: Must,
        requirements: &["rfc8657-3-caap-accounturi"],
        sent: "An order for a name whose record is for another account, with the parameter written AccountURI.",
        expected: "A refusal.",
        why: "Tags of parameters are the same in any case (RFC 8659 §4.2); who passes over this one lets everybody issue.",
        run: |driver| {
            Box::pin(denies_by(
                driver,
                ACCOUNT_URI,
                &[&[(0, "issue", "{ca}; AccountURI=https://ca.invalid/account/1")]],
            ))
        },
    },
    Case {
        id: "rfc8657/3/parameters-without-blanks",
        level: Must,
        requirements: &["rfc8657-3-caap-accounturi"],
        sent: "Orders for names whose record has parameters with no blanks between, for this account and for another.",
        expected: "A certificate for this one alone.",
        why: "Parameters are separated by semicolons; blanks mean nothing.",
        run: |driver| {
            Box::pin(async move {
                permits_by(driver, PARAMETERS, &[&[(0, "issue", "{ca};a=b;accounturi={account}")]]).await?;
                denies_by(driver, ACCOUNT_URI, &[&[(0, "issue", "{ca};a=b;accounturi=https://ca.invalid/1")]]).await
            })
        },
    },
    Case {
        id: "rfc8657/3/account-uri-twice",
        level: Must,
        requirements: &["rfc8657-3-caap-accounturi-multi"],
        sent: "An order for a name whose record names the account twice.",
        expected: "A refusal.",
        why: "§3: such a property can't be satisfied.",
        run: |driver| {
            Box::pin(denies_by(
                driver,
                ACCOUNT_URI,
                &[&[(0, "issue", "{ca}; accounturi={account}; accounturi={account}")]],
            ))
        },
    },
    Case {
        id: "rfc8657/3/account-uri-invalid",
        level: Must,
        requirements: &["rfc8657-3-caap-accounturi-invalid"],
        sent: "Orders for names whose record has an accounturi that is empty, or no URL.",
        expected: "A refusal.",
        why: "It names nobody.",
        run: |driver| {
            Box::pin(denies_by(
                driver,
                ACCOUNT_URI,
                &[&[(0, "issue", "{ca}; accounturi=")], &[(0, "issue", "{ca}; accounturi=me")]],
            ))
        },
    },
    Case {
        id: "rfc8657/3/another-property-permits",
        level: Must,
        requirements: &["rfc8657-3-caap-or-properties"],
        sent: "An order for a name with a record for another account and one for all accounts.",
        expected: "A certificate.",
        why: "One that permits is enough.",
        run: |driver| {
            Box::pin(permits_by(
                driver,
                PARAMETERS,
                &[&[(0, "issue", "{ca}; accounturi=https://ca.invalid/account/1"), (0, "issue", "{ca}")]],
            ))
        },
    },
    Case {
        id: "rfc8657/3/parameter-unknown",
        level: Robustness,
        requirements: &["rfc8657-3-caap-unknown-param"],
        sent: "An order for a name whose record for the CA has a parameter that nobody knows.",
        expected: "A certificate.",
        why: "Parameters are the CA's to define; it knows which it has not.",
        run: |driver| Box::pin(permits_by(driver, PARAMETERS, &[&[(0, "issue", "{ca}; x-nobody-knows=1")]])),
    },
    Case {
        id: "rfc8657/4/validation-methods",
        level: Must,
        requirements: &["rfc8657-4-caap-methods"],
        sent: "Orders proved by http-01 for names whose record permits http-01, dns-01 alone, and both.",
        expected: "A certificate where http-01 is permitted.",
        why: "An owner who trusts only the DNS must not get a certificate made for who controls a web server.",
        run: |driver| {
            Box::pin(async move {
                permits_by(
                    driver,
                    PARAMETERS,
                    &[
                        &[(0, "issue", "{ca}; validationmethods=http-01")],
                        &[(0, "issue", "{ca}; validationmethods=dns-01,http-01")],
                        &[(0, "issue", "{ca}; validationmethods=ca-nobody-knows,http-01")],
                    ],
                )
                .await?;
                denies(
                    driver,
                    Of::Name,
                    &[
                        &[(0, "issue", "{ca}; validationmethods=dns-01")],
                        &[(0, "issue", "{ca}; validationmethods=tls-alpn-01,dns-01")],
                    ],
                )
                .await
            })
        },
    },
    Case {
        id: "rfc8657/4/validation-methods-empty",
        level: Must,
        requirements: &["rfc8657-4-caap-methods-empty"],
        sent: "An order for a name whose record has an empty list of methods.",
        expected: "A refusal.",
        why: "No method is permitted.",
        run: |driver| Box::pin(denies_by(driver, METHODS, &[&[(0, "issue", "{ca}; validationmethods=")]])),
    },
    Case {
        id: "rfc8657/4/validation-methods-malformed",
        level: Must,
        requirements: &["rfc8657-4-caap-methods-syntax"],
        sent: "Orders for names whose list of methods has blanks, or an empty entry.",
        expected: "A refusal.",
        why: "A list that breaks the grammar permits nobody.",
        run: |driver| {
            Box::pin(denies_by(
                driver,
                METHODS,
                &[
                    &[(0, "issue", "{ca}; validationmethods=dns-01, http-01")],
                    &[(0, "issue", "{ca}; validationmethods=http-01,,dns-01")],
                ],
            ))
        },
    },
    Case {
        id: "rfc8657/4/validation-methods-twice",
        level: Robustness,
        requirements: &["rfc8657-4-caap-methods-multi"],
        sent: "An order for a name whose record has two lists of methods.",
        expected: "A refusal.",
        why: "Which of them counts is anybody's guess.",
        run: |driver| {
            Box::pin(denies_by(
                driver,
                METHODS,
                &[&[(0, "issue", "{ca}; validationmethods=http-01; validationmethods=http-01")]],
            ))
        },
    },
];

/// What the case needs: the CA's name in CAA records, and an account.
async fn parties(driver: &Driver) -> Result<(String, Account), Stop> {
    driver.needs(Service::Dns)?;
    let identities = driver.meta("caaIdentities").await?;
    let first = identities.as_ref().and_then(|list| list.get(0)?.as_str());
    let issuer = first.ok_or_else(|| Stop::Skip("the directory's meta has no caaIdentities".to_owned()))?;
    Ok((issuer.to_owned(), driver.account().await?))
}

fn published(records: Records, issuer: &str, account: &Account) -> Vec<Published> {
    let filled = |value: &str| {
        value.replace("{ca}", issuer).replace("{CA}", &issuer.to_uppercase()).replace("{account}", &account.url)
    };
    records.iter().map(|(flags, tag, value)| Published::Caa(*flags, (*tag).to_owned(), filled(value))).collect()
}

/// The records as a zone has them.
fn in_words(records: &[Published]) -> String {
    let line = |record: &Published| {
        let Published::Caa(flags, tag, value) = record else { return None };
        Some(format!("CAA {flags} {tag} {value:?}"))
    };
    let lines: Vec<String> = records.iter().filter_map(line).collect();
    if lines.is_empty() { "no CAA record".to_owned() } else { lines.join(" and ") }
}

/// What comes of an order where these records are, and how they were published.
async fn tried(driver: &Driver, of: Of, records: Records) -> Result<(Attempt, String), Stop> {
    let (issuer, account) = parties(driver).await?;
    let name = driver.new_name();
    let records = published(records, &issuer, &account);
    let told = in_words(&records);
    driver.responder().publish_records(&name, records);
    let attempt = match of {
        Of::Name => attempt(driver, &account, &for_names(&[&name]), "http-01").await?,
        Of::Wildcard => {
            let payload = for_names(&[&format!("*.{name}")]);
            driver.needed(NAME_OF_A_WILDCARD, attempt(driver, &account, &payload, "dns-01")).await?
        }
    };
    Ok((attempt, told))
}

async fn permits(driver: &Driver, of: Of, variants: &[Records]) -> Result<(), Stop> {
    for records in variants {
        let (attempt, told) = tried(driver, of, records).await?;
        let permitted = attempt.expect_issued().map_err(|stop| stop.with(&told));
        permitted.map_err(|stop| if of == Of::Wildcard { stop.before(NAME_OF_A_WILDCARD) } else { stop })?;
    }
    Ok(())
}

/// The same of names, where the case with the id `by` is about what a CA has to understand first.
async fn permits_by(driver: &Driver, by: &'static str, variants: &[Records]) -> Result<(), Stop> {
    permits(driver, Of::Name, variants).await.map_err(|stop| stop.before(by))
}

async fn denies(driver: &Driver, of: Of, variants: &[Records]) -> Result<(), Stop> {
    for records in variants {
        let (attempt, told) = tried(driver, of, records).await?;
        is_denied(driver, attempt).map_err(|stop| stop.with(&told).before(OTHER_CA))?;
    }
    Ok(())
}

/// The same of names, where the case with the id `by` is about what a CA has to understand first.
async fn denies_by(driver: &Driver, by: &'static str, variants: &[Records]) -> Result<(), Stop> {
    for records in variants {
        let (attempt, told) = tried(driver, Of::Name, records).await?;
        is_denied(driver, attempt).map_err(|stop| stop.with(&told).before(by))?;
    }
    Ok(())
}

fn is_denied(driver: &Driver, attempt: Attempt) -> Result<(), Stop> {
    driver.presumes(ISSUANCE);
    match attempt {
        Attempt::Refused(_) => Ok(()),
        Attempt::Issued(issued) => {
            Err(Stop::Fail(issued.chain.finding("a refusal because of CAA", "a certificate".to_owned())))
        }
    }
}

async fn problem_is_caa(driver: &Driver) -> Result<(), Stop> {
    match tried(driver, Of::Name, &[(0, "issue", "other.example")]).await?.0 {
        Attempt::Refused(Refusal { shown, problem, .. }) => shown.claim(problem == "caa", "the problem caa", || {
            if problem.is_empty() { format!("no problem: {}", shown.json()) } else { problem.clone() }
        }),
        issued @ Attempt::Issued(_) => is_denied(driver, issued).map_err(|stop| stop.before(OTHER_CA)),
    }
}

/// As the records say that are told so.
fn is_decided(driver: &Driver, attempt: Attempt, is_permitted: bool, told: &str) -> Result<(), Stop> {
    if is_permitted {
        return attempt.expect_issued().map_err(|stop| stop.with(told));
    }
    is_denied(driver, attempt).map_err(|stop| stop.with(told).before(OTHER_CA))
}

async fn closest_records_decide(driver: &Driver) -> Result<(), Stop> {
    let (issuer, account) = parties(driver).await?;
    let (ours, others) = (Published::caa("issue", issuer), Published::caa("issue", "other.example"));
    for (above, between, is_right) in
        [(&others, None, false), (&ours, None, true), (&others, Some(&ours), true), (&ours, Some(&others), false)]
    {
        let domain = driver.new_name();
        driver.responder().publish_records(&domain, vec![above.clone()]);
        if let Some(between) = between {
            driver.responder().publish_records(&format!("b.{domain}"), vec![between.clone()]);
        }
        let attempt = attempt(driver, &account, &for_names(&[&format!("a.b.{domain}")]), "http-01").await?;
        let [above, between] = [Some(above), between].map(|record| in_words(record.map_or(&[], std::slice::from_ref)));
        let told = format!("{above} two labels above and {between} one label above");
        is_decided(driver, attempt, is_right, &told)?;
    }
    Ok(())
}

async fn alias_followed(driver: &Driver) -> Result<(), Stop> {
    let (issuer, account) = parties(driver).await?;
    let (ours, others) = (Published::caa("issue", issuer), Published::caa("issue", "other.example"));
    for (records, label, is_right) in
        [(&ours, "", true), (&others, "", false), (&others, "below.", true), (&ours, "below.", true)]
    {
        let (name, target) = (driver.new_name(), driver.new_name());
        driver.responder().publish_records(&target, vec![records.clone()]);
        driver.responder().publish_records(&name, vec![Published::Alias(format!("{label}{target}"))]);
        let attempt = attempt(driver, &account, &for_names(&[&name]), "http-01").await?;
        let whose = if label.is_empty() { "the target" } else { "the target's parent" };
        is_decided(driver, attempt, is_right, &format!("{} at {whose}", in_words(std::slice::from_ref(records))))?;
    }
    // The climb goes on above the alias itself.
    let (domain, target) = (driver.new_name(), driver.new_name());
    let name = format!("alias.{domain}");
    driver.responder().publish_records(&domain, vec![others]);
    driver.responder().publish_records(&name, vec![Published::Alias(target)]);
    let attempt = attempt(driver, &account, &for_names(&[&name]), "http-01").await?;
    is_decided(driver, attempt, false, "another CA's record at the alias's parent")
}

async fn every_name(driver: &Driver) -> Result<(), Stop> {
    let (_, account) = parties(driver).await?;
    for denied in 0..3 {
        let names = [driver.new_name(), driver.new_name(), driver.new_name()];
        driver.responder().publish_records(&names[denied], vec![Published::caa("issue", "other.example")]);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let attempt = attempt(driver, &account, &for_names(&names), "http-01").await?;
        is_decided(driver, attempt, false, &format!("another CA's record at name {} of three", denied + 1))?;
    }
    Ok(())
}

async fn server_failure(driver: &Driver) -> Result<(), Stop> {
    let (_, account) = parties(driver).await?;
    let name = driver.new_name();
    driver.responder().publish_records(&name, vec![Published::Failure(RecordType::CAA)]);
    let attempt = attempt(driver, &account, &for_names(&[&name]), "http-01").await?;
    is_decided(driver, attempt, false, "a server that fails")
}

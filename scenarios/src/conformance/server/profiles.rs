//! draft-ietf-acme-profiles: kinds of certificates to choose from.

use serde_json::{Value, json};

use super::issuing::{Attempt, Refusal, attempt, for_names};
use crate::conformance::{
    case::{Case, Level::*},
    driver::Driver,
    verdict::Stop,
};

pub(super) const CASES: &[Case] = &[
    Case {
        id: "draft-ietf-acme-profiles/3/directory",
        level: Must,
        requirements: &["profiles-3-prof-directory"],
        sent: "The directory is read.",
        expected: "meta.profiles is an object of texts.",
        why: "A person reads them and chooses.",
        run: |driver| Box::pin(directory(driver)),
    },
    Case {
        id: "draft-ietf-acme-profiles/4/chosen",
        level: Must,
        requirements: &["profiles-4-prof-honour"],
        sent: "A certificate under each of the profiles.",
        expected: "Orders that show the profile, and certificates; what a profile does not offer is refused.",
        why: "What is chosen is what is had.",
        run: |driver| Box::pin(chosen(driver)),
    },
    Case {
        id: "draft-ietf-acme-profiles/4/unknown",
        level: Should,
        requirements: &["profiles-4-prof-unknown"],
        sent: "A new order with a profile that the directory does not have.",
        expected: "A refusal, invalidProfile.",
        why: "The client learns that it has to choose again.",
        run: |driver| Box::pin(unknown(driver)),
    },
    Case {
        id: "draft-ietf-acme-profiles/4/none-chosen",
        level: Should,
        requirements: &["profiles-4-prof-default"],
        sent: "A new order without a profile.",
        expected: "An order that shows which one the CA has chosen.",
        why: "The client sees what it will get.",
        run: |driver| Box::pin(none_chosen(driver)),
    },
    Case {
        id: "draft-ietf-acme-profiles/4/other-types",
        level: Robustness,
        requirements: &["profiles-4-prof-type"],
        sent: "New orders whose profile is a number, an array and empty.",
        expected: "A refusal with a status of 4xx.",
        why: "500 makes a client try again for ever.",
        run: |driver| Box::pin(other_types(driver)),
    },
    Case {
        id: "draft-ietf-acme-profiles/4/not-for-these-names",
        level: Must,
        requirements: &["profiles-4-prof-incompatible"],
        sent: "New orders for an address under each profile.",
        expected: "An order, or a refusal with a status of 4xx.",
        why: "A profile that is not for addresses says so at once.",
        run: |driver| Box::pin(not_for_these_names(driver)),
    },
    Case {
        id: "draft-ietf-acme-profiles/4/proofs-of-another-profile",
        level: Robustness,
        requirements: &["profiles-4-prof-reuse"],
        sent: "New orders for one name under every profile.",
        expected: "An order of its own under each.",
        why: "A pending order of another profile is not what was asked for.",
        run: |driver| Box::pin(proofs_of_another_profile(driver)),
    },
];

async fn names(driver: &Driver) -> Result<Vec<String>, Stop> {
    let profiles = driver.meta("profiles").await?;
    let profiles = profiles.as_ref().and_then(Value::as_object);
    let none = || Stop::Skip("the directory's meta has no profiles".to_owned());
    Ok(profiles.ok_or_else(none)?.keys().cloned().collect())
}

async fn directory(driver: &Driver) -> Result<(), Stop> {
    let Some(profiles) = driver.meta("profiles").await? else {
        return Err(Stop::Skip("the directory's meta has no profiles".to_owned()));
    };
    let is_right = profiles.as_object().is_some_and(|all| !all.is_empty() && all.values().all(Value::is_string));
    driver.directory().await?.claim(is_right, "an object of texts", || profiles.to_string())
}

fn under(profile: &Value, name: &str) -> Value {
    let mut payload = for_names(&[name]);
    payload["profile"] = profile.clone();
    payload
}

async fn chosen(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for profile in names(driver).await? {
        let payload = under(&json!(profile), &driver.new_name());
        match attempt(driver, &account, &payload, "http-01").await? {
            Attempt::Issued(issued) => {
                let json = issued.order.json();
                let is_shown = json.get("profile") == payload.get("profile");
                issued.order.claim(is_shown, &format!("the profile {profile}"), || json.to_string())?;
            }
            // Some profiles are not for everybody.
            Attempt::Refused(Refusal { shown, .. }) if shown.status() >= 400 => {
                driver.note(format!("nothing is issued under the profile {profile}: {}", shown.in_words()));
            }
            Attempt::Refused(refusal) => return Err(refusal.into_stop()),
        }
    }
    Ok(())
}

async fn unknown(driver: &Driver) -> Result<(), Stop> {
    names(driver).await?;
    let payload = under(&json!("x-nobody-has-this"), &driver.new_name());
    let answer = driver.ask_order(&driver.account().await?, &payload).await?;
    answer.is_refused()?;
    let kind = answer.problem().unwrap_or_default();
    answer.claim(kind == "invalidProfile", "the problem invalidProfile", || answer.in_words())
}

async fn none_chosen(driver: &Driver) -> Result<(), Stop> {
    let names = names(driver).await?;
    let (order, _) = driver.pending_order(&driver.account().await?).await?;
    let json = order.json();
    let shown = json.get("profile").and_then(Value::as_str);
    let is_known = shown.is_some_and(|shown| names.iter().any(|name| name == shown));
    order.claim(is_known, "one of the directory's profiles", || json.to_string())
}

async fn other_types(driver: &Driver) -> Result<(), Stop> {
    names(driver).await?;
    let account = driver.account().await?;
    for profile in [json!(1), json!([]), json!({}), json!("")] {
        let answer = driver.ask_order(&account, &under(&profile, &driver.new_name())).await?;
        answer.is_refused().map_err(|stop| stop.with(&format!("the profile {profile}")))?;
    }
    Ok(())
}

async fn not_for_these_names(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    for profile in names(driver).await? {
        let answer = driver.ask_order(&account, &under(&json!(profile), "192.0.2.1")).await?;
        if answer.status() != 201 {
            answer.is_refused().map_err(|stop| stop.with(&profile))?;
        }
    }
    Ok(())
}

async fn proofs_of_another_profile(driver: &Driver) -> Result<(), Stop> {
    let account = driver.account().await?;
    let name = driver.new_name();
    let mut seen = Vec::new();
    for profile in names(driver).await? {
        let answer = driver.ask_order(&account, &under(&json!(profile), &name)).await?;
        if answer.status() == 201 {
            let url = answer.location()?;
            answer.claim(!seen.contains(&url), "another order", || url.clone())?;
            seen.push(url);
        }
    }
    Ok(())
}

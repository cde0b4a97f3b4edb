//! `ca.fault`: from the words of the language to a rule of the CA.

use ca_mock::{Ca, Endpoint, Fault, FaultRule, FieldFault, ForcedState, HeaderFault, Instead, Matcher};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use time::UtcDateTime;

use crate::language::{self, Verb};

pub(super) fn set(verb: &Verb, ca: &Ca, now: UtcDateTime) {
    let Verb::CaFault {
        name, endpoints, account, identifier, replaces, nth, every_nth, count, chance, duration, ..
    } = verb
    else {
        return;
    };
    let matcher = Matcher {
        endpoints: endpoints.iter().flatten().map(endpoint).collect(),
        account: account.clone(),
        identifier: identifier.clone(),
        replaces: *replaces,
        from: None,
        until: None,
    };
    let rule = FaultRule {
        name: name.as_str().to_owned(),
        matcher,
        nth: u64::from(nth.get()),
        every_nth: u64::from(every_nth.get()),
        count: count.map(|count| u64::from(count.get())),
        lasts: *duration,
        chance_ppm: chance.ppm,
        fault: fault(verb),
    };
    ca.add_fault(rule, now).expect("a timeline has fewer names of rules than there may be rules");
}

fn fault(verb: &Verb) -> Fault {
    let Verb::CaFault {
        state,
        carried_out,
        problem,
        detail,
        html,
        body,
        content_type,
        status,
        set_fields,
        remove_fields,
        set_headers,
        add_headers,
        remove_headers,
        answer_delay,
        drop,
        cut_off_after_bytes,
        ..
    } = verb
    else {
        return Fault::default();
    };
    let media_type = |default| content_type.as_ref().map_or(HeaderValue::from_static(default), |kind| kind.0.clone());
    let instead = match (problem, html, body) {
        (Some(kind), ..) => Some(Instead::Problem {
            kind: kind.clone(),
            detail: detail.clone().unwrap_or_else(|| "the scenario says so".to_owned()),
        }),
        (None, Some(html), _) => Some(Instead::Page { content_type: media_type("text/html"), body: html.clone() }),
        (None, None, Some(body)) => Some(Instead::Page { content_type: media_type("text/plain"), body: body.clone() }),
        (None, None, None) => None,
    };
    let set = set_fields.iter().flatten();
    let set = set.map(|field| FieldFault { pointer: field.pointer.0.clone(), value: Some(field.value.clone()) });
    let removed = remove_fields.iter().flatten().map(|pointer| FieldFault { pointer: pointer.0.clone(), value: None });
    let replaced = set_headers.iter().flatten();
    let headers = (remove_headers.iter().flatten().map(|name| HeaderFault::Removed(name.0.clone())))
        .chain(content_type.iter().map(|kind| HeaderFault::Replaced(CONTENT_TYPE, kind.0.clone())))
        .chain(replaced.map(|field| HeaderFault::Replaced(field.name.clone(), field.value.clone())))
        .chain(add_headers.iter().flatten().map(|field| HeaderFault::Added(field.name.clone(), field.value.clone())));
    Fault {
        state: state.map(forced_state),
        is_kept_from_ca: !carried_out.unwrap_or(instead.is_none() && status.is_none() && !drop),
        instead,
        status: status.map(|status| status.0),
        fields: set.chain(removed).collect(),
        headers: headers.collect(),
        delay: answer_delay.unwrap_or_default(),
        cut_off_after_bytes: if *drop { Some(0) } else { cut_off_after_bytes.map(u64::from) },
    }
}

fn endpoint(endpoint: &language::Endpoint) -> Endpoint {
    let same = Endpoint::ALL.iter().find(|same| same.name() == endpoint.name());
    *same.expect("the language has the CA's own names")
}

fn forced_state(state: language::ForcedState) -> ForcedState {
    let same = ForcedState::ALL.iter().find(|same| same.name() == state.name());
    *same.expect("the language has the CA's own names")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_and_the_ca_have_the_same_names() {
        assert_eq!(language::Endpoint::ALL.iter().map(endpoint).collect::<Vec<_>>(), Endpoint::ALL);
        let states: Vec<_> = language::ForcedState::ALL.iter().map(|state| forced_state(*state)).collect();
        assert_eq!(states, ForcedState::ALL);
    }
}

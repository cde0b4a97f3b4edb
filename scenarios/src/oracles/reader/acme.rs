//! HTTP exchanges as steps of ACME: which resource each is about, learned as a client would learn it.
//!
//! Nothing is known of a CA's paths. A directory is recognized by its members (RFC 8555 §7.1.1);
//! accounts and orders by the `Location` of the answer that creates them; authorizations, challenges,
//! finalize and certificate URLs by the objects that name them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{
    http::{Exchange, Moment},
    link,
    place::Place,
    step::{Resource, Step},
};
use crate::oracles::recent::Recent;

const PLACES_MAX: usize = 50_000;
const ENDPOINTS_MAX: usize = 1_000;

/// What is known of CAs' URLs.
#[derive(Debug)]
pub(super) struct Acme {
    endpoints: BTreeMap<Place, Resource>,
    renewal_infos: BTreeSet<Place>,
    places: Recent<Place, Resource>,
    servers: BTreeSet<Arc<str>>,
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            endpoints: BTreeMap::new(),
            renewal_infos: BTreeSet::new(),
            places: Recent::new(PLACES_MAX),
            servers: BTreeSet::new(),
        }
    }
}

impl Acme {
    /// Whether a host has answered as an ACME CA.
    pub(super) fn is_served_by(&self, host: &Arc<str>) -> bool {
        self.servers.contains(host)
    }

    /// Says what an exchange is about, and learns from its answer.
    pub(super) fn classify(&mut self, exchange: Exchange) -> Step {
        let Exchange { moment, client, server, request, response } = exchange;
        let authority = request.headers.first("host").unwrap_or_default();
        let place = Place::of_request(authority, &request.target);
        let resource = self.resource(&place);
        let mut step = Step { moment, resource, place, client, server, request, response };
        if moment == Moment::Answered && step.is_success() {
            self.learn(&mut step);
        }
        step
    }

    fn resource(&mut self, place: &Place) -> Resource {
        if let Some(endpoint) = self.endpoints.get(place) {
            return endpoint.clone();
        }
        if let Some(known) = self.places.get_mut(place) {
            return known.clone();
        }
        if let Some(token) = place.path().strip_prefix("/.well-known/acme-challenge/") {
            return Resource::Http01 { token: token.to_owned() };
        }
        let certificate_id = self.renewal_infos.iter().find_map(|info| {
            let below =
                place.to_string().strip_prefix(info.to_string().trim_end_matches('/'))?.strip_prefix('/')?.to_owned();
            (!below.is_empty()).then_some(below)
        });
        certificate_id.map_or(Resource::Other, |certificate_id| Resource::RenewalInfo { certificate_id })
    }

    fn learn(&mut self, step: &mut Step) {
        if step.resource == Resource::Other {
            if let Some(directory) = step.body().filter(|body| is_directory(body)).cloned() {
                self.learn_directory(&directory, step);
            }
            return;
        }
        match &step.resource {
            Resource::Directory => {
                if let Some(directory) = step.body().filter(|body| is_directory(body)).cloned() {
                    self.learn_directory(&directory, step);
                }
            }
            Resource::NewAccount => {
                if let Some(account) = step.location() {
                    self.places.insert(account, Resource::Account);
                }
            }
            Resource::NewAuthorization => {
                if let Some(authorization) = step.location() {
                    self.learn_challenges(&authorization, step);
                    self.places.insert(authorization, Resource::Authorization);
                }
            }
            Resource::Authorization => self.learn_challenges(&step.place, step),
            Resource::NewOrder | Resource::Order | Resource::Finalize { .. } => {
                if let (Some(order), Some(object)) = (step.order(), step.body()) {
                    self.learn_order(&order, object);
                }
            }
            Resource::Certificate { order } => {
                let fields = step.response.iter().flat_map(|response| response.headers.all("link"));
                for alternate in fields.flat_map(|field| link::targets(field, "alternate")).filter_map(Place::of_url) {
                    self.places.insert(alternate, Resource::Certificate { order: order.clone() });
                }
            }
            Resource::NewNonce
            | Resource::RevokeCertificate
            | Resource::KeyChange
            | Resource::RenewalInfo { .. }
            | Resource::Account
            | Resource::Challenge { .. }
            | Resource::Http01 { .. }
            | Resource::Other => {}
        }
    }

    fn learn_directory(&mut self, directory: &Value, step: &mut Step) {
        step.resource = Resource::Directory;
        self.servers.extend(step.server.clone());
        let named = [
            ("newNonce", Resource::NewNonce),
            ("newAccount", Resource::NewAccount),
            ("newAuthz", Resource::NewAuthorization),
            ("newOrder", Resource::NewOrder),
            ("revokeCert", Resource::RevokeCertificate),
            ("keyChange", Resource::KeyChange),
        ];
        if self.endpoints.len() >= ENDPOINTS_MAX {
            return;
        }
        self.endpoints.insert(step.place.clone(), Resource::Directory);
        for (member, resource) in named {
            if let Some(place) = place_at(directory, member) {
                self.endpoints.insert(place, resource);
            }
        }
        self.renewal_infos.extend(place_at(directory, "renewalInfo"));
    }

    fn learn_order(&mut self, order: &Place, object: &Value) {
        self.places.insert(order.clone(), Resource::Order);
        for authorization in object.get("authorizations").and_then(Value::as_array).into_iter().flatten() {
            if let Some(place) = authorization.as_str().and_then(Place::of_url) {
                self.places.insert(place, Resource::Authorization);
            }
        }
        if let Some(place) = place_at(object, "finalize") {
            self.places.insert(place, Resource::Finalize { order: order.clone() });
        }
        if let Some(place) = place_at(object, "certificate") {
            self.places.insert(place, Resource::Certificate { order: order.clone() });
        }
    }

    fn learn_challenges(&mut self, authorization: &Place, step: &Step) {
        let challenges = step.body().and_then(|body| body.get("challenges")).and_then(Value::as_array);
        for challenge in challenges.into_iter().flatten() {
            if let Some(place) = place_at(challenge, "url") {
                self.places.insert(place, Resource::Challenge { authorization: authorization.clone() });
            }
        }
    }
}

fn is_directory(body: &Value) -> bool {
    ["newNonce", "newAccount", "newOrder"].iter().all(|member| body.get(member).is_some_and(Value::is_string))
}

fn place_at(object: &Value, member: &str) -> Option<Place> {
    Place::of_url(object.get(member)?.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::{reader::Reader, testing::Story};

    #[test]
    fn every_step_of_an_issuance_is_recognized() {
        let mut story = Story::new();
        story.issuance(&["a.test"], 90);
        story.renewal_info("aki.serial", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", None);
        let mut reader = Reader::default();
        let mut seen = Vec::new();
        for record in &story.records {
            for step in reader.read(record).steps {
                if step.moment == Moment::Received {
                    let text = format!("{:?}", step.resource);
                    seen.push(text.split([' ', '{']).next().unwrap_or_default().to_owned());
                }
            }
        }
        let expected = "Other NewNonce NewAccount NewOrder Authorization Http01 Challenge Authorization Finalize Order \
                        Certificate RenewalInfo";
        assert_eq!(seen.join(" ").replacen("Directory", "Other", 1), expected);
    }
}

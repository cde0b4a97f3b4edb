//! Marks: probes that the oracles set by themselves, so that a scenario can demand that something
//! happened without the program under test having to say so.
//!
//! | mark | happened |
//! |---|---|
//! | `acme/RESOURCE/ok`, `…/error` | a client received such an answer |
//! | `acme/problem/TYPE` | a client received this problem |
//! | `validation/http-01` | a validation authority got an answer to a challenge |
//! | `validation/tls-alpn-01` | a validation authority was shown a certificate under `acme-tls/1` |
//! | `visitor/served`, `visitor/refused`, `visitor/cut-off` | a visitor's handshake ended so |
//! | `host/started`, `host/restarted`, `host/killed`, `host/power-lost`, `host/suspended` | a host's life |
//! | `disk/error`, `disk/crashed`, `clock/changed`, `link/changed`, `lock/waited` | as the event says |

use std::borrow::Cow;

use sim::trace::{Ending, Event};

use super::{
    law::Seen,
    reader::{
        Sight,
        http::Moment,
        step::{Resource, Step},
        visit::Visit,
    },
};

/// The probes and marks that something seen stands for.
pub(super) fn of<'a>(seen: &Seen<'a>) -> Vec<Cow<'a, str>> {
    match seen.sight {
        Sight::Event(event) => of_event(event).into_iter().map(Cow::Borrowed).collect(),
        Sight::Step(step) => of_step(step),
        Sight::Visit(visit) => of_visit(visit).into_iter().map(Cow::Borrowed).collect(),
        Sight::Dns(_) => Vec::new(),
    }
}

fn of_event(event: &Event) -> Option<&str> {
    match event {
        Event::Probe { name, .. } => Some(name),
        Event::HostStarted { incarnation: 1 } => Some("host/started"),
        Event::HostStarted { .. } => Some("host/restarted"),
        Event::HostEnded { ending: Ending::Killed } => Some("host/killed"),
        Event::HostEnded { ending: Ending::PowerLost } => Some("host/power-lost"),
        Event::HostSuspended => Some("host/suspended"),
        Event::ClockChanged { .. } => Some("clock/changed"),
        Event::LinkChanged { .. } => Some("link/changed"),
        Event::DiskCrashed { .. } => Some("disk/crashed"),
        Event::DiskDamaged { .. } => Some("disk/damaged"),
        Event::Disk { error: Some(_), .. } => Some("disk/error"),
        Event::LockWait { .. } => Some("lock/waited"),
        Event::HostEnded { ending: Ending::Finished }
        | Event::Disk { error: None, .. }
        | Event::World { .. }
        | Event::DiskMounted { .. }
        | Event::HostResumed
        | Event::Segment { .. }
        | Event::Datagram { .. }
        | Event::PacketLost { .. }
        | Event::Data { .. }
        | Event::Handshake { .. }
        | Event::Panic { .. }
        | Event::TasksAlive { .. }
        | Event::Deadlock { .. }
        | Event::ZoneChanged { .. }
        | Event::SetBack { .. }
        | Event::Fault { .. } => None,
    }
}

fn of_step<'a>(step: &Step) -> Vec<Cow<'a, str>> {
    if step.moment != Moment::Received {
        return Vec::new();
    }
    let name = match &step.resource {
        Resource::Http01 { .. } if step.is_success() => return vec![Cow::Borrowed("validation/http-01")],
        Resource::Http01 { .. } | Resource::Other => return Vec::new(),
        Resource::Directory => "directory",
        Resource::NewNonce => "new-nonce",
        Resource::NewAccount => "new-account",
        Resource::NewAuthorization => "new-authorization",
        Resource::NewOrder => "new-order",
        Resource::RevokeCertificate => "revoke-certificate",
        Resource::KeyChange => "key-change",
        Resource::RenewalInfo { .. } => "renewal-info",
        Resource::Account => "account",
        Resource::Order => "order",
        Resource::Authorization => "authorization",
        Resource::Challenge { .. } => "challenge",
        Resource::Finalize { .. } => "finalize",
        Resource::Certificate { .. } => "certificate",
    };
    let outcome = if step.is_success() { "ok" } else { "error" };
    let problem = step.problem().map(|problem| format!("acme/problem/{problem}").into());
    std::iter::once(format!("acme/{name}/{outcome}").into()).chain(problem).collect()
}

fn of_visit(visit: &Visit) -> Option<&'static str> {
    match &visit.failure {
        _ if visit.is_validation => visit.proves_control().then_some("validation/tls-alpn-01"),
        None => Some("visitor/served"),
        Some(failure) if failure.is_transport => Some("visitor/cut-off"),
        Some(_) => Some("visitor/refused"),
    }
}

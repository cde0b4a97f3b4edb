//! The operator of a manager: has it set up, starts it, speaks to it while it works, and listens to what it tells.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use client_under_test::{
    Config, Manager,
    acme::revocation,
    manager::{Event, Events, Handle, Heard},
    name::{Name, Names},
};
use sim::Env;

use super::bucket::Shelf;
use crate::language::RevocationReason;

/// A manager's operator. Clones are the same person.
#[derive(Clone, Debug)]
pub(super) struct Operator(Arc<Mutex<Desk>>);

#[derive(Debug)]
struct Desk {
    config: Config,
    /// Where the manager keeps everything, if not on its disk.
    shelf: Option<Shelf>,
    /// To the manager that was started last.
    handle: Option<Handle>,
}

impl Operator {
    pub(super) fn new(config: Config) -> Self {
        Self(Arc::new(Mutex::new(Desk { config, shelf: None, handle: None })))
    }

    /// Has the manager keep everything there, from its next start on.
    pub(super) fn have_it_keep_in(&self, shelf: Shelf) {
        self.desk().shelf = Some(shelf);
    }

    /// Runs the manager until it is told to shut down.
    pub(super) async fn run_manager(self, env: Env) {
        let (mut config, shelf) = {
            let desk = self.desk();
            (desk.config.clone(), desk.shelf.clone())
        };
        if let Some(shelf) = shelf {
            let bucket = shelf.bucket(&env);
            if shelf.is_shared {
                match bucket.locks(&env, &config.storage_root).await {
                    Ok(locks) => config.storage_locks = Some(locks),
                    Err(e) => return env.probe_about("manager/bucket-refused", || [("reason", e.to_string())]),
                }
            }
            config.storage_medium = Some(Arc::new(bucket));
        }
        let manager = Manager::new(env.clone(), config).expect("the language has checked the names");
        let handle = manager.handle();
        env.spawn("listen", listen(env.clone(), handle.events())).detach();
        self.desk().handle = Some(handle);
        manager.run().await.expect("the manager's ports are free on its own host");
    }

    /// From now on, a certificate for each of `names` is wanted, by a later start of the manager too.
    pub(super) fn change_names(&self, names: &[String]) {
        let mut desk = self.desk();
        desk.config.certificates = names.iter().map(|name| vec![name.clone()]).collect();
        if let Some(handle) = &desk.handle {
            handle.change_certificates(&desk.config.certificates).expect("the language has checked the names");
        }
    }

    /// Has the certificate of `name` revoked. Nothing happens if the manager holds none for it, and none of this is done.
    pub(super) fn revoke(&self, name: &str, reason: RevocationReason) {
        let reason = match reason {
            RevocationReason::Unspecified => revocation::RevocationReason::Unspecified,
            RevocationReason::KeyCompromise => revocation::RevocationReason::KeyCompromise,
            RevocationReason::Superseded => revocation::RevocationReason::Superseded,
            RevocationReason::CessationOfOperation => revocation::RevocationReason::CessationOfOperation,
        };
        if let Some(handle) = &self.desk().handle {
            // A later expectation misses it.
            drop(handle.revoke(name, reason));
        }
    }

    /// Tells the manager to end its work.
    pub(super) fn shut_down(&self) {
        if let Some(handle) = &self.desk().handle {
            handle.shut_down();
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets a probe for each event that the manager tells, with the names of the certificate that it is about.
async fn listen(env: Env, mut events: Events) {
    while let Some(heard) = events.next().await {
        let (probe, names) = match &heard {
            Heard::Missed(_) => ("event/missed", None),
            Heard::Event(Event::Obtaining { names, .. }) => ("event/obtaining", Some(names)),
            Heard::Event(Event::Obtained { is_renewal: false, names, .. }) => ("event/obtained", Some(names)),
            Heard::Event(Event::Obtained { is_renewal: true, names, .. }) => ("event/renewed", Some(names)),
            Heard::Event(Event::Failed { names, .. }) => ("event/failed", Some(names)),
            Heard::Event(Event::Denied { names }) => ("event/denied", Some(names)),
            Heard::Event(Event::AccountReplaced { .. }) => ("event/account-replaced", None),
            Heard::Event(Event::StorageTrouble { names, .. }) => ("event/storage-trouble", Some(names)),
            Heard::Event(Event::StapleRefused { names, .. }) => ("event/staple-refused", Some(names)),
            Heard::Event(Event::Revoked { names, .. }) => ("event/revoked", Some(names)),
            Heard::Event(Event::NotRevoked { names, .. }) => ("event/not-revoked", Some(names)),
            Heard::Event(Event::KeyPutAside { names }) => ("event/key-put-aside", Some(names)),
            Heard::Event(Event::TermsOfService { .. }) => ("event/terms-of-service", None),
            Heard::Event(Event::RenewalExplained { names, .. }) => ("event/renewal-explained", Some(names)),
            Heard::Event(Event::Evicted { .. }) => ("event/evicted", None),
            Heard::Event(Event::Retired { names }) => ("event/retired", Some(names)),
        };
        match names {
            None => env.probe(probe),
            Some(names) => env.probe_about(probe, || [("names", spaced(names))]),
        }
    }
}

fn spaced(names: &Names) -> String {
    names.all().iter().map(Name::as_str).collect::<Vec<_>>().join(" ")
}

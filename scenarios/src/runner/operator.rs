//! The operator of a manager: has it set up, starts it, speaks to it while it works, and listens to what it tells.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use client_under_test::{
    Config, Manager,
    manager::{Event, Events, Handle, Heard},
};
use sim::Env;

/// A manager's operator. Clones are the same person.
#[derive(Clone, Debug)]
pub(super) struct Operator(Arc<Mutex<Desk>>);

#[derive(Debug)]
struct Desk {
    config: Config,
    /// To the manager that was started last.
    handle: Option<Handle>,
}

impl Operator {
    pub(super) fn new(config: Config) -> Self {
        Self(Arc::new(Mutex::new(Desk { config, handle: None })))
    }

    /// Runs the manager until it is told to shut down.
    pub(super) async fn run_manager(self, env: Env) {
        let config = self.desk().config.clone();
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

/// Sets a probe for each event that the manager tells.
async fn listen(env: Env, mut events: Events) {
    while let Some(heard) = events.next().await {
        env.probe(match heard {
            Heard::Missed(_) => "event/missed",
            Heard::Event(Event::Obtaining { .. }) => "event/obtaining",
            Heard::Event(Event::Obtained { is_renewal: false, .. }) => "event/obtained",
            Heard::Event(Event::Obtained { is_renewal: true, .. }) => "event/renewed",
            Heard::Event(Event::Failed { .. }) => "event/failed",
            Heard::Event(Event::Denied { .. }) => "event/denied",
            Heard::Event(Event::AccountReplaced { .. }) => "event/account-replaced",
            Heard::Event(Event::StorageTrouble { .. }) => "event/storage-trouble",
            Heard::Event(Event::StapleRefused { .. }) => "event/staple-refused",
            Heard::Event(Event::Revoked { .. }) => "event/revoked",
            Heard::Event(Event::KeyPutAside { .. }) => "event/key-put-aside",
            Heard::Event(Event::Evicted { .. }) => "event/evicted",
            Heard::Event(Event::Retired { .. }) => "event/retired",
        });
    }
}

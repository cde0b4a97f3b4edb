//! A conversation of the client with the CA, on real sockets, and what the oracles overhear of it.

use std::{
    cell::{RefCell, RefMut},
    sync::{Arc, Mutex},
};

use client_under_test::acme::{account::Account, client::Client};
use scenarios::oracles::reader::{Reader, http::Moment, step::Step};
use sim::{
    real,
    trace::{Observer, Record, Trace},
};
use tokio::runtime::Runtime;

use super::{Stage, runtime};

pub(crate) struct Conversation {
    pub(crate) runtime: Runtime,
    pub(crate) stage: Stage,
    client: RefCell<Client>,
    pub(crate) account: Account,
    heard: Arc<Mutex<Option<Step>>>,
}

struct Listener(Reader, Arc<Mutex<Option<Step>>>);

impl Observer for Listener {
    fn observe(&mut self, record: &Record, _: &str) {
        let received = self.0.read(record).steps.into_iter().filter(|step| step.moment == Moment::Received);
        if let Some(step) = received.last() {
            *self.1.lock().unwrap() = Some(step);
        }
    }
}

impl Conversation {
    pub(crate) fn begin() -> Self {
        let heard = Arc::default();
        let mut trace = Trace::default();
        trace.add_observer(Box::new(Listener(Reader::default(), Arc::clone(&heard))));
        let options =
            real::Options { seed: Some(7), trace: Some(Arc::new(Mutex::new(trace))), ..real::Options::default() };
        let runtime = runtime();
        let (stage, (client, account)) = runtime.block_on(async {
            let stage = Stage::new(&real::env("readers", options)).await;
            let told = stage.client().await;
            (stage, told)
        });
        Self { runtime, stage, client: RefCell::new(client), account, heard }
    }

    pub(crate) fn client(&self) -> RefMut<'_, Client> {
        self.client.borrow_mut()
    }

    /// What was answered last, as the oracles read it.
    pub(crate) fn heard(&self) -> Step {
        self.heard.lock().unwrap().take().expect("something was answered")
    }
}

//! [`Unread`]: what storage may hold and nobody has read yet.
//!
//! A manager that has many certificates to look after reads one after the other, and is at work meanwhile: no visitor waits
//! until all are read. Whatever one of them asks for is read at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;

use super::{crew::Means, decision::Permission, lookup::Source, maintenance::Keeper};
use crate::name::Name;

/// Reads for the first visitor of each certificate.
#[derive(Debug)]
pub(super) struct Unread {
    means: Means,
    /// What was asked for when nothing was shown for it, by first names, and whether it has been read.
    asked: Mutex<BTreeMap<Name, Arc<OnceCell<()>>>>,
}

impl Unread {
    pub(super) fn new(means: &Means) -> Self {
        Self { means: means.clone(), asked: Mutex::default() }
    }

    /// Shows what storage holds for the visitors of `name`, if it is theirs to look after; once, whoever else asks. Says whether
    /// it may be shown now.
    pub(super) async fn read(&self, name: &str) -> bool {
        let Ok(name) = name.parse::<Name>() else { return false };
        let Some(names) = self.means.wanted.borrow().certificates.shown_for(&name).cloned() else { return false };
        let read = self.of(names.first());
        if read.initialized() {
            return false;
        }
        // If this visitor leaves, the next one goes on.
        read.get_or_init(|| async {
            Keeper::new(&self.means, names.clone(), Permission::Given).show_first().await;
            self.means.env.probe("manager/read-for-a-visitor");
        })
        .await;
        // Who retires what is not wanted any more may have come too early.
        for name in names.all() {
            if !self.means.wanted.borrow().certificates.has_name(name) {
                self.means.cache.remove(name, Source::Managed).await;
            }
        }
        true
    }

    fn of(&self, first: &Name) -> Arc<OnceCell<()>> {
        // No change to it can be left half done.
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.entry(first.clone()).or_default().clone()
    }
}

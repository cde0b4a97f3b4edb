//! [`Lists`]: the revocation lists that certificates name, read once for all certificates of a manager.
//!
//! Whoever asks for a list that is being read waits for that, and what was read less than an hour ago is not read again. Lists are
//! bounded in size and number: the one that was read first makes room.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::pki_types::CertificateDer;
use sim::{Env, lock};
use time::UtcDateTime;
use url::Url;

use super::status::{StatusError, fetch};
use crate::status::{
    crl::{LIST_BYTES_MAX, List},
    ocsp::Question,
};

/// From the connection to the last byte of a list.
const LIST_LIMIT: Duration = Duration::from_secs(60);
/// For so long, nobody needs to read a list again.
const FRESH_FOR: time::Duration = time::Duration::hours(1);
/// So many lists are kept.
const LISTS_MAX: usize = 64;

/// The lists that have been read.
#[derive(Debug)]
pub(super) struct Lists {
    env: Env,
    shelves: Mutex<BTreeMap<Url, Arc<Shelf>>>,
}

/// The place of one list, held by whoever reads it.
#[derive(Debug)]
struct Shelf {
    begun: UtcDateTime,
    list: lock::Mutex<Option<(UtcDateTime, Arc<List>)>>,
}

impl Lists {
    /// None has been read yet.
    pub(super) fn new(env: &Env) -> Self {
        Self { env: env.clone(), shelves: Mutex::default() }
    }

    /// The list of `issuer` that is at `url`.
    ///
    /// # Errors
    /// [`StatusError`] if it can't be had, or is of no use.
    pub(super) async fn list(&self, url: &Url, issuer: &CertificateDer<'static>) -> Result<Arc<List>, StatusError> {
        let shelf = self.shelf(url);
        let mut kept = shelf.list.lock().await;
        let now = self.env.utc_now();
        let is_fresh = |read: UtcDateTime| (read..read.saturating_add(FRESH_FOR)).contains(&now);
        if let Some((read, list)) = &*kept
            && is_fresh(*read)
            && list.is_of(issuer)
        {
            return Ok(list.clone());
        }
        let der = fetch(&self.env, url, Question::Get(url.clone()), LIST_LIMIT, LIST_BYTES_MAX).await?;
        let list = List::read(&der, url, issuer, now).map_err(|e| StatusError::List(url.clone(), e))?;
        let list = Arc::new(list);
        *kept = Some((now, list.clone()));
        self.env.probe("manager/revocation-list-read");
        Ok(list)
    }

    fn shelf(&self, url: &Url) -> Arc<Shelf> {
        let mut shelves = self.shelves();
        if let Some(shelf) = shelves.get(url) {
            return shelf.clone();
        }
        if shelves.len() >= LISTS_MAX
            && let Some(oldest) = shelves.iter().min_by_key(|(_, shelf)| shelf.begun).map(|(url, _)| url.clone())
        {
            shelves.remove(&oldest);
        }
        let list = lock::Mutex::new(&self.env, "manager/revocation-list", None);
        let shelf = Arc::new(Shelf { begun: self.env.utc_now(), list });
        shelves.insert(url.clone(), shelf.clone());
        shelf
    }

    fn shelves(&self) -> MutexGuard<'_, BTreeMap<Url, Arc<Shelf>>> {
        // No change to it can be left half done.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Accounts: the key, `<user>.key`, and the address by which the CA knows it, `<user>.json`.
//!
//! The key is stored before the CA hears of it, for a key that only the CA remembers is lost. So is one that
//! shall take its place (RFC 8555 §7.3.5), as `<user>.pending.key`, until it is known to have done so. The
//! address is advisory: the CA tells it again to whoever holds the key (RFC 8555 §7.3.1).

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sim::crypto::P256Key;

use super::{Storage, lock::Lease};
use crate::acme::{address::Address, certificate::pem_blocks};

/// Who an account is for, as files' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    directory: String,
    file: String,
}

impl User {
    /// The user whose `contact` (RFC 8555 §7.3) these are: the first mail address, or `default`. The address is the
    /// directory's name, and what stands before its `@` is that of the files.
    #[must_use]
    pub fn of_contact(contact: &[String]) -> Self {
        let address = contact.iter().find_map(|url| url.strip_prefix("mailto:")).unwrap_or("default");
        let safe = |c: char| if c.is_ascii_alphanumeric() || "@-_+.".contains(c) { c } else { '_' };
        let name: String = address.to_lowercase().chars().map(safe).collect();
        Self::of_directory(match name.trim_start_matches('.') {
            "" => "default",
            name => name,
        })
    }

    /// The user whose directory is called so.
    pub(super) fn of_directory(directory: &str) -> Self {
        let file = directory.split('@').next().filter(|local| !local.is_empty()).unwrap_or(directory);
        Self { file: file.to_owned(), directory: directory.to_owned() }
    }
}

/// What Caddy writes of an account; of the rest it has no need.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Registration {
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Storage {
    /// Keeps other hosts from registering an account for `user`, or changing its key, while the lease is held.
    ///
    /// # Errors
    /// The disk's; or that another host has held it for half an hour.
    pub async fn lock_account(&self, user: &User) -> io::Result<Lease> {
        self.lock(&format!("{}-account-{}", self.issuer, user.directory)).await
    }

    /// Stores the key of a new account, and forgets the address of the account before it: with another key, that
    /// address would be refused for ever. To be done before the key is used.
    ///
    /// # Errors
    /// The disk's.
    pub async fn store_account_key(&self, user: &User, key: &P256Key) -> io::Result<()> {
        self.medium.remove(&self.user_file(user, "json")).await?;
        self.medium.write(&self.user_file(user, "key"), key.to_pem().as_bytes()).await
    }

    /// Puts the key of an account that is over aside, where no program reads it, and forgets its address.
    ///
    /// # Errors
    /// The disk's, if the address could not be removed.
    pub async fn put_account_key_aside(&self, user: &User) -> io::Result<()> {
        self.medium.remove(&self.user_file(user, "json")).await?;
        self.quarantine(&self.user_file(user, "key")).await;
        Ok(())
    }

    /// The account's key, if there is one. A file that holds none is put aside.
    ///
    /// # Errors
    /// The disk's, if it is not known whether there is one.
    pub async fn load_account_key(&self, user: &User) -> io::Result<Option<P256Key>> {
        self.load_key(&self.user_file(user, "key")).await
    }

    /// How old the account's key is, by its file and this host's clock; `None` if there is none.
    ///
    /// # Errors
    /// The disk's.
    pub async fn account_key_age(&self, user: &User) -> io::Result<Option<Duration>> {
        let modified = self.medium.modified(&self.user_file(user, "key")).await?;
        Ok(modified.map(|modified| (self.env.utc_now() - modified).try_into().unwrap_or_default()))
    }

    /// Stores a key that shall become the account's. To be done before the CA hears of it.
    ///
    /// # Errors
    /// The disk's.
    pub async fn store_pending_account_key(&self, user: &User, key: &P256Key) -> io::Result<()> {
        self.medium.write(&self.user_file(user, "pending.key"), key.to_pem().as_bytes()).await
    }

    /// The key that shall become the account's, if one was stored. Whether it has become so, the CA knows.
    ///
    /// # Errors
    /// The disk's, if it is not known whether there is one.
    pub async fn load_pending_account_key(&self, user: &User) -> io::Result<Option<P256Key>> {
        self.load_key(&self.user_file(user, "pending.key")).await
    }

    /// Makes the pending key the account's, at one point and durably.
    ///
    /// # Errors
    /// The disk's.
    pub async fn take_pending_account_key(&self, user: &User) -> io::Result<()> {
        self.medium.rename(&self.user_file(user, "pending.key"), &self.user_file(user, "key")).await
    }

    /// Forgets the pending key, which must be known to be no account's of ours.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove_pending_account_key(&self, user: &User) -> io::Result<()> {
        self.medium.remove(&self.user_file(user, "pending.key")).await
    }

    async fn load_key(&self, path: &Path) -> io::Result<Option<P256Key>> {
        let Some(bytes) = self.read(path).await? else { return Ok(None) };
        let key = parse_key(&bytes);
        if key.is_none() {
            self.quarantine(path).await;
        }
        Ok(key)
    }

    /// What the files of an account hold, its key's and its address's; `None` if one is missing. They are read much
    /// faster than the key in them is parsed.
    ///
    /// # Errors
    /// The disk's.
    pub async fn account_files(&self, user: &User) -> io::Result<Option<[Vec<u8>; 2]>> {
        let Some(key) = self.read(&self.user_file(user, "key")).await? else { return Ok(None) };
        let Some(url) = self.read(&self.user_file(user, "json")).await? else { return Ok(None) };
        Ok(Some([key, url]))
    }

    pub(super) fn user_directory(&self, user: &User) -> PathBuf {
        self.users_directory().join(&user.directory)
    }

    pub(super) fn user_file(&self, user: &User, extension: &str) -> PathBuf {
        self.user_directory(user).join(format!("{}.{extension}", user.file))
    }

    /// Stores the address by which the CA knows the account.
    ///
    /// # Errors
    /// The disk's; then the CA is merely asked once more after a restart.
    pub async fn store_account_url(&self, user: &User, url: &Address) -> io::Result<()> {
        let mut registration = self.registration(user).await.unwrap_or_default();
        registration.location = Some(url.to_string());
        let bytes = serde_json::to_vec(&registration).expect("a struct of texts has a JSON form");
        self.medium.write(&self.user_file(user, "json"), &bytes).await
    }

    /// The address by which the CA knows the account, if that is known.
    pub async fn load_account_url(&self, user: &User) -> Option<Address> {
        parse_location(&self.read(&self.user_file(user, "json")).await.ok()??)?
    }

    async fn registration(&self, user: &User) -> Option<Registration> {
        let bytes = self.read(&self.user_file(user, "json")).await.ok()??;
        serde_json::from_slice(&bytes).ok()
    }
}

/// An account's key in PEM; `None` if it is none that requests can be signed with.
pub(super) fn parse_key(bytes: &[u8]) -> Option<P256Key> {
    P256Key::from_der(pem_blocks(bytes).ok()?.first()?.contents()).ok()
}

/// The address that an account's file names, if it does; `None` if the file can't be read.
pub(super) fn parse_location(bytes: &[u8]) -> Option<Option<Address>> {
    let registration: Registration = serde_json::from_slice(bytes).ok()?;
    Some(registration.location.and_then(|location| location.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{acme::certificate::tests::env, storage::tests::storage};

    #[test]
    fn users_are_safe_file_names() {
        for (contact, directory, file) in [
            ("mailto:Ann@Example.org", "ann@example.org", "ann"),
            ("mailto:../../x", "_.._x", "_.._x"),
            ("mailto:@", "@", "@"),
            ("tel:1", "default", "default"),
        ] {
            let user = User::of_contact(&[contact.into()]);
            assert_eq!((user.directory.as_str(), user.file.as_str()), (directory, file));
        }
    }

    #[tokio::test]
    async fn a_new_key_forgets_the_address_of_the_old_one() {
        let (_directory, storage) = storage();
        let user = User::of_contact(&[]);
        storage.store_account_key(&user, &P256Key::generate(&env(), "old")).await.unwrap();
        storage.store_account_url(&user, &"https://ca.test/account/1".parse().unwrap()).await.unwrap();
        storage.store_account_key(&user, &P256Key::generate(&env(), "new")).await.unwrap();
        assert_eq!(storage.load_account_url(&user).await, None);
    }

    #[tokio::test]
    async fn key_and_address_survive_apart_from_each_other() {
        let (_directory, storage) = storage();
        let user = User::of_contact(&[]);
        assert!(storage.load_account_key(&user).await.unwrap().is_none());
        let key = P256Key::generate(&env(), "account");
        storage.store_account_key(&user, &key).await.unwrap();
        let url: Address = "https://ca.test/account/1".parse().unwrap();
        storage.store_account_url(&user, &url).await.unwrap();
        assert_eq!(storage.load_account_url(&user).await, Some(url));
        let path = storage.users_directory().join("default/default.json");
        std::fs::write(&path, "{\"location\": 7}").unwrap();
        assert_eq!(storage.load_account_url(&user).await, None);
        let loaded = storage.load_account_key(&user).await.unwrap().unwrap();
        assert_eq!(loaded.public_point(), key.public_point());
    }

    #[tokio::test]
    async fn a_pending_key_stands_beside_the_accounts_until_it_takes_its_place() {
        let (_directory, storage) = storage();
        let user = User::of_contact(&[]);
        let [old, new] = ["old", "new"].map(|purpose| P256Key::generate(&env(), purpose));
        assert_eq!(storage.account_key_age(&user).await.unwrap(), None);
        storage.store_account_key(&user, &old).await.unwrap();
        storage.store_pending_account_key(&user, &new).await.unwrap();
        let points = async || {
            let loaded = [storage.load_account_key(&user).await, storage.load_pending_account_key(&user).await];
            loaded.map(|key| key.unwrap().map(|key| key.public_point().to_vec()))
        };
        let [old, new] = [old, new].map(|key| key.public_point().to_vec());
        assert_eq!(points().await, [Some(old), Some(new.clone())]);
        storage.take_pending_account_key(&user).await.unwrap();
        assert_eq!(points().await, [Some(new), None]);
        assert!(storage.account_key_age(&user).await.unwrap().is_some());
    }
}

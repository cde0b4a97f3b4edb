//! Accounts: whether their keys and addresses are there. Which key is an account's only the CA knows.

use super::{Check, Content, Next, Remedy, described};
use crate::storage::{
    Storage,
    account::{User, parse_key, parse_location},
};

impl Check<'_> {
    pub(super) async fn accounts(&mut self) {
        for issuer in self.directories_in(&self.root.join("acme")) {
            let storage = self.storage(&issuer);
            for directory in self.directories_in(&storage.users_directory()) {
                self.account(&storage, &User::of_directory(&directory)).await;
            }
        }
    }

    async fn account(&mut self, storage: &Storage, user: &User) {
        let [key_file, url_file, next_file] =
            ["key", "json", "pending.key"].map(|extension| storage.user_file(user, extension));
        let put_aside = |path: &std::path::Path| Next::Repair(Remedy::PutAside(path.to_owned()));
        let before = self.unsound_so_far();

        let url = match self.content(&url_file).await {
            Content::Bytes(bytes) => match parse_location(&bytes) {
                Some(Some(location)) => Some(location),
                Some(None) => {
                    let next = Next::Words("the manager asks the CA for it at its next start".into());
                    self.unsound(&url_file, "the account's address", "a file without one (`location`)", next);
                    None
                }
                None => {
                    self.unsound(&url_file, "what is known of the account", described(&bytes), put_aside(&url_file));
                    None
                }
            },
            Content::Missing | Content::Unreadable => None,
        };
        let is_there = match self.content(&key_file).await {
            Content::Bytes(bytes) => {
                let is_key = parse_key(&bytes).is_some();
                if !is_key {
                    let found = described(&bytes);
                    self.unsound(&key_file, "the account's private key (P-256)", found, put_aside(&key_file));
                }
                is_key
            }
            Content::Missing => {
                if let Some(url) = &url {
                    let next = "put it there from a backup; without it, the manager registers another account at its next start";
                    self.unsound(&key_file, format!("the private key of {url}"), "no file", Next::Words(next.into()));
                }
                false
            }
            Content::Unreadable => false,
        };
        if let Content::Bytes(bytes) = self.content(&next_file).await {
            match parse_key(&bytes) {
                Some(_) => {
                    self.told(&next_file, "shall become the account's key; which one it is, the manager asks the CA")
                }
                None => self.unsound(&next_file, "a private key (P-256)", described(&bytes), put_aside(&next_file)),
            }
        }
        let directory = storage.user_directory(user);
        match (is_there, url) {
            (true, Some(url)) if self.unsound_so_far() == before => {
                self.sound(&directory, format!("the account {url}"))
            }
            (true, None) if self.unsound_so_far() == before => {
                self.told(&directory, "an account's key; its address the manager asks the CA for at its next start");
            }
            (true | false, _) => {}
        }
    }
}

//! `storage.keys-private` (M17): private keys are written to files that nobody else may read, and nowhere else.
//!
//! A file is judged by how it was created. Nowhere else: what a host writes to a connection, before encryption, and what
//! programs tell in probes holds no private key. Keys are known by their PEM, so what is written in another form is not seen.

use std::sync::Arc;

use sim::{
    disk::{Access, OpenMode},
    trace::{Direction, DiskOperation, Event},
};

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Verdict},
    reader::files::{FileName, Files},
    recent::Recent,
};

const MARK: &[u8] = b"PRIVATE KEY-----";

/// The law.
#[derive(Debug)]
pub(crate) struct KeysPrivate {
    files: Files,
    /// Files that everybody may read.
    public: Recent<FileName, ()>,
}

impl Default for KeysPrivate {
    fn default() -> Self {
        Self { files: Files::default(), public: Recent::new(KEPT_MAX) }
    }
}

impl Law for KeysPrivate {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(event) = seen.event() else { return };
        self.files.observe(seen.moment.host.as_ref(), event);
        if let (Event::Disk { operation, path, to, mode, access, error: None, .. }, Some(host)) =
            (event, &seen.moment.host)
        {
            self.follow(host, (*operation, path, to.as_deref()), *mode, *access);
            let file = self.files.name(host, path);
            if *operation == DiskOperation::Write
                && self.files.content(&file).is_some_and(|file| holds_key(file.bytes()))
            {
                verdict.exercise(seen.moment);
                if self.public.get(&file).is_some() {
                    verdict.find(
                        seen.moment,
                        format!("{path} holds a private key and should be {host}'s alone, but everybody may read it"),
                    );
                }
            }
            return;
        }
        let host = seen.moment.host.as_deref().unwrap_or("a host");
        if is_told(event) {
            verdict.exercise(seen.moment);
            verdict.find(seen.moment, format!("{host} should keep its private keys to itself, but tells one"));
        }
    }
}

impl KeysPrivate {
    fn follow(
        &mut self,
        host: &Arc<str>,
        (operation, path, to): (DiskOperation, &str, Option<&str>),
        mode: Option<OpenMode>,
        access: Option<Access>,
    ) {
        let file = self.files.name(host, path);
        if operation == DiskOperation::Open && access == Some(Access::Public) {
            self.public.insert(file, ());
        } else if operation == DiskOperation::Open && mode == Some(OpenMode::CreateNew)
            || operation == DiskOperation::RemoveFile
        {
            self.public.remove(&file);
        } else if let (DiskOperation::Rename, Some(to)) = (operation, to) {
            let to = self.files.name(host, to);
            match self.public.remove(&file) {
                Some(()) => drop(self.public.insert(to, ())),
                None => drop(self.public.remove(&to)),
            }
        }
    }
}

/// Whether the event is one in which a program tells a private key.
fn is_told(event: &Event) -> bool {
    if let Event::Data { direction: Direction::Wrote, bytes, .. } | Event::Datagram { payload: bytes, .. } = event {
        holds_key(bytes)
    } else if let Event::Probe { about, .. } = event {
        about.values().any(|told| holds_key(told.as_bytes()))
    } else if let Event::Panic { message, .. } = event {
        holds_key(message.as_bytes())
    } else {
        false
    }
}

fn holds_key(bytes: &[u8]) -> bool {
    bytes.windows(MARK.len()).any(|window| window == MARK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracles::testing::{Issued, Story};

    const LAW: &str = "storage.keys-private";

    fn open(story: &mut Story, access: Access) {
        open_so(story, OpenMode::CreateNew, access);
    }

    fn open_so(story: &mut Story, mode: OpenMode, access: Access) {
        let event = Event::Disk {
            number: 0,
            operation: DiskOperation::Open,
            path: "/s/.a.tmp".into(),
            to: None,
            mode: Some(mode),
            access: Some(access),
            offset: None,
            bytes: Vec::new(),
            error: None,
        };
        story.event(Some("manager"), event);
    }

    #[test]
    fn a_key_in_a_file_for_everybody_is_found() {
        let key = Issued::new(&["a.test"], 0, 4_000_000_000).key_pem;
        let mut story = Story::new();
        open(&mut story, Access::Private);
        story.disk(DiskOperation::Write, "/s/.a.tmp", None, &key);
        story.disk(DiskOperation::Rename, "/s/.a.tmp", Some("/s/a.pem"), "");
        story.keeps(LAW);
        open(&mut story, Access::Public);
        story.disk(DiskOperation::Write, "/s/.a.tmp", None, &key);
        story.breaks(LAW, "/s/.a.tmp holds a private key");
    }

    #[test]
    fn a_file_is_as_it_was_created_until_it_is_gone() {
        let key = Issued::new(&["a.test"], 0, 4_000_000_000).key_pem;
        let again = |is_removed: bool, mode| {
            let mut story = Story::new();
            open(&mut story, Access::Public);
            story.disk(DiskOperation::Write, "/s/.a.tmp", None, "not a key");
            assert_eq!(story.verdict(LAW).exercised().total(), 0);
            if is_removed {
                story.disk(DiskOperation::RemoveFile, "/s/.a.tmp", None, "");
            }
            open_so(&mut story, mode, Access::Private);
            story.disk(DiskOperation::Write, "/s/.a.tmp", None, &key);
            story.disk(DiskOperation::Sync, "/s/.a.tmp", None, "");
            story
        };
        again(true, OpenMode::Truncate).keeps(LAW);
        again(true, OpenMode::CreateNew).keeps(LAW);
        again(false, OpenMode::CreateNew).keeps(LAW);
        again(false, OpenMode::Truncate).breaks(LAW, "everybody may read it");
    }

    #[test]
    fn a_key_that_is_sent_is_found() {
        let mut story = Story::new();
        let key = Issued::new(&["a.test"], 0, 4_000_000_000).key_pem;
        story.bytes("manager", ("ca", "10.0.0.2:443"), &key, None);
        story.breaks(LAW, "manager should keep its private keys to itself");
    }
}

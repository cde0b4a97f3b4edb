//! Storing a certificate and loading it again, beside the ways of others on the same disk, in turns.
//!
//! `cargo bench -p benches --bench storage`, or with `-- quick` fewer rounds, which leaves no figures. The disk is that of the temporary directory (`TMPDIR`);
//! one that is memory knows no durability, and its figures say nothing.
#![expect(clippy::disallowed_types, reason = "real time is what is measured")]

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use benches::{certificates::Root, figures, results::Measured};
use client_under_test::{
    name::Name,
    storage::{Storage, certificate::CertificateSet, lock::Lease},
};
use sim::{Env, real};

/// Rounds, each with one set in each way.
const ROUNDS: usize = 400;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let is_quick = env::args().any(|argument| argument == "quick");
    let rounds = if is_quick { 20 } else { ROUNDS };
    let env = real::env("bench", real::Options::default());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = Root::new(&env);
    let ours = Storage::new(&env, directory.path().join("ours"), &"https://ca.test/dir".parse().expect("a URL"));
    let theirs = directory.path().join("theirs");
    let mut took = [const { Vec::new() }; 5];
    for round in 0..rounds {
        let name: Name = format!("shop{round:07}.example.com").parse().expect("a DNS name");
        let set = root.set(&env, name.as_str());
        let files = Files::of(&theirs, &name);
        took[0].push(time(ours.store_certificate(&name, &set, &Lease::unlocked())).await);
        took[1].push(time(async { files.store(&set, Care::Sync) }).await);
        took[2].push(time(async { files.store(&set, Care::None) }).await);
        files.sync().expect("the disk is sound");
        took[3].push(time(async { ours.load_certificate(&name).await.map(|set| set.is_some()) }).await);
        took[4].push(time(async { files.load(&env) }).await);
    }
    let ways = [
        "stored by ours: a key of its own, the chain, the key, metadata, each synced, renamed and the directory synced",
        "stored by certmagic's method: key, chain, metadata, each synced and renamed",
        "the same without any sync",
        "loaded by ours: chain and key, checked against each other and the name",
        "loaded by certmagic's method: chain, key and metadata, checked against each other",
    ];
    took.iter_mut().for_each(|took| took.sort());
    if !is_quick {
        let [ours, theirs, unsynced, loaded, loaded_theirs] =
            took.each_ref().map(|took| took[took.len() / 2].as_secs_f64() * 1e6);
        let mut measured = Measured::by("storage");
        let stored = measured.lower("one certificate stored", "µs", ours);
        stored.beside("certmagic's method", theirs).beside("the same without any sync", unsynced);
        measured.lower("one certificate loaded", "µs", loaded).beside("certmagic's method", loaded_theirs);
        measured.leave();
    }
    let mut out = String::new();
    let mut row = |cells: [&str; 3]| writeln!(out, "| {} |", cells.join(" | ")).expect("a String takes all");
    row(["one certificate", "median", "of a hundred, the slowest"]);
    row(["---"; 3]);
    for (way, took) in ways.into_iter().zip(took) {
        let shown = |part: usize| format!("{} µs", took[took.len() * part / 100].as_micros());
        row([way, &shown(50), &shown(99)]);
    }
    println!("{out}");
    if !is_quick {
        figures::quote("storage", &out);
    }
}

async fn time<T>(work: impl Future<Output = std::io::Result<T>>) -> Duration {
    let began = Instant::now();
    work.await.expect("the disk is sound");
    began.elapsed()
}

/// Whether what is written is made durable before it is renamed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    Sync,
    None,
}

/// The three files of a certificate in certmagic's storage
/// (<https://github.com/caddyserver/certmagic/blob/master/filestorage.go>), written and read without a runtime in between.
struct Files([PathBuf; 3]);

impl Files {
    fn of(root: &Path, name: &Name) -> Self {
        let directory = root.join(name.as_str());
        Self(["key", "crt", "json"].map(|extension| directory.join(format!("{name}.{extension}"))))
    }

    fn store(&self, set: &CertificateSet, care: Care) -> std::io::Result<()> {
        let chain = set.chain().to_pem();
        let metadata = format!("{{\"sans\":[{:?}],\"issuer_data\":{{}}}}", set.leaf().names[0].as_str());
        for (path, content) in self.0.iter().zip([set.key_pem(), chain.as_bytes(), metadata.as_bytes()]) {
            let directory = path.parent().expect("it is in one");
            fs::create_dir_all(directory)?;
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            file.write_all(content)?;
            if care == Care::Sync {
                file.as_file().sync_all()?;
            }
            file.persist(path)?;
        }
        Ok(())
    }

    /// What is left unsynced is not the next one's to write.
    fn sync(&self) -> std::io::Result<()> {
        self.0.iter().try_for_each(|path| File::open(path)?.sync_all())
    }

    fn load(&self, env: &Env) -> std::io::Result<CertificateSet> {
        let [key, chain, metadata] = &self.0;
        let (key, chain, metadata) = (fs::read(key)?, fs::read(chain)?, fs::read(metadata)?);
        serde_json::from_slice::<serde_json::Value>(&metadata)?;
        CertificateSet::read(&chain, &key, &env.crypto_provider()).map_err(std::io::Error::other)
    }
}

//! Files that people write, and those that programs leave behind.

use std::{io, mem::ManuallyDrop, path::Path, sync::Arc};

use ca_mock::{
    Config, FaultRule,
    pebble::{Remark, Settings},
};
use client_under_test::{
    acme::renewal_info::CertId,
    name::Name,
    storage::{Storage, account::User, lock::Lease, metadata::MetadataOwner},
};
use scenarios::{
    drawn::Drawn,
    language::{self, Diagnostics},
    oracles::{reader::Reader, server_side::Judge},
    runner::{Run, report_run},
    trace_file::Unreadable,
};
use sim::{Env, trace::Record};
use tokio::runtime::Runtime;

use super::stage::{EveryFile, env, runtime};

/// A scenario file: it is read, or every mistake can be shown to a person.
///
/// # Panics
/// If that is not so.
pub fn scenario(bytes: &[u8], render: impl Fn(&Diagnostics) -> String) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let no_base = |_: &Path| Err(io::ErrorKind::NotFound.into());
    if let Err(mistakes) = language::load(Path::new("fuzz/any.toml"), text, no_base) {
        assert!(!render(&mistakes).is_empty());
    }
}

/// A whole world, drawn from bytes: it breaks no law.
///
/// # Panics
/// If it does; `gauntlet promote` makes a scenario file of the bytes.
pub fn world(bytes: &[u8], run: impl Fn(&Drawn) -> Run) {
    let drawn = Drawn::from_bytes(bytes);
    let run = run(&drawn);
    if !run.verdict.is_pass() {
        let report = report_run(&drawn.case("drawn"), &run, language::Style::Plain);
        panic!("{}\n{report}\n`gauntlet promote` makes a scenario file of this input", drawn.text("drawn"));
    }
}

/// A configuration file of Pebble's: it describes a CA that can be, or each mistake stands in the file.
///
/// # Panics
/// If that is not so.
pub fn pebble_config(bytes: &[u8], read: impl Fn(&str) -> Result<Config, Vec<Remark>>) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match read(text) {
        // What `Ca::new` insists on.
        Ok(config) => assert!(config.leaf_urls.ocsp.is_none_or(|url| url.is_ascii())),
        Err(mistakes) => assert_stand_in(text, &mistakes),
    }
}

/// The CA that a configuration file of Pebble's describes; the certificate files that it names are all right.
///
/// # Errors
/// Every mistake in it.
pub fn read_pebble_config(text: &str) -> Result<Config, Vec<Remark>> {
    Settings::read(text, |_| Vec::new()).map(|settings| settings.config())
}

/// Fault rules for the management API: they are read, or each mistake stands in the text.
///
/// # Panics
/// If that is not so.
pub fn fault_rules(bytes: &[u8], read: impl Fn(&str) -> Result<Vec<FaultRule>, Vec<Remark>>) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(mistakes) = read(text) {
        assert_stand_in(text, &mistakes);
    }
}

fn assert_stand_in(text: &str, mistakes: &[Remark]) {
    assert!(!mistakes.is_empty());
    for mistake in mistakes {
        let line = text.split('\n').nth(mistake.line.wrapping_sub(1)).unwrap_or_else(|| panic!("{mistake}"));
        assert!((1..=line.chars().count() + 1).contains(&mistake.column), "{mistake}");
    }
}

/// What any file of a manager's storage may hold, `kept` being what becomes of what is written: whatever is read from it is
/// written, and read again the same.
///
/// A lock's file is none of these: what stands there is only ever compared.
///
/// # Panics
/// If that is not so.
pub fn stored_files(content: &[u8], kept: fn(&[u8]) -> Vec<u8>) {
    thread_local! { static HOST: ManuallyDrop<(Runtime, Env)> = ManuallyDrop::new((runtime(), env("client"))); }
    HOST.with(|host| {
        let (runtime, env) = &**host;
        runtime.block_on(async {
            let directory = "https://ca.test/dir".parse().expect("an address");
            let holding = || {
                let medium = Arc::new(EveryFile::holds(content, kept));
                let storage = Storage::new(env, "storage".into(), &directory).on(medium);
                storage.with_metadata_owner(Arc::new(ThatCertificate))
            };
            certificate_files(&holding()).await.expect("the medium never fails");
            other_files(&holding()).await.expect("the medium never fails");
        });
    });
}

/// Whatever metadata are about, they are taken for those of the certificate at hand.
#[derive(Debug)]
struct ThatCertificate;

impl MetadataOwner for ThatCertificate {
    fn is_about(&self, _stored: Option<&str>, _certificate: &CertId) -> bool {
        true
    }
}

/// What is kept of a certificate.
async fn certificate_files(storage: &Storage) -> io::Result<()> {
    let name: Name = "www.example.test".parse().expect("a name");
    if let Some(set) = storage.load_certificate(&name).await? {
        storage.store_certificate(&name, &set, &Lease::unlocked()).await?;
        let again = storage.load_certificate(&name).await?.expect("a set");
        assert_eq!((again.chain(), again.key_pem()), (set.chain(), set.key_pem()));
    }
    let certificate = CertId::new(b"authority", &[1]);
    if let Some(ari) = storage.load_ari(&name, &certificate).await {
        storage.store_ari(&name, &ari).await?;
        assert_eq!(storage.load_ari(&name, &certificate).await, Some(ari));
    }
    if let Some((failures, _)) = storage.load_failures(&name).await {
        storage.store_failures(&name, &failures).await?;
        assert_eq!(storage.load_failures(&name).await.map(|(failures, _)| failures), Some(failures));
    }
    if let Some(pending) = storage.load_pending(&name).await? {
        storage.store_pending(&name, &pending).await?;
        let again = storage.load_pending(&name).await?.expect("an order");
        assert_eq!((&again.url, again.begun), (&pending.url, pending.begun));
        assert_eq!(again.key.public_point(), pending.key.public_point());
    }
    Ok(())
}

/// What is kept of accounts, of challenges and in the DNS.
async fn other_files(storage: &Storage) -> io::Result<()> {
    let user = User::of_contact(&[]);
    if let Some(url) = storage.load_account_url(&user).await {
        storage.store_account_url(&user, &url).await?;
        assert_eq!(storage.load_account_url(&user).await, Some(url));
    }
    if let Some(key) = storage.load_account_key(&user).await? {
        storage.store_account_key(&user, &key).await?;
        let again = storage.load_account_key(&user).await?.expect("a key");
        assert_eq!(again.public_point(), key.public_point());
    }
    if let Some(answer) = storage.published_challenge("http-01", "token").await {
        let published = storage.publish_challenge("http-01", "token", &answer).await?;
        assert_eq!(storage.published_challenge("http-01", "token").await, Some(answer));
        drop(published);
    }
    for record in storage.dns_records().await? {
        storage.store_dns_record(&record).await?;
        storage.remove_dns_record(&record).await?;
    }
    let domain: Name = "a.test".parse().expect("a name");
    let records = storage.persistent_records(&domain).await?;
    if !records.is_empty() {
        storage.store_persistent_records(&domain, &records).await?;
        assert_eq!(storage.persistent_records(&domain).await?, records);
    }
    Ok(())
}

/// A trace in a file, or the log of a served CA: what is read is written and read again the same, the oracles see what there is to
/// see, and the laws that bind a CA judge it.
///
/// # Panics
/// If that is not so.
pub fn trace_file<'a, I: Iterator<Item = Result<Record, Unreadable>>>(bytes: &'a [u8], read: impl Fn(&'a [u8]) -> I) {
    let (mut judge, mut reader) = (Judge::default(), Reader::default());
    for record in read(bytes).map_while(Result::ok) {
        let line = serde_json::to_string(&record).expect("an event has a JSON form");
        assert_eq!(serde_json::from_str::<Record>(&line).ok().as_ref(), Some(&record));
        drop((reader.read(&record), judge.take(&record)));
    }
    drop(judge.finish());
}

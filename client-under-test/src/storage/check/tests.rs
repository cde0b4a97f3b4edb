use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, time::Duration};

use proptest::prelude::*;
use sim::crypto::P256Key;

use super::{inventory::private_keys, *};
use crate::{
    acme::certificate::tests::{chain, env},
    name::Name,
    storage::{account::User, aside, certificate::CertificateSet, lock::Lease, pending::PendingOrder, tests::storage},
};

/// A storage with a certificate for `a.test` and one for `b.test`, and an account.
struct Sample {
    _directory: tempfile::TempDir,
    storage: Storage,
    names: [Name; 2],
}

impl Sample {
    async fn new() -> Self {
        let (directory, storage) = storage();
        let names = ["a.test", "b.test"].map(|name| name.parse::<Name>().unwrap());
        for name in &names {
            storage.store_certificate(name, &set(name.as_str(), name.as_str()), &Lease::unlocked()).await.unwrap();
        }
        let user = User::of_contact(&[]);
        storage.store_account_key(&user, &P256Key::generate(&env(), "account")).await.unwrap();
        storage.store_account_url(&user, &"https://ca.test/account/1".parse().unwrap()).await.unwrap();
        Self { _directory: directory, storage, names }
    }

    fn root(&self) -> &Path {
        &self.storage.root
    }

    /// A file of `a.test`.
    fn file(&self, extension: &str) -> PathBuf {
        self.storage.certificate_file(&self.names[0], extension)
    }

    fn own_key(&self) -> PathBuf {
        self.storage.own_key_file(&self.names[0], set("a.test", "a.test").leaf())
    }

    async fn check(&self) -> Report {
        check(&env(), self.root()).await.unwrap()
    }

    async fn repair(&self) -> Repaired {
        let repaired = repair(&env(), self.root()).await.unwrap();
        let again = repair(&env(), self.root()).await.unwrap();
        assert!(again.steps.is_empty(), "{:?}", again.steps);
        repaired
    }

    /// What is not sound.
    async fn unsound(&self) -> Vec<String> {
        unsound(&self.check().await)
    }

    /// That this is found, and repaired without anything left.
    async fn is_mended(&self, file: &str, found: &str) {
        let report = unsound(&self.check().await);
        assert!(report.iter().any(|line| line.contains(file) && line.contains(found)), "{report:#?}");
        let repaired = self.repair().await;
        assert!(!repaired.steps.is_empty() && repaired.left.is_sound(), "{:#?}", unsound(&repaired.left));
        assert!(self.storage.load_certificate(&self.names[0]).await.unwrap().is_some());
        assert!(self.check().await.is_sound());
    }
}

fn set(name: &str, purpose: &str) -> CertificateSet {
    let key = P256Key::generate(&env(), purpose);
    CertificateSet::new(chain(name, &key, 36_500), key).unwrap()
}

fn unsound(report: &Report) -> Vec<String> {
    let is_unsound = |finding: &&Finding| matches!(finding.verdict, Verdict::Unsound { .. });
    report.findings.iter().filter(is_unsound).map(Finding::to_string).collect()
}

fn aged(path: &Path, age: Duration) {
    let then = (env().utc_now() - age).into();
    fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
}

const DAYS: Duration = Duration::from_secs(3 * 86_400);

#[tokio::test]
async fn what_the_manager_has_written_is_sound_and_stays_as_it_is() {
    let sample = Sample::new().await;
    let pending = PendingOrder {
        url: "https://ca.test/order/1".parse().unwrap(),
        key: P256Key::generate(&env(), "pending"),
        begun: time::macros::utc_datetime!(2026-11-21 00:00:00),
    };
    sample.storage.store_pending(&sample.names[1], &pending).await.unwrap();
    sample.storage.put_key_aside(&set("c.test", "c")).await.unwrap();
    let _published = sample.storage.publish_challenge("http-01", "token", "token.thumbprint").await.unwrap();
    let report = sample.check().await;
    assert!(report.is_sound(), "{:#?}", unsound(&report));
    let sound: Vec<_> = report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Sound(_))).collect();
    assert_eq!(sound.len(), 4, "{sound:#?}");
    assert_eq!(report.to_string(), "4 sound, 2 to know of, 0 not sound");
    assert!(sample.repair().await.steps.is_empty());
}

#[tokio::test]
async fn a_directory_that_is_no_storage_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(check(&env(), directory.path()).await, Err(NoStorage::Foreign)));
    assert!(matches!(check(&env(), &directory.path().join("x")).await, Err(NoStorage::Unreadable(_))));
}

#[tokio::test]
async fn a_key_file_that_is_missing_empty_or_anothers_gets_its_key_back() {
    for (content, found) in [(None, "no file"), (Some(""), "an empty file"), (Some("x"), "no such thing")] {
        let sample = Sample::new().await;
        match content {
            None => fs::remove_file(sample.file("key")).unwrap(),
            Some(content) => fs::write(sample.file("key"), content).unwrap(),
        }
        sample.is_mended("a.test/a.test.key", found).await;
    }
    let sample = Sample::new().await;
    fs::copy(sample.storage.certificate_file(&sample.names[1], "key"), sample.file("key")).unwrap();
    sample.is_mended("a.test/a.test.key", "the key of another certificate").await;
    assert!(sample.file("key.bad").exists());
}

#[tokio::test]
async fn the_key_is_found_in_what_was_put_aside_in_an_order_and_in_another_names_directory() {
    let pending = PendingOrder {
        url: "https://ca.test/order/1".parse().unwrap(),
        key: P256Key::generate(&env(), "a.test"),
        begun: time::macros::utc_datetime!(2026-11-21 00:00:00),
    };
    for place in ["aside", "order", "elsewhere"] {
        let sample = Sample::new().await;
        let key = fs::read(sample.file("key")).unwrap();
        fs::remove_file(sample.file("key")).unwrap();
        fs::remove_file(sample.own_key()).unwrap();
        match place {
            "aside" => {
                fs::write(sample.file("key.2.bad"), [b"-----BEGIN X-----\nbroken\n", &key[..]].concat()).unwrap();
            }
            "order" => {
                sample.storage.store_pending(&sample.names[0], &pending).await.unwrap();
            }
            _ => fs::write(sample.storage.certificate_file(&sample.names[1], "key.bad"), &key).unwrap(),
        }
        sample.is_mended("a.test/a.test.key", "no file").await;
        assert_eq!(fs::read(sample.file("key")).unwrap(), key, "{place}");
    }
}

#[tokio::test]
async fn a_chain_whose_key_is_nowhere_or_compromised_stays_and_it_is_told_what_to_do() {
    let sample = Sample::new().await;
    fs::remove_file(sample.file("key")).unwrap();
    fs::remove_file(sample.own_key()).unwrap();
    sample.storage.put_key_aside(&set("a.test", "a.test")).await.unwrap();
    let repaired = sample.repair().await;
    assert!(repaired.steps.is_empty() && sample.file("crt").exists());
    let left = unsound(&repaired.left);
    assert!(left.len() == 1 && left[0].contains("order a new certificate at its next start"), "{left:#?}");
}

#[tokio::test]
async fn a_chain_that_is_none_or_anothers_is_put_aside_with_its_key() {
    for anothers in [false, true] {
        let sample = Sample::new().await;
        let other = fs::read(sample.storage.certificate_file(&sample.names[1], "crt")).unwrap();
        fs::write(sample.file("crt"), if anothers { &other[..] } else { b"x" }).unwrap();
        let report = sample.unsound().await;
        assert!(report.len() == 1 && report[0].contains("a certificate chain for a.test"), "{report:#?}");
        let left = unsound(&sample.repair().await.left);
        assert!(left.len() == 1 && left[0].contains("the manager orders one at its next start"), "{left:#?}");
        assert!(sample.file("crt.bad").exists() && sample.file("key.bad").exists() && !sample.file("key").exists());
        assert!(sample.own_key().exists());
    }
}

#[tokio::test]
async fn a_chain_that_was_put_aside_comes_back_with_its_key() {
    let sample = Sample::new().await;
    fs::rename(sample.file("key"), sample.file("key.bad")).unwrap();
    fs::rename(sample.file("crt"), sample.file("crt.bad")).unwrap();
    fs::remove_file(sample.own_key()).unwrap();
    sample.is_mended("a.test/a.test.crt", "put aside").await;
}

#[tokio::test]
async fn expired_certificates_and_keys_that_nobody_certifies_are_told_and_kept() {
    let sample = Sample::new().await;
    let key = P256Key::generate(&env(), "old");
    let expired = CertificateSet::new(chain("old.test", &key, -30), key).unwrap();
    let name: Name = "old.test".parse().unwrap();
    sample.storage.store_certificate(&name, &expired, &Lease::unlocked()).await.unwrap();
    let other = sample.storage.own_key_file(&sample.names[0], set("a.test", "other").leaf());
    fs::copy(sample.storage.certificate_file(&name, "key"), &other).unwrap();
    let report = sample.check().await;
    assert!(report.is_sound() && sample.repair().await.steps.is_empty() && other.exists());
    for (path, words) in [("old.test", "expired at"), ("a.test.", "whose certificate is not here")] {
        let is_told =
            |finding: &Finding| finding.path.to_string_lossy().contains(path) && finding.to_string().contains(words);
        assert!(report.findings.iter().any(is_told), "{:#?}", report.findings);
    }
}

#[tokio::test]
async fn broken_metadata_orders_and_notes_are_put_aside() {
    for (extension, found) in [("json", "no such thing"), ("pending", "no such thing"), ("failures", "no such thing")] {
        let sample = Sample::new().await;
        fs::write(sample.file(extension), "{").unwrap();
        sample.is_mended(&format!("a.test.{extension}"), found).await;
        assert!(sample.file(&format!("{extension}.bad")).exists());
    }
}

#[tokio::test]
async fn keys_that_others_may_read_become_private() {
    let sample = Sample::new().await;
    fs::set_permissions(sample.own_key(), fs::Permissions::from_mode(0o640)).unwrap();
    sample.is_mended("a.test/", "mode 0640").await;
    assert_eq!(fs::metadata(sample.own_key()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn accounts_without_key_or_address_are_told() {
    let account = |sample: &Sample, extension: &str| sample.storage.user_file(&User::of_contact(&[]), extension);
    let sample = Sample::new().await;
    fs::write(account(&sample, "key"), "x").unwrap();
    assert!(sample.unsound().await[0].contains("the account's private key"));
    let left = unsound(&sample.repair().await.left);
    assert!(left.len() == 1 && left[0].contains("registers another account"), "{left:#?}");
    assert!(account(&sample, "key.bad").exists());

    let sample = Sample::new().await;
    fs::write(account(&sample, "json"), "{}").unwrap();
    assert!(sample.unsound().await[0].contains("a file without one"));
    fs::write(account(&sample, "json"), "}").unwrap();
    assert!(sample.repair().await.left.is_sound() && account(&sample, "json.bad").exists());
}

#[tokio::test]
async fn what_a_crash_left_goes_once_it_is_old_and_a_key_in_it_is_kept() {
    let sample = Sample::new().await;
    let directory = sample.storage.certificate_directory(&sample.names[0]);
    let [left, keyed, fresh] =
        ["crt.x-01", "key.x-02", "crt.x-03"].map(|file| directory.join(format!(".a.test.{file}.tmp")));
    let locks = sample.root().join("locks");
    fs::create_dir(&locks).unwrap();
    let [lock, held] = ["x.1.lock", "y.1.lock"].map(|file| locks.join(file));
    for path in [&left, &fresh, &lock, &held] {
        fs::write(path, "x").unwrap();
    }
    fs::copy(sample.file("key"), &keyed).unwrap();
    [&left, &keyed, &lock].into_iter().for_each(|path| aged(path, DAYS));
    assert_eq!(sample.unsound().await.len(), 3);
    assert!(sample.repair().await.left.is_sound());
    assert_eq!([&left, &keyed, &lock, &fresh, &held].map(|path| path.exists()), [false, false, false, true, true]);
    assert!(directory.join(".a.test.key.x-02.tmp.bad").exists());
}

#[tokio::test]
async fn other_files_are_judged_by_what_they_should_be_and_unknown_ones_left_alone() {
    let sample = Sample::new().await;
    let issuer = sample.root().join("acme").join(&sample.storage.issuer);
    let broken = [issuer.join("dns-records/client/x.json"), issuer.join("persistent-records/a.test/a.test.json")];
    let gone = [sample.root().join("ocsp/a.test-00"), sample.root().join("challenges/x.http-01")];
    let unknown = [sample.file("txt"), sample.root().join("notes.txt"), sample.root().join("pki/x.key")];
    for path in broken.iter().chain(&gone).chain(&unknown) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    assert_eq!(sample.unsound().await.len(), 4);
    assert!(sample.repair().await.left.is_sound());
    assert!(broken.iter().chain(&gone).all(|path| !path.exists()) && unknown.iter().all(|path| path.exists()));
    assert!(broken.iter().all(|path| aside(path, 1).exists()));
}

#[tokio::test]
async fn what_can_not_be_read_is_told_and_not_touched() {
    let sample = Sample::new().await;
    fs::remove_file(sample.file("crt")).unwrap();
    fs::create_dir(sample.file("crt")).unwrap();
    assert!(sample.unsound().await[0].contains("a file that can be read"));
    assert!(sample.repair().await.steps.is_empty() && sample.file("key").exists());
}

/// Something that may happen to a storage's files.
#[derive(Clone, Debug)]
enum Damage {
    Remove(usize),
    Truncate(usize, usize),
    Copy(usize, usize),
    Swap(usize, usize),
    PutAside(usize),
    Age(usize),
    Open(usize),
    /// A copy that looks like what a crash has left.
    Leave(usize),
    /// A copy in a folder for something else.
    Stray(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let one = any::<usize>();
    prop_oneof![
        one.prop_map(Damage::Remove),
        (one, any::<usize>()).prop_map(|(at, len)| Damage::Truncate(at, len)),
        (one, any::<usize>()).prop_map(|(from, to)| Damage::Copy(from, to)),
        (one, any::<usize>()).prop_map(|(from, to)| Damage::Swap(from, to)),
        one.prop_map(Damage::PutAside),
        one.prop_map(Damage::Age),
        one.prop_map(Damage::Open),
        one.prop_map(Damage::Leave),
        (one, any::<usize>()).prop_map(|(from, to)| Damage::Stray(from, to)),
    ]
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn inflict(damage: &Damage, root: &Path) {
    let files = files(root);
    let file = |at: usize| &files[at % files.len()];
    match *damage {
        Damage::Remove(at) => fs::remove_file(file(at)).unwrap(),
        Damage::Truncate(at, len) => {
            let bytes = fs::read(file(at)).unwrap();
            fs::write(file(at), &bytes[..len % (bytes.len() + 1)]).unwrap();
        }
        Damage::Copy(from, to) => drop(fs::copy(file(from), file(to)).unwrap()),
        Damage::Swap(from, to) => {
            let [one, other] = [from, to].map(|at| fs::read(file(at)).unwrap());
            fs::write(file(from), other).unwrap();
            fs::write(file(to), one).unwrap();
        }
        Damage::PutAside(at) => fs::rename(file(at), aside(file(at), 1)).unwrap(),
        Damage::Age(at) => aged(file(at), DAYS),
        Damage::Open(at) => fs::set_permissions(file(at), fs::Permissions::from_mode(0o644)).unwrap(),
        Damage::Leave(at) => {
            let left = file(at).with_file_name(format!(".{}.x-0{}.tmp", file_of(file(at)), at % 9));
            fs::copy(file(at), &left).unwrap();
            aged(&left, DAYS);
        }
        Damage::Stray(from, to) => {
            let stray = root.join(["locks/x.1.lock", "ocsp/x-00", "challenges/x.http-01", "locks/x"][to % 4]);
            fs::create_dir_all(stray.parent().unwrap()).unwrap();
            fs::copy(file(from), &stray).unwrap();
            aged(&stray, DAYS);
        }
    }
}

/// Every private key anywhere below `root`.
fn keys(root: &Path) -> BTreeSet<Vec<u8>> {
    let of = |path: PathBuf| private_keys(&fs::read(path).unwrap(), &env().crypto_provider());
    files(root).into_iter().flat_map(of).map(|key| key.public).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_repair_loses_no_private_key_and_leaves_nothing_for_a_second_one(
        damages in proptest::collection::vec(damage(), 1..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sample = Sample::new().await;
            for one in &damages {
                if !files(sample.root()).is_empty() {
                    inflict(one, sample.root());
                }
            }
            let before = keys(sample.root());
            let repaired = sample.repair().await;
            assert_eq!(repaired.left.repairable(), 0);
            assert!(before.is_subset(&keys(sample.root())), "{:#?}", repaired.steps);
        });
    }
}

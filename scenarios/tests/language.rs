//! The scenario language as its users meet it: what is said about wrong files, and what the catalogue means.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use proptest::prelude::*;
use scenarios::{
    catalogue::{Catalogue, shipped},
    language::{self, Case, Claim, Diagnostics, Failure, HostKind, Latency, Law, Mode, Scenario, Style, Trigger, Verb},
    oracles::LAWS,
};

fn load(path: &Path) -> Result<Scenario, Diagnostics> {
    let source = fs::read_to_string(path).expect("the file was listed");
    language::load(path, &source, |path| fs::read_to_string(path))
}

/// Every `.toml` file below a folder, base files left out.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("readable").path();
        let is_base = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('_'));
        if path.is_dir() && !is_base {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn catalogue(id: &str) -> Scenario {
    match load(&Path::new("catalog").join(format!("{id}.toml"))) {
        Ok(scenario) => scenario,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

#[test]
fn what_is_said_about_wrong_files() {
    let files = files_below(Path::new("tests/wrong"));
    assert!(files.len() >= 30);
    for file in files {
        let said = match load(&file) {
            Ok(_) => panic!("{} is not wrong", file.display()),
            Err(mistakes) => mistakes.render(Style::Plain),
        };
        let name = file.file_stem().expect("files have names").to_string_lossy().into_owned();
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, said);
        });
    }
}

#[test]
fn every_file_of_the_catalogue_is_right_and_lies_where_its_id_says() {
    let files = files_below(Path::new("catalog"));
    assert!(!files.is_empty());
    let mut cases = BTreeMap::new();
    for file in files {
        let scenario = load(&file).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let id = file.strip_prefix("catalog").expect("listed below it").with_extension("");
        let id: Vec<_> = id.iter().map(|part| part.to_string_lossy()).collect();
        scenario.check_id(&id.join("/")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        for case in scenario.cases() {
            assert_eq!(cases.insert(case.id.clone(), file.clone()), None, "{} is made twice", case.id);
            assert!(!case.id.contains(char::is_whitespace) && !case.id.contains(": "), "{}", case.id);
        }
    }
}

#[test]
fn every_law_judges_something_of_the_catalogue() {
    let catalogue = Catalogue::read(&shipped()).unwrap();
    let expected = |law: &str| {
        let mut expectations = catalogue.cases().iter().flat_map(|case| &case.expectations);
        expectations.any(|expectation| expectation.claim.name() == law)
    };
    let idle: Vec<&str> = LAWS.iter().map(|entry| entry.id).filter(|law| !expected(law)).collect();
    assert_eq!(idle, [""; 0]);
}

#[test]
fn every_law_of_the_book_about_managers_and_visitors_is_broken_by_some_defect() {
    let catalogue = Catalogue::read(&shipped()).unwrap();
    let is_broken = |law: &str| {
        let mut expectations = catalogue.cases().iter().flat_map(|case| &case.expectations);
        expectations.any(|expectation| expectation.violated_in().is_some() && expectation.claim.name() == law)
    };
    let numbers = [("M", 20), ("L", 11), ("V", 10)];
    let numbers = numbers.iter().flat_map(|(part, last)| (1..=*last).map(move |number| format!("{part}{number}")));
    let is_unproven = |number: &String| {
        let mut laws = LAWS.iter().filter(|entry| entry.book.contains(&number.as_str()));
        !laws.any(|entry| is_broken(entry.id))
    };
    assert_eq!(numbers.filter(is_unproven).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn an_id_elsewhere_is_pointed_at() {
    let mistakes = catalogue("life/first-certificate").check_id("life/second-certificate").unwrap_err();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("id-elsewhere", mistakes.render(Style::Plain));
    });
}

#[test]
fn a_file_is_laid_over_its_base() {
    let scenario = catalogue("life/ca-down-two-days");
    let [case] = scenario.cases() else { panic!("no matrix, one case") };
    assert_eq!(case.id, "life/ca-down-two-days");
    assert_eq!(case.run.until, Duration::from_secs(95 * 86_400));
    assert_eq!(case.run.seeds.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    // `ari` is merged key by key: the window is this file's, Retry-After the base's.
    let ari = case.ca.ari.as_ref().expect("both have it");
    assert_eq!(ari.retry_after, Some(Duration::from_secs(6 * 3600)));
    assert!(ari.window.is_some());
    // Lists are appended: the base's expectations come first.
    assert_eq!(case.expectations[0].id.as_str(), "no-panic");
    assert_eq!(case.expectations[0].location.file.name, "catalog/_base/one-manager-one-ca.toml");
    let own =
        case.expectations.iter().find(|one| one.id.as_str() == "with-a-valid-certificate").expect("written there");
    assert_eq!(own.location.text(), "always = \"visitors.see-valid-certificate\"");
    assert_eq!(own.claim, Claim::Law(Law::VisitorsSeeValidCertificate {}));
    let kinds: Vec<&str> = case.hosts.values().map(|host| host.kind.name()).collect();
    assert_eq!(kinds, ["ca", "dns", "manager", "visitor"]);
    let Some(HostKind::Visitor { visits, .. }) =
        case.hosts.iter().find(|(name, _)| name.as_str() == "visitor").map(|(_, host)| &host.kind)
    else {
        panic!("the visitor is one")
    };
    assert_eq!(visits.0, ["www.example.test"]);
    let step = &case.timeline[0];
    assert_eq!(step.trigger, Trigger::At(Duration::from_secs(59 * 86_400 + 43_200)));
    assert!(matches!(&step.verb, Verb::HostKill { host, duration: Some(_) } if host.as_str() == "ca"));
    assert_eq!(step.text, "host.kill host=ca for=2d");
    assert!(matches!(case.net.between("manager", "ca").latency, Latency::Uniform { .. }));
}

#[test]
fn a_defect_must_be_caught_where_it_is_on_and_only_there() {
    let scenario = catalogue("defects/thirty-day-constant");
    let ids: Vec<&str> = scenario.cases().iter().map(|case| case.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "defects/thirty-day-constant::validity=24h::bug=on",
            "defects/thirty-day-constant::validity=24h::bug=off",
            "defects/thirty-day-constant::validity=6d::bug=on",
            "defects/thirty-day-constant::validity=6d::bug=off",
        ]
    );
    for case in scenario.cases() {
        let is_on = case.id.ends_with("bug=on");
        assert_eq!(case.bugs.len(), usize::from(is_on));
        assert_eq!(case.expectations.iter().any(|one| one.violated_in().is_some()), is_on);
        assert!(case.expectations.iter().any(|one| one.mode == Mode::Sometimes));
    }
}

fn only_case(text: &str) -> Case {
    let text = format!(
        "scenario = 1\nextends = \"_base/one-manager-one-ca.toml\"\n[meta]\nid = \"t\"\ntitle = \"t\"\n[run]\nuntil = \"1d\"\n\
         [[expect]]\nid = \"guard\"\nsometimes = \"manager.certificate-obtained\"\n{text}"
    );
    match language::load(Path::new("catalog/t/t.toml"), &text, |path| fs::read_to_string(path)) {
        Ok(scenario) => scenario.cases()[0].clone(),
        Err(mistakes) => panic!("{mistakes}"),
    }
}

#[test]
fn names_count_and_are_drawn() {
    let case = only_case(
        "[matrix]\nnames = [3]\n[hosts.many]\nkind = \"manager\"\nnames = \"n{1..names}.example.test\"\n\
         [[timeline]]\nat = \"1h\"\ndo = \"dns.remove\"\nname = \"n{random}.example.test\"\n",
    );
    assert_eq!(case.id, "t::names=3");
    let many = &case.hosts.iter().find(|(name, _)| name.as_str() == "many").expect("defined").1.kind;
    assert!(matches!(many, HostKind::Manager { names, .. } if names.0.len() == 3));
    let Verb::DnsRemove { owner, .. } = &case.timeline[0].verb else { panic!("the verb") };
    assert_eq!(owner.resolve(|range| *range.end()), "n3.example.test");
}

#[test]
fn a_zone_counts_line_by_line_and_each_line_keeps_its_place() {
    let case = only_case("[dns]\nzone = '''\n$ORIGIN test.\nn{1..2} IN A 10.0.0.20\n'''\n");
    let zone = case.zone.expect("written");
    assert_eq!(zone.text(), "$ORIGIN test.\nn1 IN A 10.0.0.20\nn2 IN A 10.0.0.20\n");
    assert_eq!(zone.lines[2].1.text(), "n{1..2} IN A 10.0.0.20");
}

#[test]
fn one_direction_of_a_link_can_differ() {
    let case = only_case("[net.\"manager->ca\"]\nloss = \"1%\"\n");
    assert_eq!(case.net.between("manager", "ca").loss.ppm, 10_000);
    assert_eq!(case.net.between("ca", "manager").loss.ppm, 0);
}

#[test]
fn a_failure_is_shown_in_the_author_s_file() {
    let scenario = catalogue("life/ca-down-two-days");
    let case = &scenario.cases()[0];
    let expectation = |id: &str| case.expectations.iter().find(|one| one.id.as_str() == id).expect("written");
    let step = &case.timeline[0];
    let show = |id: &str| {
        language::render_in_place(
            &Failure {
                headline: format!("{} with seed 7: expectation `{id}` failed", case.id),
                expectation: &expectation(id).location,
                seen: "not seen by 64d; the manager's last order was at 59d 06:00:04 (event 431)".to_owned(),
                last_step: Some((&step.location, "step 1 of 2 ran at 59d 12:00:00 (event 412)".to_owned())),
                notes: vec![
                    "first cause  event 430: ca closed the connection".to_owned(),
                    format!("replay       gauntlet replay '{}' --seed 7 --expect-hash 9f3c1a", case.id),
                ],
            },
            Style::Plain,
        )
    };
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("failure-in-place", show("renewed-after-the-outage"));
        insta::assert_snapshot!("failure-in-the-base-file", show("no-panic"));
        insta::assert_snapshot!("explained", language::explain(&catalogue("defects/thirty-day-constant")));
    });
}

/// Compares a file made from the vocabulary with the vocabulary; `UPDATE=1` writes it anew.
fn assert_made_from_vocabulary(path: &str, expected: &str) {
    #[expect(clippy::disallowed_methods, reason = "a developer's switch, read by a test only")]
    let is_update = std::env::var("UPDATE").is_ok();
    if is_update {
        fs::write(path, expected).expect("writable");
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "scenarios/{path} is not what the vocabulary makes.\n\
         Write it anew with: UPDATE=1 cargo test -p scenarios --test language"
    );
}

#[test]
fn the_schema_and_the_reference_page_follow_the_vocabulary() {
    let schema = serde_json::to_string_pretty(&language::schema()).expect("JSON") + "\n";
    assert_made_from_vocabulary("schema/scenario-v1.json", &schema);
    assert_made_from_vocabulary("schema/REFERENCE.md", &language::reference_page());
}

/// Words of the language in any order find more paths through the decoder than random bytes do.
fn fragments() -> impl Strategy<Value = String> {
    let words = [
        "scenario = 1\n",
        "extends = \"_base/one-manager-one-ca.toml\"\n",
        "[meta]\n",
        "[run]\n",
        "[matrix]\n",
        "[net]\n",
        "[hosts.a]\n",
        "[[timeline]]\n",
        "[[expect]]\n",
        "[bugs]\n",
        "[dns]\n",
        "[explore.crash]\n",
        "until = ",
        "at = ",
        "do = ",
        "id = ",
        "always = ",
        "sometimes = ",
        "kind = ",
        "zone = ",
        "axis = ",
        "violated = ",
        "\"{axis}\"\n",
        "\"1d\"\n",
        "\"host.kill\"\n",
        "\"manager\"\n",
        "[1, \"two\"]\n",
        "{ axis = 1 }\n",
        "'''\nn{1..3}\n'''\n",
        "90d\n",
        "true\n",
        "1\n",
        "\"",
        "[",
        "{",
        "ä",
        "\r\n",
        "=",
        "\"{random}\"\n",
        "\"world.no-panic\"\n",
        "\"n{1..2}.test\"\n",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_scenario_or_a_list_of_mistakes(text in prop_oneof![any::<String>(), fragments()]) {
        let read = |path: &Path| match path.ends_with("catalog/_base/one-manager-one-ca.toml") {
            true => Ok("scenario = 1\n[hosts.a]\nkind = \"ca\"\n".to_owned()),
            false => Err(io::ErrorKind::NotFound.into()),
        };
        if let Err(mistakes) = language::load(Path::new("catalog/x/any.toml"), &text, read) {
            prop_assert!(mistakes.render(Style::Plain).contains("mistake"));
        }
    }
}

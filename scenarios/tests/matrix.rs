//! `gauntlet matrix`: two CAs that it starts itself and a client, on one page.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const GAUNTLET: &str = env!("CARGO_BIN_EXE_gauntlet");

fn matrix(folder: &Path, file: &str) -> Output {
    fs::write(folder.join("matrix.toml"), file).unwrap();
    Command::new(GAUNTLET)
        .args(["matrix", "matrix.toml", "--html", "page.html", "--markdown", "page.md", "--json", "all.json"])
        .current_dir(folder)
        .output()
        .expect("the command can be started")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A CA on this port, which the system gives to nobody by itself, and the matrix's entry for it.
fn server(folder: &Path, name: &str, port: u16, more: &str) -> String {
    let config =
        format!(r#"{{"pebble": {{"listenAddress": "127.0.0.1:{port}", "managementListenAddress": ""{more}}}}}"#);
    fs::write(folder.join(format!("{name}.json")), config).unwrap();
    format!(
        "[[server]]\nname = \"{name}\"\n\
         start = [\"{GAUNTLET}\", \"serve\", \"-config\", \"{name}.json\", \"-root-file\", \"{name}.pem\"]\n\
         arguments = [\"--only\", \"rfc8555/7.3.4/binding-missing\", \"--directory\", \"https://localhost:{port}/dir\", \"--ca-file\", \"{name}.pem\", \"--http\", \"127.0.0.1:0\", \"--wait\", \"300\"]\n"
    )
}

#[test]
fn two_cas_and_a_client_are_on_one_page() {
    let folder = tempfile::tempdir().unwrap();
    let file = [
        &server(folder.path(), "open", 21_400, ""),
        &server(folder.path(), "bound", 21_401, r#", "externalAccountBindingRequired": true"#),
        "[[client]]\nname = \"none\"\narguments = [\"--only\", \"rfc8555/6.1/client-user-agent\", \"--listen\", \"127.0.0.1:0\", \"--dns\", \"127.0.0.1:0\", \"--\", \"sh\", \"-c\", \"exit 127\"]\n",
    ];
    let output = matrix(folder.path(), &file.concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in ["open: ", "bound: ", "none: "] {
        assert!(told.lines().any(|line| line.starts_with(name)), "{told}");
    }
    let all: Value = serde_json::from_str(&fs::read_to_string(folder.path().join("all.json")).unwrap()).unwrap();
    let verdict = |kind: &str, run: usize, id: &str| {
        let cases = all[kind][run]["cases"].as_array().unwrap();
        cases.iter().find(|case| case["id"] == id).map(|case| case["verdict"].clone())
    };
    let binding = "rfc8555/7.3.4/binding-missing";
    assert_eq!(
        [verdict("servers", 0, binding), verdict("servers", 1, binding)],
        ["skipped", "pass"].map(|word| Some(word.into()))
    );
    assert_eq!(verdict("clients", 0, "rfc8555/6.1/client-user-agent"), Some("skipped".into()));
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(
        page.contains("<th>open</th><th>bound</th>") && page.contains("#servers-0/rfc8555/7.3.4/binding-missing"),
        "{page}"
    );
    let page = fs::read_to_string(folder.path().join("page.md")).unwrap();
    assert!(page.contains("| rfc8555/7.3.4/binding-missing | skipped | pass |"), "{page}");
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_place_and_nothing_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let told = |file: &str| {
        let output = matrix(folder.path(), file);
        assert_eq!(output.status.code(), Some(2), "{file}");
        stderr(&output)
    };
    let unknown = told("[[server]]\nname = \"a\"\narguments = []\nport = 7\n");
    assert!(unknown.contains("matrix.toml") && unknown.contains("line 4") && unknown.contains("port"), "{unknown}");
    let wrong = told("[[client]]\nname = \"lego\"\narguments = [\"--second\", \"7\", \"--\", \"lego\"]\n");
    assert!(wrong.contains("matrix.toml: lego: ") && wrong.contains("--seconds"), "{wrong}");
    let empty = told("");
    assert!(empty.contains("neither a [[server]] nor a [[client]]"), "{empty}");
    let missing = "[[server]]\nname = \"a\"\nstart = [\"/no/such/ca\"]\narguments = [\"--directory\", \"https://localhost:21402/dir\", \"--http\", \"127.0.0.1:0\", \"--wait\", \"0\"]\n";
    let missing = told(missing);
    assert!(missing.contains("a: /no/such/ca can't be started"), "{missing}");
}

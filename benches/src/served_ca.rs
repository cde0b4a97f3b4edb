//! A CA under load: a process of its own, `gauntlet serve` or Pebble, with the same configuration file.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::json;
use url::Url;

use crate::{
    NAME,
    figures::{cpu_time, resident_bytes},
    identity,
};

/// Where the CA listens; the ports beside it are for management, http-01, tls-alpn-01 and DNS.
const PORT: u16 = 27_000;
/// Where http-01 is validated.
pub const HTTP01_PORT: u16 = PORT + 2;
const DNS_PORT: u16 = PORT + 4;

/// The addresses that the load generator has to know.
#[must_use]
pub fn names() -> BTreeMap<String, Vec<IpAddr>> {
    BTreeMap::from([(NAME.to_owned(), vec![ServedCa::address().ip()])])
}

/// How the CA proves control of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// It asks the name's web server.
    Http01,
    /// It takes everything for proven.
    AlwaysValid,
}

/// A process that ends with this value.
#[derive(Debug)]
struct Process(Child);

impl Process {
    /// Starts a command and waits until a line of its standard output contains `ready`.
    fn start(command: &mut Command, ready: &str) -> io::Result<Self> {
        let mut process = Self(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
        let mut lines = BufReader::new(process.0.stdout.take().expect("it is piped")).lines();
        while let Some(line) = lines.next() {
            if line?.contains(ready) {
                // Its log is read to the end, lest it stands still with a full pipe.
                thread::Builder::new().spawn(move || lines.for_each(drop))?;
                return Ok(process);
            }
        }
        Err(io::Error::other(format!("{command:?} ended before it said {ready:?}")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A CA and the DNS server that it asks. Both end with this value.
#[derive(Debug)]
pub struct ServedCa {
    ca: Process,
    _dns: Process,
    _folder: tempfile::TempDir,
}

impl ServedCa {
    /// Starts `command`, which takes Pebble's flags; `gauntlet` serves the DNS.
    ///
    /// # Errors
    /// If a process can't be started or ends at once.
    pub fn start(command: &[PathBuf], gauntlet: &Path, validation: Validation) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let [config, certificate, key] =
            ["config.json", "certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        let (private_key, der) = identity();
        fs::write(&certificate, pem::encode(&pem::Pem::new("CERTIFICATE", der.to_vec())))?;
        fs::write(&key, private_key.to_pem())?;
        let listen = |port| format!("127.0.0.1:{port}");
        let settings = json!({ "pebble": {
            "listenAddress": listen(PORT),
            "managementListenAddress": listen(PORT + 1),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": HTTP01_PORT,
            "tlsPort": PORT + 3,
            "keyAlgorithm": "ecdsa",
        }});
        fs::write(&config, settings.to_string())?;
        let mut dns = Command::new(gauntlet);
        dns.args(["challtestsrv", "-dnsserver", &listen(DNS_PORT), "-management", &listen(PORT + 5)]);
        dns.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", ""]);
        let dns = Process::start(&mut dns, "Starting management server")?;
        let mut ca = Command::new(&command[0]);
        ca.args(&command[1..]).arg("-config").arg(&config).args(["-dnsserver", &listen(DNS_PORT)]);
        ca.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0").env("PEBBLE_AUTHZREUSE", "0");
        if validation == Validation::AlwaysValid {
            ca.env("PEBBLE_VA_ALWAYS_VALID", "1");
        }
        let ca = Process::start(&mut ca, "ACME directory available at")?;
        Ok(Self { ca, _dns: dns, _folder: folder })
    }

    /// Where the CA listens.
    #[must_use]
    pub fn address() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], PORT))
    }

    /// Where the CA's directory is, under the name of [`identity`], which only [`names`] know.
    #[must_use]
    pub fn directory() -> Url {
        format!("https://{NAME}:{PORT}/dir").parse().expect("a URL")
    }

    /// The CA's resident memory, bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        resident_bytes(&self.ca.0.id().to_string())
    }

    /// How long the CA's process has computed, in user mode and in the kernel.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        cpu_time(&self.ca.0.id().to_string())
    }
}

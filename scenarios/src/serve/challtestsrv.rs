//! `gauntlet challtestsrv`: the server that answers validations as tests tell it to, a drop-in for
//! `pebble-challtestsrv`.

use std::str::FromStr;

use ca_mock::{
    challenge_test_server::{ChallengeTestServer, Role},
    pebble::HostPort,
};
use sim::{Env, real};
use tokio::runtime::Runtime;

use super::{
    FAILED, Failure, Log, WRONG_INPUT, address, allow_open_files,
    flags::{self, Flag, Given, WrongFlags},
    identity::{self, File},
    print, stop_signal,
};

const ADDRESSES: Option<&str> = Some("HOST:PORT[,…]");

const FLAGS: &[Flag] = &[
    Flag { name: "http01", value: ADDRESSES, about: "where http-01 is answered (:5002); \"\" for nowhere" },
    Flag { name: "https01", value: ADDRESSES, about: "where http-01 is answered over TLS (:5003); \"\" for nowhere" },
    Flag { name: "tlsalpn01", value: ADDRESSES, about: "where tls-alpn-01 is answered (:5001); \"\" for nowhere" },
    Flag { name: "dnsserver", value: ADDRESSES, about: "where DNS is, over UDP and TCP (:8053); \"\" for nowhere" },
    Flag { name: "dns01", value: ADDRESSES, about: "what -dnsserver was called once" },
    Flag { name: "management", value: ADDRESSES, about: "where the management API is (:8055); \"\" for nowhere" },
    Flag { name: "defaultIPv4", value: Some("IP"), about: "every name's IPv4 address (127.0.0.1); \"\" for none" },
    Flag { name: "defaultIPv6", value: Some("IP"), about: "every name's IPv6 address (::1); \"\" for none" },
    Flag { name: "doh", value: ADDRESSES, about: "where DNS over HTTPS is (:8443); \"\" for nowhere" },
    Flag { name: "doh-cert", value: Some("FILE"), about: "its certificate, PEM; without, nobody's" },
    Flag { name: "doh-cert-key", value: Some("FILE"), about: "the certificate's key, PEM" },
    Flag { name: "seed", value: Some("N"), about: "draws every choice from this seed" },
    Flag { name: "version", value: None, about: "tells the version and ends" },
    Flag { name: "help", value: None, about: "tells this" },
];

/// Each role with its flag, its default and what the log calls it.
const ROLES: [(Role, &str, &str, &str); 6] = [
    (Role::Http01, "http01", ":5002", "HTTP-01 server"),
    (Role::Https01, "https01", ":5003", "HTTPS HTTP-01 server"),
    (Role::TlsAlpn01, "tlsalpn01", ":5001", "TLS-ALPN-01 server"),
    (Role::Dns, "dnsserver", ":8053", "TCP and UDP DNS server"),
    (Role::DnsOverHttps, "doh", ":8443", "DNS-over-HTTPS server"),
    // The last: when it says so, all are there.
    (Role::Management, "management", ":8055", "management server"),
];

/// Serves until a signal ends it; the exit code.
pub(crate) fn main(arguments: &[String]) -> u8 {
    let given = Given::parse(FLAGS, arguments);
    let read = given.and_then(|given| Ok((given.switch("help")?, given.switch("version")?, Options::read(&given)?)));
    match read {
        Ok((true, ..)) => print(&format!("Usage:\n{}", flags::usage(FLAGS))),
        Ok((_, true, _)) => print(&format!("pebble-challtestsrv version: gauntlet {}\n", env!("CARGO_PKG_VERSION"))),
        Ok((.., options)) if !options.rest.is_empty() => {
            eprintln!("invalid command line arguments: {}", options.rest.join(" "));
            return FAILED;
        }
        Ok((.., options)) => {
            if let Err(failure) = serve(&options) {
                eprint!("{}", failure.message);
                return failure.exit_code;
            }
        }
        Err(e) => {
            eprintln!("{e}\nUsage:\n{}", flags::usage(FLAGS));
            return WRONG_INPUT;
        }
    }
    0
}

/// The flags, read.
#[derive(Debug)]
struct Options {
    listen: Vec<(Role, &'static str, HostPort)>,
    default_ipv4: Option<std::net::Ipv4Addr>,
    default_ipv6: Option<std::net::Ipv6Addr>,
    seed: Option<u64>,
    /// The files of the certificate and of its key.
    doh_certificate: Option<(String, String)>,
    rest: Vec<String>,
}

impl Options {
    fn read(given: &Given) -> Result<Self, WrongFlags> {
        let mut listen = Vec::new();
        for (role, flag, default, what) in ROLES {
            let (flag, text) = match given.text("dns01") {
                Some(text) if role == Role::Dns && given.text(flag).is_none() => ("dns01", text),
                _ => (flag, given.text(flag).unwrap_or(default)),
            };
            for address in list(text) {
                listen.push((role, what, value(flag, address, "HOST:PORT")?));
            }
        }
        Ok(Self {
            listen,
            default_ipv4: default_address(given, "defaultIPv4", "127.0.0.1")?,
            default_ipv6: default_address(given, "defaultIPv6", "::1")?,
            seed: given.value("seed", "a whole number below 2^64")?,
            doh_certificate: doh_certificate(given)?,
            rest: given.rest.clone(),
        })
    }
}

fn doh_certificate(given: &Given) -> Result<Option<(String, String)>, WrongFlags> {
    let [certificate, key] = ["doh-cert", "doh-cert-key"].map(|flag| given.text(flag).filter(|file| !file.is_empty()));
    let alone = |name: &'static str, file: &str, other: &str| WrongFlags::Value {
        name,
        value: file.to_owned(),
        expected: format!("-{other} beside it"),
    };
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate.to_owned(), key.to_owned()))),
        (None, None) => Ok(None),
        (Some(file), None) => Err(alone("doh-cert", file, "doh-cert-key")),
        (None, Some(file)) => Err(alone("doh-cert-key", file, "doh-cert")),
    }
}

/// The elements of a list with commas. Two quotation marks that no shell has taken away are empty, too.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|element| !matches!(*element, "" | "\"\"" | "''"))
}

fn default_address<T: FromStr>(given: &Given, flag: &'static str, default: &str) -> Result<Option<T>, WrongFlags> {
    let text = list(given.text(flag).unwrap_or(default)).next();
    text.map(|text| value(flag, text, "an address of its family")).transpose()
}

fn value<T: FromStr>(name: &'static str, text: &str, expected: &str) -> Result<T, WrongFlags> {
    let wrong = |_| WrongFlags::Value { name, value: text.to_owned(), expected: expected.to_owned() };
    text.parse().map_err(wrong)
}

fn serve(options: &Options) -> Result<(), Failure> {
    allow_open_files();
    let runtime = Runtime::new().map_err(|e| Failure::of_system("starting", &e))?;
    let served = runtime.block_on(async {
        let env = real::env("challtestsrv", real::Options { seed: options.seed, ..real::Options::default() });
        serve_until_stopped(&env, options).await
    });
    // A lookup that hangs must not keep the command.
    runtime.shutdown_background();
    served
}

async fn serve_until_stopped(env: &Env, options: &Options) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let log = Log::new(env, "pebble-challtestsrv -");
    if let Some(ip) = options.default_ipv4 {
        log.say(&format!("Answering A queries with {ip} by default"));
    }
    if let Some(ip) = options.default_ipv6 {
        log.say(&format!("Answering AAAA queries with {ip} by default"));
    }
    let certificate = options.doh_certificate.as_ref().map(|(certificate, key)| {
        identity::read(certificate, key).map_err(|mistakes| {
            let line = |(file, why): (File, String)| match file {
                File::Certificate => format!("-doh-cert: {certificate}: {why}"),
                File::Key => format!("-doh-cert-key: {key}: {why}"),
            };
            Failure::wrong_input(mistakes.into_iter().map(line).collect::<Vec<_>>().join("\n"))
        })
    });
    let server = ChallengeTestServer::new(env, options.default_ipv4, options.default_ipv6, certificate.transpose()?);
    let mut tasks = Vec::new();
    for (role, what, wanted) in &options.listen {
        let in_use = |e| Failure::of_system(&format!("listening on {wanted}"), &e);
        let bound = server.bind(*role, address(env, wanted).await?).await.map_err(in_use)?;
        let shown = HostPort { port: bound.local_address().map_err(in_use)?.port(), ..wanted.clone() };
        log.say(&format!("Starting {what} on {shown}"));
        tasks.push(env.spawn(*what, bound.serve()));
    }

    stop.notified().await;
    drop(tasks);
    log.say("Stopped by a signal");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str]) -> Result<Options, WrongFlags> {
        let arguments: Vec<String> = line.iter().map(ToString::to_string).collect();
        Options::read(&Given::parse(FLAGS, &arguments)?)
    }

    fn listen(options: &Options, role: Role) -> Vec<String> {
        let of_role = options.listen.iter().filter(|(other, ..)| *other == role);
        of_role.map(|(.., address)| address.to_string()).collect()
    }

    #[test]
    fn lists_have_commas_and_nothing_in_any_spelling_is_nowhere() {
        let options =
            read(&["-http01", "", "-https01", "\"\"", "--dns01=:1, [::1]:2", "-defaultIPv6", "\"\""]).unwrap();
        assert_eq!(listen(&options, Role::Http01), [""; 0]);
        assert_eq!(listen(&options, Role::Https01), [""; 0]);
        assert_eq!(listen(&options, Role::Dns), [":1", "[::1]:2"]);
        assert_eq!(listen(&options, Role::Management), [":8055"]);
        assert_eq!((options.default_ipv4, options.default_ipv6), (Some([127, 0, 0, 1].into()), None));
    }

    #[test]
    fn wrong_addresses_are_named_with_their_flag() {
        for (flag, text) in [("-http01", "5002"), ("-dns01", "x"), ("-defaultIPv4", "::1"), ("-defaultIPv6", "a")] {
            let said = read(&[flag, text]).unwrap_err().to_string();
            assert!(said.starts_with(&format!("{flag}: ")), "{said}");
        }
    }
}

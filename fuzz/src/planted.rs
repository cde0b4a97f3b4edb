//! Readers with defects, one for each target, each of a kind that readers have had: a fuzz target that does not find its own
//! within a minute is not worth its time.

use std::{net::IpAddr, time::Duration};

use client_under_test::{
    acme::{certificate::Chain, renewal_info::Window, retry_after},
    manager::dns01,
    status::{crl::List, ocsp},
};
use hyper::header::RETRY_AFTER;
use scenarios::oracles::reader::{
    certificate::Certificate,
    identifier::Identifier,
    ocsp::{Response, Status},
};
use time::UtcDateTime;

use super::{Guard, acme, certificates, dns, files};

/// The guard of each target, around a reader with a defect.
pub const PLANTED: [(&str, Guard); 20] = [
    // The other alphabet of base64 will do (RFC 4648 §4).
    ("jws", |bytes| {
        acme::jws(bytes, |body| {
            let other = |byte: &u8| if *byte == b'+' { b'-' } else { *byte };
            ca_mock::read_signed_request(&body.iter().map(other).collect::<Vec<_>>())
        });
    }),
    // A refusal that quotes a letter beyond ASCII has no body.
    ("acme_request", |bytes| {
        acme::acme_request(bytes, |mut answer| {
            if !answer.body.is_ascii() && !answer.status.is_success() {
                answer.body.clear();
            }
            answer
        });
    }),
    // Time ends in 2038.
    ("acme_response", |bytes| {
        acme::acme_response(bytes, |response| {
            let (window, last) =
                (acme::read_window(response)?, UtcDateTime::from_unix_timestamp(i32::MAX.into()).ok()?);
            Window::new(window.start(), window.end().min(last))
        });
    }),
    // An address with a comma is none.
    ("link", |bytes| {
        acme::link(bytes, |response, relation| {
            response.links(relation).into_iter().filter(|link| !link.as_str().contains(',')).collect()
        });
    }),
    // Numbers that begin with a zero are octal.
    ("retry_after", |bytes| {
        acme::retry_after(bytes, |headers, now| {
            let octal = headers.get(RETRY_AFTER).and_then(|text| text.to_str().ok()?.strip_prefix('0'));
            let seconds = octal.and_then(|digits| u64::from_str_radix(digits, 8).ok());
            let wait = seconds.map(|seconds| Duration::from_secs(seconds).min(retry_after::CAP));
            wait.or_else(|| retry_after::parse(headers, now))
        });
    }),
    // The last block counts only if its last line has an end.
    ("certificate_chain", |bytes| {
        certificates::certificate_chain(bytes, |pem| {
            let last = pem.windows(10).rposition(|window| window == b"-----BEGIN");
            let end = last.filter(|at| *at > 0 && !pem.ends_with(b"\n")).unwrap_or(pem.len());
            Chain::parse(&pem[..end]).ok()
        });
    }),
    // A certificate that ends before it begins can't be.
    ("certificate", |bytes| {
        certificates::certificate(bytes, |der| {
            let read = Certificate::read(der)?;
            u64::try_from(read.not_after_s - read.not_before_s).expect("it ends after it begins");
            Some(read)
        });
    }),
    // IPv4 addresses in the form of IPv6 are taken for what they stand for.
    ("csr", |bytes| {
        certificates::csr(bytes, |der| {
            let mut read = ca_mock::read_csr(der)?;
            let canonical = |name: ca_mock::Identifier| match name.as_str().parse::<IpAddr>() {
                Ok(address) => address.to_canonical().into(),
                Err(_) => name,
            };
            read.names = read.names.into_iter().map(canonical).collect();
            Ok(read)
        });
    }),
    // A certificate that is for the name among others will do.
    ("tls_alpn01", |bytes| {
        certificates::tls_alpn01(bytes, |der, name, expected| {
            let is_for_it = Certificate::read(der).is_some_and(|read| read.names.contains(&Identifier::dns(name)));
            let is_all = |why: &&str| is_for_it && why.contains("exactly this one name");
            ca_mock::judge_validation_certificate(der, name, expected)
                .or_else(|why| if is_all(&why) { Ok(()) } else { Err(why) })
        });
    }),
    // There are eleven reasons.
    ("ocsp_response", |bytes| {
        certificates::ocsp_response(bytes, |der| {
            for statement in Response::read(der).map(|response| response.statements).unwrap_or_default() {
                if let Status::Revoked { reason } = statement.status {
                    assert!(!REASONS[usize::from(reason)].is_empty());
                }
            }
            ocsp::ends(der)
        });
    }),
    // Serial numbers are looked for without the zero in front.
    ("revocation_list", |bytes| {
        certificates::revocation_list(bytes, |list: &List, serial| match serial {
            [0, rest @ ..] => list.status(rest),
            serial => List::status(list, serial),
        });
    }),
    // No label has more than 31 octets.
    ("dns_message", |bytes| {
        dns::dns_message(bytes, |response, request| {
            let is_long = request.queries.iter().any(|query| query.name().iter().any(|label| label.len() > 31));
            dns01::exchange::answer(response, request).filter(|_| !is_long)
        });
    }),
    // Tags are as the RFC writes them, in lower case.
    ("caa", |bytes| {
        dns::caa(bytes, |properties, request| {
            let is_lower_case = |tag: &str| !tag.contains(|c: char| c.is_ascii_uppercase());
            let known: Vec<_> = properties.iter().filter(|property| is_lower_case(&property.tag)).cloned().collect();
            ca_mock::caa::permits(&known, request)
        });
    }),
    // The lines in parentheses are counted twice.
    ("zone_text", |bytes| {
        dns::zone_text(bytes, |origin, text| {
            let in_parentheses = text.split('(').skip(1).filter_map(|rest| rest.split(')').next());
            let twice: usize = in_parentheses.map(|inside| inside.matches('\n').count()).sum();
            ca_mock::dns::Zone::parse(origin, text).map_err(|mut e| {
                e.line += twice;
                e
            })
        });
    }),
    // Something stands at each place.
    ("scenario", |bytes| {
        files::scenario(bytes, |mistakes| {
            let at = mistakes.iter().map(scenarios::language::Diagnostic::location);
            at.map(|at| format!("{:?}", at.file.text.as_bytes()[at.start])).collect()
        });
    }),
    // Columns are counted in octets.
    ("pebble_config", |bytes| {
        files::pebble_config(bytes, |text| {
            files::read_pebble_config(text).map_err(|mut mistakes| {
                for mistake in &mut mistakes {
                    let line = text.split('\n').nth(mistake.line - 1).unwrap_or_default();
                    mistake.column = line.chars().take(mistake.column - 1).map(char::len_utf8).sum::<usize>() + 1;
                }
                mistakes
            })
        });
    }),
    // A carriage return ends a line, and so does the line feed after it.
    ("fault_rules", |bytes| {
        files::fault_rules(bytes, |text| {
            ca_mock::FaultRule::read(text).map_err(|mut mistakes| {
                mistakes.iter_mut().for_each(|mistake| mistake.line += text.matches('\r').count());
                mistakes
            })
        });
    }),
    // Quotation marks are not escaped.
    ("stored_files", |bytes| {
        files::stored_files(bytes, |written| String::from_utf8_lossy(written).replace("\\\"", "\"").into());
    }),
    // Time never goes back.
    ("trace_file", |bytes| {
        files::trace_file(bytes, |lines| {
            let mut last_ns = 0;
            scenarios::trace_file::read(lines).inspect(move |record| {
                if let Ok(record) = record {
                    assert!(record.at_ns.checked_sub(last_ns).is_some(), "attempt to subtract with overflow");
                    last_ns = record.at_ns;
                }
            })
        });
    }),
    // A nonce that was refused is sent again.
    ("world", |bytes| files::world(bytes, |drawn| drawn.clone().with_defect("client.nonce-sent-again").run())),
];

/// RFC 5280 §5.3.1.
const REASONS: [&str; 11] = [
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "unused",
    "removeFromCRL",
    "privilegeWithdrawn",
    "aACompromise",
];

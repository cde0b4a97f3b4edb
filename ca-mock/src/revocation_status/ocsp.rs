//! OCSP (RFC 6960, over HTTP as its appendix A has it): good, revoked or unknown, signed by the issuer itself.
//!
//! The request is read and the response written with yasna, which rcgen brings along; the one library that knows OCSP
//! (x509-ocsp) stands on another generation of everything below it.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use ring::digest;
use sim::UtcDateTime;
use yasna::{
    ASN1Error, ASN1ErrorKind, ASN1Result, BERReaderSeq, DERWriterSeq, Tag,
    models::{GeneralizedTime, ObjectIdentifier},
};

use super::OcspAnswers;
use crate::{
    Ca,
    certificates::{Revocation, Serial},
    timestamp::{after, before, whole_seconds},
};

/// How long ago a response that is out of date has ceased to hold.
const STALE_FOR: Duration = Duration::from_secs(3_600);
/// Certificates that one request may ask about.
const QUESTIONS_MAX: usize = 100;
/// RFC 9654 §2.1: nonces of up to 128 octets, here with the octet string around them.
const NONCE_OCTETS_MAX: usize = 131;
/// RFC 6960 §4.2.1: OCSPResponseStatus.
const SUCCESSFUL: i64 = 0;
const MALFORMED_REQUEST: i64 = 1;

const BASIC_RESPONSE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 1];
const NONCE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 2];
const SHA1: &[u64] = &[1, 3, 14, 3, 2, 26];
const SHA256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];

/// What is asked.
struct Request {
    questions: Vec<Question>,
    /// The extension's value, to be sent back.
    nonce: Option<Vec<u8>>,
}

/// `CertID` (RFC 6960 §4.1.1), as it was sent and as it is meant.
struct Question {
    der: Vec<u8>,
    algorithm: ObjectIdentifier,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: Option<Serial>,
}

enum Status {
    Good,
    Revoked(Revocation),
    /// Not this CA's.
    Unknown,
}

/// What a GET carries: base64, maybe percent-encoded (RFC 6960 §A.1). `None` if it is no base64.
pub(super) fn from_path(text: &str) -> Option<Vec<u8>> {
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    STANDARD.decode(decoded).ok()
}

/// The response to a request, both in DER.
pub(super) fn respond(ca: &Ca, request: &[u8], now: UtcDateTime) -> Vec<u8> {
    match yasna::parse_der(request, |request| request.read_sequence(read_request)) {
        Ok(request) if (1..=QUESTIONS_MAX).contains(&request.questions.len()) => {
            let basic = basic_response(ca, &request, now);
            response(SUCCESSFUL, Some(&basic))
        }
        Ok(_) | Err(_) => response(MALFORMED_REQUEST, None),
    }
}

/// `OCSPRequest ::= SEQUENCE { tbsRequest, optionalSignature [0] OPTIONAL }`; a signature is not looked at.
fn read_request(request: &mut BERReaderSeq<'_, '_>) -> ASN1Result<Request> {
    let read = request.next().read_sequence(|tbs| {
        tbs.read_optional(|version| version.read_tagged(Tag::context(0), |version| version.read_u8()))?;
        tbs.read_optional(|name| name.read_tagged(Tag::context(1), |name| name.read_der()))?;
        let questions = tbs.next().collect_sequence_of(|one| one.read_sequence(read_question))?;
        let extensions = tbs.read_optional(|extensions| {
            extensions
                .read_tagged(Tag::context(2), |list| list.collect_sequence_of(|one| one.read_sequence(read_extension)))
        })?;
        let nonce = ObjectIdentifier::from_slice(NONCE);
        let nonces = extensions.into_iter().flatten().filter(|(kind, _)| *kind == nonce);
        let nonce = nonces.map(|(_, value)| value).find(|value| value.len() <= NONCE_OCTETS_MAX);
        Ok(Request { questions, nonce })
    })?;
    request.read_optional(|signature| signature.read_tagged(Tag::context(0), |signature| signature.read_der()))?;
    Ok(read)
}

/// `Request ::= SEQUENCE { reqCert CertID, singleRequestExtensions [0] OPTIONAL }`.
fn read_question(request: &mut BERReaderSeq<'_, '_>) -> ASN1Result<Question> {
    let der = request.next().read_der()?;
    request.read_optional(|extensions| extensions.read_tagged(Tag::context(0), |extensions| extensions.read_der()))?;
    yasna::parse_der(&der, |id| {
        id.read_sequence(|id| {
            let algorithm = id.next().read_sequence(|algorithm| {
                let oid = algorithm.next().read_oid()?;
                algorithm.read_optional(|parameters| parameters.read_der())?;
                Ok(oid)
            })?;
            let issuer_name_hash = id.next().read_bytes()?;
            let issuer_key_hash = id.next().read_bytes()?;
            let (serial, is_positive) = id.next().read_bigint_bytes()?;
            let serial = if is_positive { Serial::from_octets(&serial) } else { None };
            Ok(Question { der: der.clone(), algorithm, issuer_name_hash, issuer_key_hash, serial })
        })
    })
}

fn read_extension(extension: &mut BERReaderSeq<'_, '_>) -> ASN1Result<(ObjectIdentifier, Vec<u8>)> {
    let kind = extension.next().read_oid()?;
    let is_critical = extension.read_default(false, |critical| critical.read_bool())?;
    let value = extension.next().read_bytes()?;
    // None is known that would have to be obeyed (RFC 6960 §4.4).
    if is_critical { Err(ASN1Error::new(ASN1ErrorKind::Invalid)) } else { Ok((kind, value)) }
}

fn status(ca: &Ca, question: &Question) -> Status {
    let issuer = ca.issuance().issuer();
    let hash = [(SHA1, &digest::SHA1_FOR_LEGACY_USE_ONLY), (SHA256, &digest::SHA256)];
    let hash = hash.into_iter().find(|(oid, _)| ObjectIdentifier::from_slice(oid) == question.algorithm);
    let Some((_, hash)) = hash else { return Status::Unknown };
    let is_ours = digest::digest(hash, &issuer.name_der()).as_ref() == question.issuer_name_hash
        && digest::digest(hash, issuer.key_bytes()).as_ref() == question.issuer_key_hash;
    let Some(serial) = question.serial.as_ref().filter(|_| is_ours) else { return Status::Unknown };
    ca.with_store(|store| match store.certificates.with_serial(serial) {
        Some(certificate) => certificate.revocation.map_or(Status::Good, Status::Revoked),
        None => Status::Unknown,
    })
}

/// RFC 6960 §4.2.1: `BasicOCSPResponse`.
fn basic_response(ca: &Ca, request: &Request, now: UtcDateTime) -> Vec<u8> {
    let issuer = ca.issuance().issuer();
    let answers = ca.with_store(|store| store.ocsp_answers);
    let lifetime = ca.config().ocsp_lifetime;
    let this_update = if answers == OcspAnswers::Stale { before(before(now, lifetime), STALE_FOR) } else { now };
    let times = (this_update, after(this_update, lifetime));
    let data = yasna::construct_der(|data| {
        data.write_sequence(|data| {
            // Named by the SHA-1 of the key, which is only a name here.
            let key = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, issuer.key_bytes());
            data.next().write_tagged(Tag::context(2), |by_key| by_key.write_bytes(key.as_ref()));
            data.next().write_generalized_time(&time(now));
            data.next().write_sequence(|responses| {
                for question in &request.questions {
                    let status = if answers == OcspAnswers::Unknown { Status::Unknown } else { status(ca, question) };
                    responses.next().write_sequence(|single| write_single(single, question, &status, times, answers));
                }
            });
            if let Some(nonce) = &request.nonce {
                data.next().write_tagged(Tag::context(1), |extensions| {
                    extensions.write_sequence(|extensions| {
                        extensions.next().write_sequence(|extension| {
                            extension.next().write_oid(&ObjectIdentifier::from_slice(NONCE));
                            extension.next().write_bytes(nonce);
                        });
                    });
                });
            }
        });
    });
    yasna::construct_der(|basic| {
        basic.write_sequence(|basic| {
            basic.next().write_der(&data);
            let (algorithm, mut signature) = issuer.sign(&data);
            if answers == OcspAnswers::BadlySigned
                && let Some(last) = signature.last_mut()
            {
                *last ^= 1;
            }
            basic.next().write_der(&algorithm);
            basic.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
    })
}

/// `SingleResponse ::= SEQUENCE { certID, certStatus, thisUpdate, nextUpdate [0] }`.
fn write_single(
    single: &mut DERWriterSeq<'_>,
    question: &Question,
    status: &Status,
    (this_update, next_update): (UtcDateTime, UtcDateTime),
    answers: OcspAnswers,
) {
    let mut id = question.der.clone();
    if answers == OcspAnswers::AboutAnother
        && let Some(last) = id.last_mut()
    {
        // The serial number comes last.
        *last ^= 1;
    }
    single.next().write_der(&id);
    match status {
        Status::Good => single.next().write_tagged_implicit(Tag::context(0), |good| good.write_null()),
        Status::Revoked(revocation) => single.next().write_tagged_implicit(Tag::context(1), |revoked| {
            revoked.write_sequence(|revoked| {
                revoked.next().write_generalized_time(&time(revocation.at));
                let code = i64::try_from(revocation.reason.code()).expect("reason codes are small");
                revoked.next().write_tagged(Tag::context(0), |reason| reason.write_enum(code));
            });
        }),
        Status::Unknown => single.next().write_tagged_implicit(Tag::context(2), |unknown| unknown.write_null()),
    }
    single.next().write_generalized_time(&time(this_update));
    single.next().write_tagged(Tag::context(0), |next| next.write_generalized_time(&time(next_update)));
}

/// `OCSPResponse ::= SEQUENCE { responseStatus, responseBytes [0] OPTIONAL }`.
fn response(status: i64, basic: Option<&[u8]>) -> Vec<u8> {
    yasna::construct_der(|response| {
        response.write_sequence(|response| {
            response.next().write_enum(status);
            if let Some(basic) = basic {
                response.next().write_tagged(Tag::context(0), |bytes| {
                    bytes.write_sequence(|bytes| {
                        bytes.next().write_oid(&ObjectIdentifier::from_slice(BASIC_RESPONSE));
                        bytes.next().write_bytes(basic);
                    });
                });
            }
        });
    })
}

fn time(at: UtcDateTime) -> GeneralizedTime {
    GeneralizedTime::from_datetime(whole_seconds(at).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, revocation_status::tests::with_certificate, testing};

    /// What openssl writes: one question, with SHA-1 and a nonce.
    fn request(ca: &Ca, serial: &Serial) -> Vec<u8> {
        let issuer = ca.issuance().issuer();
        let hash = |octets: &[u8]| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, octets).as_ref().to_vec();
        yasna::construct_der(|request| {
            request.write_sequence(|request| {
                request.next().write_sequence(|tbs| {
                    tbs.next().write_sequence(|list| {
                        list.next().write_sequence(|one| {
                            one.next().write_sequence(|id| {
                                id.next().write_sequence(|algorithm| {
                                    algorithm.next().write_oid(&ObjectIdentifier::from_slice(SHA1));
                                    algorithm.next().write_null();
                                });
                                id.next().write_bytes(&hash(&issuer.name_der()));
                                id.next().write_bytes(&hash(issuer.key_bytes()));
                                id.next().write_bigint_bytes(serial.octets(), true);
                            });
                        });
                    });
                });
            });
        })
    }

    /// The tag of `certStatus` in the one response: 0 good, 1 revoked, 2 unknown (RFC 6960 §4.2.1).
    fn status_of(ca: &Ca, serial: &Serial, now: UtcDateTime) -> u64 {
        let response = respond(ca, &request(ca, serial), now);
        let basic = yasna::parse_der(&response, |response| {
            response.read_sequence(|response| {
                assert_eq!(response.next().read_enum()?, SUCCESSFUL);
                response.next().read_tagged(Tag::context(0), |bytes| {
                    bytes.read_sequence(|bytes| {
                        bytes.next().read_oid()?;
                        bytes.next().read_bytes()
                    })
                })
            })
        });
        let read = yasna::parse_der(&basic.unwrap(), |basic| {
            basic.read_sequence(|basic| {
                let status = basic.next().read_sequence(|data| {
                    data.next().read_tagged(Tag::context(2), |key| key.read_bytes())?;
                    data.next().read_generalized_time()?;
                    data.next().read_sequence(|responses| {
                        responses.next().read_sequence(|single| {
                            single.next().read_der()?;
                            let status = single.next().read_tagged_der()?.tag().tag_number;
                            single.next().read_generalized_time()?;
                            single.next().read_tagged(Tag::context(0), |next| next.read_generalized_time())?;
                            Ok(status)
                        })
                    })
                })?;
                basic.next().read_der()?;
                basic.next().read_bitvec_bytes()?;
                Ok(status)
            })
        });
        read.unwrap()
    }

    #[test]
    fn a_certificate_is_good_then_revoked_and_another_s_is_unknown() {
        with_certificate(|ca, env, serial| {
            assert_eq!(status_of(ca, serial, env.utc_now()), 0);
            ca.with_store(|store| {
                let reason = crate::certificates::RevocationReason::Superseded;
                assert!(store.certificates.revoke(serial, Revocation { at: env.utc_now(), reason }));
            });
            assert_eq!(status_of(ca, serial, env.utc_now()), 1);
            assert_eq!(status_of(ca, &Serial::draw(env), env.utc_now()), 2);
        });
    }

    #[test]
    fn what_is_no_request_is_answered_as_malformed() {
        testing::with_env(|env| {
            let ca = Ca::new(&env, Config::default());
            let malformed = [0x30, 0x03, 0x0a, 0x01, 0x01];
            for bad in [&b""[..], b"0", &[0x30, 0x00], &[0x30, 0x02, 0x30, 0x00], &[0x30, 0x04, 0x30, 0x02, 0x30, 0x00]]
            {
                assert_eq!(respond(&ca, bad, env.utc_now()), malformed, "{bad:?}");
            }
            assert_eq!(from_path("MA%3D%3D"), Some(vec![0x30]));
            assert_eq!(from_path("%"), None);
        });
    }
}

//! OCSP (RFC 6960), in the lightweight profile of RFC 5019: one certificate a question, no nonce, so that any cache can answer.
//!
//! Read and written with yasna, which rcgen brings along. x509-ocsp calls itself unready and stands on an older generation of
//! everything below it, rasn-ocsp brings a second way to read all of X.509, and the rest are unkept.

use base64::{Engine, engine::general_purpose::STANDARD};
use time::UtcDateTime;
use url::Url;
use x509_parser::{
    asn1_rs::BitString,
    certificate::X509Certificate,
    prelude::{AlgorithmIdentifier, FromDer},
    verify::verify_signature,
    x509::SubjectPublicKeyInfo,
};
use yasna::{ASN1Error, ASN1ErrorKind, ASN1Result, BERReader, BERReaderSeq, Tag, models::ObjectIdentifier};

use super::{Reason, Status, Subject, Validity};

/// A GET may have so many characters (RFC 5019 §5).
const GET_CHARACTERS_MAX: usize = 255;
/// The most certificates that come with a response and are looked at.
const RESPONDERS_MAX: usize = 4;
/// Larger responses are refused: they are carried by every handshake.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1_024;

const BASIC_RESPONSE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 1];
const SHA1: &[u64] = &[1, 3, 14, 3, 2, 26];

/// Why a response is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OcspError {
    /// It is no OCSP response, or longer than any has to be.
    #[error("it is no OCSP response")]
    Unreadable,
    /// The responder has no answer (RFC 6960 §4.2.1).
    #[error("the responder answers with status {0}")]
    Unsuccessful(i64),
    /// It is about other certificates.
    #[error("it is about another certificate")]
    Another,
    /// It is signed by nobody who may speak for the issuer.
    #[error("it is not signed by the issuer, nor by whom the issuer lets sign")]
    Stranger,
    /// It does not say until when it holds, or holds at another time than now.
    #[error("it does not hold now")]
    NotNow,
    /// The responder does not know the certificate.
    #[error("the responder does not know the certificate")]
    Unknown,
}

/// A response that has been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub status: Status,
    /// When it holds.
    pub validity: Validity,
}

/// How a responder is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// GET this address.
    Get(Url),
    /// POST this body to the responder's address.
    Post(Vec<u8>),
}

impl Question {
    /// Asks `responder` about `subject`.
    #[must_use]
    pub fn new(responder: &Url, subject: &Subject) -> Self {
        let request = request(subject);
        let mut url = responder.clone();
        // What base64 has and a path must not have is escaped: the segment is one.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(&STANDARD.encode(&request));
        }
        let url_text = url.as_str().replace('+', "%2B").replace('=', "%3D");
        match Url::parse(&url_text) {
            Ok(url) if url_text.len() <= GET_CHARACTERS_MAX && url != *responder => Self::Get(url),
            Ok(_) | Err(_) => Self::Post(request),
        }
    }
}

/// `OCSPRequest` with one `CertID` (RFC 6960 §4.1.1).
fn request(subject: &Subject) -> Vec<u8> {
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
                            id.next().write_bytes(&subject.issuer_name_hash);
                            id.next().write_bytes(&subject.issuer_key_hash);
                            id.next().write_bigint_bytes(&subject.serial, true);
                        });
                    });
                });
            });
        });
    })
}

/// Reads and verifies a response about `subject` that has to hold at `now`.
///
/// # Errors
/// [`OcspError`] for the first thing that is wrong.
pub fn read(subject: &Subject, response: &[u8], now: UtcDateTime) -> Result<Answer, OcspError> {
    if response.len() > RESPONSE_BYTES_MAX {
        return Err(OcspError::Unreadable);
    }
    let basic = match yasna::parse_der(response, read_response).map_err(|_| OcspError::Unreadable)? {
        (0, Some(basic)) => basic,
        (0, None) => return Err(OcspError::Unreadable),
        (status, _) => return Err(OcspError::Unsuccessful(status)),
    };
    let basic = yasna::parse_der(&basic, read_basic).map_err(|_| OcspError::Unreadable)?;
    let singles = yasna::parse_der(&basic.data, read_data).map_err(|_| OcspError::Unreadable)?;
    let single = singles.into_iter().find(|single| single.id.is_of(subject)).ok_or(OcspError::Another)?;
    if !is_authorized(subject, &basic, now) {
        return Err(OcspError::Stranger);
    }
    let until = single.next_update.ok_or(OcspError::NotNow)?;
    let validity = Validity::at(now, single.this_update, until).ok_or(OcspError::NotNow)?;
    let status = single.status.ok_or(OcspError::Unknown)?;
    Ok(Answer { status, validity })
}

/// When the response that says so least long ceases to hold, whoever it is about; `None` if it is none. Nothing is verified.
#[must_use]
pub fn ends(response: &[u8]) -> Option<UtcDateTime> {
    let (_, basic) = yasna::parse_der(response, read_response).ok()?;
    let basic = yasna::parse_der(&basic?, read_basic).ok()?;
    let singles = yasna::parse_der(&basic.data, read_data).ok()?;
    singles.into_iter().filter_map(|single| single.next_update).min()
}

/// `BasicOCSPResponse` (RFC 6960 §4.2.1), its parts as they were sent.
struct Basic {
    data: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    certificates: Vec<Vec<u8>>,
}

struct Single {
    id: CertId,
    /// None for "unknown".
    status: Option<Status>,
    this_update: UtcDateTime,
    next_update: Option<UtcDateTime>,
}

/// `CertID` (RFC 6960 §4.1.1).
struct CertId {
    algorithm: ObjectIdentifier,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: (Vec<u8>, bool),
}

impl CertId {
    fn is_of(&self, subject: &Subject) -> bool {
        let magnitude = |octets: &[u8]| octets.iter().copied().skip_while(|octet| *octet == 0).collect::<Vec<_>>();
        let (serial, is_positive) = &self.serial;
        self.algorithm == ObjectIdentifier::from_slice(SHA1)
            && self.issuer_name_hash == subject.issuer_name_hash
            && self.issuer_key_hash == subject.issuer_key_hash
            && *is_positive
            && magnitude(serial) == magnitude(&subject.serial)
    }
}

fn read_response(response: BERReader<'_, '_>) -> ASN1Result<(i64, Option<Vec<u8>>)> {
    response.read_sequence(|response| {
        let status = response.next().read_enum()?;
        let basic = response.read_optional(|bytes| {
            bytes.read_tagged(Tag::context(0), |bytes| {
                bytes.read_sequence(|bytes| {
                    let kind = bytes.next().read_oid()?;
                    let basic = bytes.next().read_bytes()?;
                    if kind == ObjectIdentifier::from_slice(BASIC_RESPONSE) { Ok(basic) } else { Err(invalid()) }
                })
            })
        })?;
        Ok((status, basic))
    })
}

fn read_basic(basic: BERReader<'_, '_>) -> ASN1Result<Basic> {
    basic.read_sequence(|basic| {
        Ok(Basic {
            data: basic.next().read_der()?,
            algorithm: basic.next().read_der()?,
            signature: basic.next().read_bitvec_bytes()?.0,
            certificates: basic
                .read_optional(|list| {
                    list.read_tagged(Tag::context(0), |list| list.collect_sequence_of(|one| one.read_der()))
                })?
                .unwrap_or_default(),
        })
    })
}

fn read_data(data: BERReader<'_, '_>) -> ASN1Result<Vec<Single>> {
    data.read_sequence(|data| {
        data.read_optional(|version| version.read_tagged(Tag::context(0), |version| version.read_u8()))?;
        // Who signs is told by the signature, and when it was made by the statements.
        data.next().read_der()?;
        data.next().read_generalized_time()?;
        let singles = data.next().collect_sequence_of(|single| single.read_sequence(read_single))?;
        data.read_optional(|extensions| extensions.read_tagged(Tag::context(1), |list| list.read_der()))?;
        Ok(singles)
    })
}

fn read_single(single: &mut BERReaderSeq<'_, '_>) -> ASN1Result<Single> {
    let id = single.next().read_sequence(|id| {
        let algorithm = id.next().read_sequence(|algorithm| {
            let kind = algorithm.next().read_oid()?;
            algorithm.read_optional(|parameters| parameters.read_der())?;
            Ok(kind)
        })?;
        Ok(CertId {
            algorithm,
            issuer_name_hash: id.next().read_bytes()?,
            issuer_key_hash: id.next().read_bytes()?,
            serial: id.next().read_bigint_bytes()?,
        })
    })?;
    let status = read_status(single.next())?;
    let this_update = read_time(single.next())?;
    let next_update = single.read_optional(|next| next.read_tagged(Tag::context(0), read_time))?;
    single.read_optional(|extensions| extensions.read_tagged(Tag::context(1), |list| list.read_der()))?;
    Ok(Single { id, status, this_update, next_update })
}

/// `CertStatus`: good [0], revoked [1] or unknown [2], each implicitly tagged.
fn read_status(status: BERReader<'_, '_>) -> ASN1Result<Option<Status>> {
    let tag = status.lookahead_tag()?;
    if tag == Tag::context(0) {
        status.read_tagged_implicit(tag, |good| good.read_null())?;
        return Ok(Some(Status::Good));
    }
    if tag == Tag::context(2) {
        status.read_tagged_implicit(tag, |unknown| unknown.read_null())?;
        return Ok(None);
    }
    let code = status.read_tagged_implicit(Tag::context(1), |revoked| {
        revoked.read_sequence(|revoked| {
            revoked.next().read_generalized_time()?;
            revoked.read_optional(|reason| reason.read_tagged(Tag::context(0), |reason| reason.read_enum()))
        })
    })?;
    let code = u8::try_from(code.unwrap_or(0)).map_err(|_| invalid())?;
    Ok(Some(Status::Revoked(Reason::of_code(code))))
}

fn read_time(time: BERReader<'_, '_>) -> ASN1Result<UtcDateTime> {
    let time = time.read_generalized_time()?;
    UtcDateTime::from_unix_timestamp(time.datetime().unix_timestamp()).map_err(|_| invalid())
}

fn invalid() -> ASN1Error {
    ASN1Error::new(ASN1ErrorKind::Invalid)
}

/// Whether the issuer has signed, or a responder that the issuer itself has certified for that (RFC 6960 §4.2.2.2).
fn is_authorized(subject: &Subject, basic: &Basic, now: UtcDateTime) -> bool {
    let Ok((_, issuer)) = X509Certificate::from_der(&subject.issuer) else { return false };
    if is_signed_by(basic, issuer.public_key()) {
        return true;
    }
    basic.certificates.iter().take(RESPONDERS_MAX).any(|der| {
        let Ok((_, responder)) = X509Certificate::from_der(der) else { return false };
        let may_sign = responder.extended_key_usage().ok().flatten().is_some_and(|usage| usage.value.ocsp_signing);
        let (begins, ends) = (responder.validity().not_before.timestamp(), responder.validity().not_after.timestamp());
        may_sign
            && (begins..=ends).contains(&now.unix_timestamp())
            && responder.issuer().as_raw() == issuer.subject().as_raw()
            && responder.verify_signature(Some(issuer.public_key())).is_ok()
            && is_signed_by(basic, responder.public_key())
    })
}

fn is_signed_by(basic: &Basic, key: &SubjectPublicKeyInfo<'_>) -> bool {
    let Ok((_, algorithm)) = AlgorithmIdentifier::from_der(&basic.algorithm) else { return false };
    let signature = BitString::new(0, &basic.signature);
    verify_signature(key, &algorithm, &signature, &basic.data).is_ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, SigningKey};
    use sim::crypto::P256Key;
    use time::Duration as Span;
    use yasna::models::GeneralizedTime;

    use super::*;
    use crate::acme::certificate::{
        Chain,
        tests::{BEGIN, env, signed_chain},
    };

    const ECDSA_WITH_SHA256: &[u64] = &[1, 2, 840, 10_045, 4, 3, 2];
    const GOOD: &[u8] = &[0x80, 0x00];
    const UNKNOWN: &[u8] = &[0x82, 0x00];

    fn key(name: &str) -> P256Key {
        P256Key::generate(&env(), name)
    }

    /// A chain whose leaf and issuer have one key, as [`signed_chain`] makes them.
    fn subject(key: &P256Key) -> Subject {
        let chain: Chain = signed_chain(key, 90, &[("R1", 100)]);
        Subject::of(&chain).unwrap()
    }

    /// What a responder with `key` says, from and until so many hours from [`BEGIN`], its own certificates beside it.
    fn response(
        subject: &Subject,
        key: &P256Key,
        status: &[u8],
        hours: std::ops::Range<i64>,
        certificates: &[Vec<u8>],
    ) -> Vec<u8> {
        let time = |hours: i64| GeneralizedTime::from_datetime((BEGIN + Span::hours(hours)).into());
        // The question has the same form as what the answer is about.
        let asked = request(subject);
        let id = yasna::parse_der(&asked, |request| {
            request.read_sequence(|request| {
                request.next().read_sequence(|tbs| {
                    tbs.next().read_sequence(|list| list.next().read_sequence(|one| one.next().read_der()))
                })
            })
        });
        let data = yasna::construct_der(|data| {
            data.write_sequence(|data| {
                data.next().write_tagged(Tag::context(2), |by_key| by_key.write_bytes(&[7; 20]));
                data.next().write_generalized_time(&time(hours.start));
                data.next().write_sequence(|singles| {
                    singles.next().write_sequence(|single| {
                        single.next().write_der(&id.unwrap());
                        single.next().write_der(status);
                        single.next().write_generalized_time(&time(hours.start));
                        single
                            .next()
                            .write_tagged(Tag::context(0), |next| next.write_generalized_time(&time(hours.end)));
                    });
                });
            });
        });
        let signature = SigningKey::sign(key, &data).unwrap();
        let basic = yasna::construct_der(|basic| {
            basic.write_sequence(|basic| {
                basic.next().write_der(&data);
                basic.next().write_sequence(|algorithm| {
                    algorithm.next().write_oid(&ObjectIdentifier::from_slice(ECDSA_WITH_SHA256));
                });
                basic.next().write_bitvec_bytes(&signature, signature.len() * 8);
                if !certificates.is_empty() {
                    basic.next().write_tagged(Tag::context(0), |list| {
                        list.write_sequence(|list| certificates.iter().for_each(|one| list.next().write_der(one)));
                    });
                }
            });
        });
        yasna::construct_der(|response| {
            response.write_sequence(|response| {
                response.next().write_enum(0);
                response.next().write_tagged(Tag::context(0), |bytes| {
                    bytes.write_sequence(|bytes| {
                        bytes.next().write_oid(&ObjectIdentifier::from_slice(BASIC_RESPONSE));
                        bytes.next().write_bytes(&basic);
                    });
                });
            });
        })
    }

    /// A responder's certificate from the issuer called R1 that has `by`.
    fn responder(key: &P256Key, by: &P256Key, usage: ExtendedKeyUsagePurpose) -> Vec<u8> {
        let params = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params.serial_number = Some(2_u64.into());
            params.not_before = BEGIN.into();
            params.not_after = (BEGIN + Span::days(1)).into();
            params
        };
        let mut own = params("responder");
        own.extended_key_usages = vec![usage];
        own.signed_by(key, &Issuer::from_params(&params("R1"), by)).unwrap().der().to_vec()
    }

    #[tokio::test]
    async fn a_response_of_the_issuer_or_its_delegate_is_believed_and_no_others() {
        let [issuer, other] = [key("issuer"), key("other")];
        let subject = subject(&issuer);
        let now = BEGIN + Span::hours(1);
        let read = |response: &[u8]| read(&subject, response, now).map(|answer| answer.status);
        assert_eq!(read(&response(&subject, &issuer, GOOD, 0..2, &[])), Ok(Status::Good));
        let own = |by, usage| vec![responder(&other, by, usage)];
        let delegated = own(&issuer, ExtendedKeyUsagePurpose::OcspSigning);
        assert_eq!(read(&response(&subject, &other, GOOD, 0..2, &delegated)), Ok(Status::Good));
        for certificates in [
            vec![],
            own(&issuer, ExtendedKeyUsagePurpose::ServerAuth),
            own(&other, ExtendedKeyUsagePurpose::OcspSigning),
        ] {
            let strange = response(&subject, &other, GOOD, 0..2, &certificates);
            assert_eq!(read(&strange), Err(OcspError::Stranger));
        }
    }

    #[tokio::test]
    async fn only_what_is_said_about_this_certificate_and_holds_now_counts() {
        let issuer = key("issuer");
        let subject = subject(&issuer);
        let now = BEGIN + Span::hours(1);
        let read = |response: &[u8]| read(&subject, response, now).map(|answer| answer.status);
        let revoked = |reason: u8| {
            let time = b"\x18\x0f20261121000000Z";
            let code = [0xa0, 0x03, 0x0a, 0x01, reason];
            [&[0xa1, 22], &time[..], &code].concat()
        };
        let key_compromise = response(&subject, &issuer, &revoked(1), 0..2, &[]);
        assert_eq!(read(&key_compromise), Ok(Status::Revoked(Reason::KeyCompromise)));
        let superseded = response(&subject, &issuer, &revoked(4), 0..2, &[]);
        assert_eq!(read(&superseded), Ok(Status::Revoked(Reason::Other(4))));
        assert_eq!(read(&response(&subject, &issuer, UNKNOWN, 0..2, &[])), Err(OcspError::Unknown));
        for hours in [-2..1, 2..9, 1..1] {
            assert_eq!(read(&response(&subject, &issuer, GOOD, hours, &[])), Err(OcspError::NotNow));
        }
        let mut another = subject.clone();
        another.serial = vec![2];
        assert_eq!(read(&response(&another, &issuer, GOOD, 0..2, &[])), Err(OcspError::Another));
        assert_eq!(read(&[0x30, 0x03, 0x0a, 0x01, 0x06]), Err(OcspError::Unsuccessful(6)));
        let whole = response(&subject, &issuer, GOOD, 0..2, &[]);
        assert_eq!(ends(&whole), Some(BEGIN + Span::hours(2)));
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), Err(OcspError::Unreadable), "{cut}");
        }
    }

    #[tokio::test]
    async fn a_question_fits_into_an_address_unless_that_grows_too_long() {
        let subject = subject(&key("issuer"));
        let responder: Url = "http://ocsp.test/r?x=1".parse().unwrap();
        let Question::Get(url) = Question::new(&responder, &subject) else { panic!("it is short") };
        let path = url.path().strip_prefix("/r/").unwrap();
        assert!(!path.contains(['/', '+', '=']) && url.as_str().len() <= GET_CHARACTERS_MAX, "{url}");
        let long: Url = format!("http://ocsp.test/{}", "r".repeat(200)).parse().unwrap();
        assert_eq!(Question::new(&long, &subject), Question::Post(request(&subject)));
    }
}

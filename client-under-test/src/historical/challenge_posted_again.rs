//! A challenge that is answered anew at each look (async-acme and rustls-acme, reported in 2026).
//!
//! <https://github.com/Start9Labs/start-technologies/pull/3892>,
//! <https://github.com/letsencrypt/boulder/pull/8838>
//!
//! To see how a challenge stands, one has to read it or its authorization (RFC 8555 §7.5.1). These clients sent the answer
//! once more instead, which CAs took for a look, until Boulder said 409 to whoever answers a challenge that is being
//! validated: since July 2026 their orders failed wherever validation took longer than the first look.
//!
//! Seam: [`AuthorizationLook`]. To be caught by **M19** with a validation that takes a moment.

use crate::{
    acme::{account::Session, address::Address, challenge::Challenge},
    manager::authorization_look::{AuthorizationLook, Looking},
};

/// Answers once more, and then reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChallengePostedAgain;

impl AuthorizationLook for ChallengePostedAgain {
    fn look<'a, 's: 'a>(
        &'a self,
        session: &'a mut Session<'s>,
        url: &'a Address,
        challenge: Option<&'a Challenge>,
    ) -> Looking<'a> {
        Box::pin(async move {
            if let Some(challenge) = challenge {
                session.respond(challenge).await?;
            }
            session.authorization(url).await
        })
    }
}

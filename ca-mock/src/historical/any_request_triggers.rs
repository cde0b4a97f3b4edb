//! Whoever looks at a challenge has it validated (EJBCA and step-ca, as of 2026).
//!
//! <https://github.com/nginx/nginx-acme/issues/40>,
//! <https://github.com/cert-manager/cert-manager/issues/4430>
//!
//! A POST-as-GET of a challenge is taken for the client's word that the answer is in place. Clients that look at their
//! challenges before they have put an answer there then fail, and never learn why.
//!
//! Seam: [`ChallengeTrigger`]. For clients to live with: they look at the authorization, never at the challenge.

use crate::front_end::ChallengeTrigger;

/// Any request to a challenge begins its validation.
pub const ANY_REQUEST_TRIGGERS: ChallengeTrigger = ChallengeTrigger(|_| true);

//! Remote perspectives that look and are not listened to.
//!
//! CA/B Baseline Requirements §3.2.2.9
//!
//! Until 2025-03-15 a CA had to have other perspectives look and could issue whatever they saw, so that CAs could learn;
//! since 2025-09-15 it must not. Who hijacks the path or the resolver of the CA itself gets a certificate from one that
//! stayed at the first stage.
//!
//! Seam: [`Quorum`]. To be caught by `ca.issues-only-corroborated`, when fewer perspectives agree than have to.

use crate::perspective::Quorum;

/// All of them may disagree.
pub const CORROBORATION_IGNORED: Quorum = Quorum(|remotes| remotes);

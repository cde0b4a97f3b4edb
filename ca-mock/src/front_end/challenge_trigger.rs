//! [`ChallengeTrigger`]: which request to a challenge means that its answer is in place.

/// Decides which request to a challenge begins its validation.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeTrigger(pub(crate) fn(payload: &[u8]) -> bool);

impl ChallengeTrigger {
    /// One with an object; an empty payload only reads (RFC 8555 §6.3, §7.5.1).
    pub const OBJECT: Self = Self(|payload| !payload.is_empty());
}

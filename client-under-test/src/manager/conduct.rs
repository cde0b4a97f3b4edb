//! [`Conduct`]: what a manager does where a CA refuses, lets it wait or fails it, where visitors wait, and where other hosts
//! write what it reads.
//!
//! Each is a decision that the code has to make anyway, and that managers have made wrongly before. There is nothing here
//! for an operator to choose.

use std::sync::Arc;

use super::{
    account_succession::{AccountSuccession, OneInSixHours},
    ari::{AfterTheWait, AriPolling, CertificateName, ItsOwn},
    authorization_look::{AuthorizationLook, ReadsIt},
    backoff::{Backoff, MakeRetryWaits},
    certificate_key::{AlwaysNew, CertificateKeys},
    events::{Telling, TellsAll},
    order_end::{DeactivatePending, OrderEnd},
    order_note::{OrderNote, SlotOfItsOwn},
    replacement::{DroppedOnceRefused, Replacement},
    stapling::{Stapling, WhileItHolds},
    visitors::{Lead, NobodysOwn, OneAttempt, Patience},
};
use crate::{
    acme::{
        nonce::{MakeNonces, NoncePool},
        pace::{AsSuggested, Polling},
    },
    storage::{
        certificate::{AsItIs, CertificateReader},
        metadata::{BesideItsOwn, MetadataOwner, MetadataPlace, ThisCertificate},
    },
};

/// How a manager behaves where not all goes well.
#[derive(Clone, Debug)]
pub struct Conduct {
    /// How long it waits after failed attempts.
    pub retry_waits: MakeRetryWaits,
    /// When it looks again at what is not ready.
    pub polling: Arc<dyn Polling>,
    /// Where it keeps nonces, and which one a request carries.
    pub nonces: MakeNonces,
    /// How it finds out what has become of a challenge.
    pub authorization_look: Arc<dyn AuthorizationLook>,
    /// How it notes an order that has been begun.
    pub order_note: Arc<dyn OrderNote>,
    /// What becomes of an order that leads nowhere.
    pub order_end: Arc<dyn OrderEnd>,
    /// When it stops saying which certificate an order replaces.
    pub replacement: Arc<dyn Replacement>,
    /// When another account takes the place of one that is over.
    pub account_succession: Arc<dyn AccountSuccession>,
    /// What it takes for the CA's suggestion about a certificate.
    pub metadata_owner: Arc<dyn MetadataOwner>,
    /// Where it writes the CA's suggestion about a certificate.
    pub metadata_place: Arc<dyn MetadataPlace>,
    /// By which name it asks the CA about a certificate.
    pub certificate_name: Arc<dyn CertificateName>,
    /// When it asks the CA for its suggestion again.
    pub ari_polling: Arc<dyn AriPolling>,
    /// Where it reads certificates.
    pub certificate_reader: Arc<dyn CertificateReader>,
    /// How long visitors wait for a certificate that can't be had.
    pub patience: Arc<dyn Patience>,
    /// What becomes of an order when the visitor goes who set it off.
    pub lead: Arc<dyn Lead>,
    /// For which keys it orders certificates.
    pub certificate_keys: Arc<dyn CertificateKeys>,
    /// What it tells whoever listens.
    pub telling: Arc<dyn Telling>,
    /// Which OCSP responses it shows visitors.
    pub stapling: Arc<dyn Stapling>,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            retry_waits: Backoff::make,
            polling: Arc::new(AsSuggested),
            nonces: NoncePool::make,
            authorization_look: Arc::new(ReadsIt),
            order_note: Arc::new(SlotOfItsOwn),
            order_end: Arc::new(DeactivatePending),
            replacement: Arc::new(DroppedOnceRefused),
            account_succession: Arc::new(OneInSixHours),
            metadata_owner: Arc::new(ThisCertificate),
            metadata_place: Arc::new(BesideItsOwn),
            certificate_name: Arc::new(ItsOwn),
            ari_polling: Arc::new(AfterTheWait),
            certificate_reader: Arc::new(AsItIs),
            patience: Arc::new(OneAttempt),
            lead: Arc::new(NobodysOwn),
            certificate_keys: Arc::new(AlwaysNew),
            telling: Arc::new(TellsAll),
            stapling: Arc::new(WhileItHolds),
        }
    }
}

//! What the CA said about a certificate, written over what it said about the next one (Caddy's certmagic, as of 2026).
//!
//! <https://github.com/caddyserver/certmagic/blob/master/maintain.go>
//!
//! `updateARI` reads a certificate's metadata, asks the CA, and writes the metadata back, under a lock of its own. Renewals
//! have another lock, so that one may come in between; and a node that has not heard of it yet does the same at any later time. What is
//! known of the new certificate is then lost, its selected moment with it, and what is there is about a certificate that nobody has
//! any more.
//!
//! Seam: [`MetadataPlace`]. To be caught with two nodes of which one hears of renewals late by **M12**: it finds nothing about
//! the new certificate, and asks the CA what the other one has just asked.

use crate::storage::metadata::MetadataPlace;

/// Writes over whatever is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataOverTheNext;

impl MetadataPlace for MetadataOverTheNext {
    fn may_be_written(&self, _is_beside_its_own: bool) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::metadata::BesideItsOwn;

    #[test]
    fn it_is_written_beside_another_certificate_and_not_by_the_good_place() {
        assert!(MetadataOverTheNext.may_be_written(false) && !BesideItsOwn.may_be_written(false));
        assert!(BesideItsOwn.may_be_written(true));
    }
}

//! Alternate chains (RFC 8555 §7.4.2): a certificate may be had with several, and one is chosen.

use super::{
    Error,
    account::Session,
    address::Address,
    certificate::{Chain, MEDIA_TYPE},
};

/// The most alternates that are looked at.
const ALTERNATES_MAX: usize = 10;

/// Which of a certificate's chains is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreferredChain {
    /// The first whose last certificate is issued by this common name.
    Issuer(String),
    /// The one with the fewest bytes, which every handshake carries.
    Smallest,
}

impl Session<'_> {
    /// Downloads an order's certificate, with the chain that is wanted, if the CA has it. Without a wish, or if it can't be
    /// fulfilled, it is the first that lasts as long as the certificate itself, or else the CA's default.
    ///
    /// # Errors
    /// [`Error`] if the CA does not hand the certificate out, or not in a readable form. An alternate that fails is left
    /// out.
    pub async fn download(&mut self, url: &Address, preferred: Option<&PreferredChain>) -> Result<Chain, Error> {
        let response = self.read_as(url, Some(MEDIA_TYPE)).await?;
        let default = Chain::parse(&response.body)?;
        if is_enough(&default, preferred) {
            return Ok(default);
        }
        let mut chains = vec![default];
        for alternate in response.links("alternate").iter().take(ALTERNATES_MAX) {
            let Ok(response) = self.read_as(alternate, Some(MEDIA_TYPE)).await else { continue };
            if let Ok(chain) = Chain::parse(&response.body)
                && chain.certificates().first() == chains[0].certificates().first()
            {
                self.env().probe("manager/alternate-chain-read");
                chains.push(chain);
            }
        }
        Ok(choose(chains, preferred))
    }
}

/// Whether nothing better can be among the alternates.
fn is_enough(chain: &Chain, preferred: Option<&PreferredChain>) -> bool {
    match preferred {
        None => chain.outlives_leaf(),
        Some(PreferredChain::Issuer(name)) => chain.top_issuer().as_ref() == Some(name),
        Some(PreferredChain::Smallest) => false,
    }
}

/// One of `chains`, of which there is one at least; the CA's default comes first.
fn choose(mut chains: Vec<Chain>, preferred: Option<&PreferredChain>) -> Chain {
    let first_lasting = || chains.iter().position(Chain::outlives_leaf);
    let chosen = match preferred {
        None => first_lasting(),
        Some(PreferredChain::Issuer(name)) => {
            chains.iter().position(|chain| chain.top_issuer().as_ref() == Some(name)).or_else(first_lasting)
        }
        Some(PreferredChain::Smallest) => {
            let is_candidate = |chain: &Chain| chain.outlives_leaf() || first_lasting().is_none();
            let candidates = chains.iter().enumerate().filter(|(_, chain)| is_candidate(chain));
            candidates.min_by_key(|(_, chain)| chain.bytes()).map(|(at, _)| at)
        }
    };
    chains.swap_remove(chosen.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use sim::crypto::P256Key;

    use super::*;
    use crate::acme::certificate::tests::{env, signed_chain};

    #[tokio::test]
    async fn a_chain_is_chosen_by_wish_by_how_long_it_lasts_and_else_by_the_ca() {
        let key = P256Key::generate(&env(), "leaf");
        // The common names of the issuers from the leaf on upwards, and the days for which their certificates last.
        let early = || signed_chain(&key, 90, &[("R1", 100), ("Old Root", 30)]);
        let lasting = || signed_chain(&key, 90, &[("R1", 100), ("New Root", 200)]);
        let short = || signed_chain(&key, 90, &[("R1", 100)]);
        let chosen = |chains: Vec<Chain>, preferred: Option<PreferredChain>| {
            choose(chains, preferred.as_ref()).certificates().len()
        };
        let issuer = |name: &str| Some(PreferredChain::Issuer(name.to_owned()));
        assert!(!early().outlives_leaf() && lasting().outlives_leaf());
        assert_eq!(chosen(vec![early(), short()], None), short().certificates().len());
        assert_eq!(chosen(vec![lasting(), short()], None), lasting().certificates().len());
        assert_eq!(chosen(vec![early(), early()], None), early().certificates().len());
        assert_eq!(choose(vec![lasting(), early()], issuer("Old Root").as_ref()).top_issuer(), early().top_issuer());
        assert_eq!(choose(vec![lasting(), short()], issuer("Nobody").as_ref()).top_issuer(), lasting().top_issuer());
        assert_eq!(chosen(vec![lasting(), short()], Some(PreferredChain::Smallest)), short().certificates().len());
        assert!(is_enough(&early(), issuer("Old Root").as_ref()) && !is_enough(&early(), None));
    }
}

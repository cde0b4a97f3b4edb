//! Revokes a certificate that the certificate manager has stored, by the certificate's own key (RFC 8555 §7.6).
//!
//! ```text
//! cargo run --example revoke -- --directory https://localhost:14000/dir --ca-file root.pem \
//!     acme/certificates/localhost-14000-dir/www.example.test/www.example.test.crt
//! ```

use std::{error::Error, fs, path::PathBuf};

use clap::Parser;
use client_under_test::acme::{
    certificate::{Chain, pem_blocks},
    client::Client,
    http::HttpClient,
    revocation::RevocationReason,
};
use rustls::RootCertStore;
use sim::{crypto::P256Key, real};

/// Revokes a certificate by its own key.
#[derive(Debug, Parser)]
struct Options {
    /// The CA's directory.
    #[arg(long, value_name = "URL")]
    directory: url::Url,
    /// The roots that vouch for the CA's own HTTPS, PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: PathBuf,
    /// The certificate, beside its key in a `.key` file, as the manager stores them.
    #[arg(value_name = "FILE")]
    certificate: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let mut roots = RootCertStore::empty();
    for block in pem_blocks(read(&options.ca_file)?.as_bytes())? {
        roots.add(block.into_contents().into())?;
    }
    let chain = Chain::parse(read(&options.certificate)?.as_bytes())?;
    let key = P256Key::from_pem(&read(&options.certificate.with_extension("key"))?)?;

    let env = real::env("revoke", real::Options::default());
    let http = HttpClient::new(&env, roots);
    let mut client = Client::connect(&env, &http, &options.directory).await?;
    client.revoke_by_key(&key, &chain, Some(RevocationReason::Superseded)).await?;
    println!("revoked");
    Ok(())
}

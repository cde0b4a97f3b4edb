//! What the validation authority reads in the DNS: the TXT records at a name.

use hickory_proto::rr::{Name, RData, RecordType};
use sim::Env;

use crate::{
    config::Config,
    dns::resolver::{LookupError, Resolver},
    problem::{Problem, ProblemType},
};

/// The texts at `name`, each joined from its strings (RFC 8555 §8.4 looks for one among several); maybe none.
pub(crate) async fn find(env: &Env, config: &Config, name: &str) -> Result<Vec<Vec<u8>>, Problem> {
    let dns_problem = |detail: String| Problem::new(ProblemType::Dns, detail);
    let mut owner = Name::from_ascii(name).map_err(|e| dns_problem(format!("{name} can't be looked up: {e}")))?;
    owner.set_fqdn(true);
    match Resolver::new(env, config).lookup(&owner, RecordType::TXT).await {
        Ok(records) => Ok(records.iter().filter_map(|record| text(&record.data)).collect()),
        Err(LookupError::NoData { .. }) => Ok(Vec::new()),
        Err(error) => Err(dns_problem(error.to_string())),
    }
}

fn text(data: &RData) -> Option<Vec<u8>> {
    let RData::TXT(txt) = data else { return None };
    Some(txt.txt_data.concat())
}

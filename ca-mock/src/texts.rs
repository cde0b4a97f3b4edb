//! What the validation authority reads in the DNS: the TXT records at a name.

use hickory_proto::rr::{Name, RData, RecordType};

use crate::{
    dns::resolver::LookupError,
    perspective::Perspective,
    problem::{Problem, ProblemType},
};

/// The texts at `name`, each joined from its strings (RFC 8555 §8.4 looks for one among several); maybe none.
pub(crate) async fn find(from: &Perspective, name: &str) -> Result<Vec<Vec<u8>>, Problem> {
    let mut owner = Name::from_ascii(name)
        .map_err(|e| Problem::new(ProblemType::Dns, format!("{name} can't be looked up: {e}")))?;
    owner.set_fqdn(true);
    match from.resolver().lookup(&owner, RecordType::TXT).await {
        Ok(records) => Ok(records.iter().filter_map(|record| text(&record.data)).collect()),
        Err(LookupError::NoData(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn text(data: &RData) -> Option<Vec<u8>> {
    let RData::TXT(txt) = data else { return None };
    Some(txt.txt_data.concat())
}

//! `Link` header fields (RFC 8288 §3): the addresses of a relation.
//!
//! Several fields, several links in a field, commas inside of addresses and of quoted words, words that are not ASCII: all of
//! that is seen in the wild. What can't be read is left out.

use hyper::{HeaderMap, header::LINK};

use super::{address::Address, http::Response};

impl Response {
    /// The addresses of `relation`, completed if they are relative.
    #[must_use]
    pub fn links(&self, relation: &str) -> Vec<Address> {
        targets(&self.headers, relation).iter().filter_map(|target| self.url.join(target)).collect()
    }
}

fn targets(headers: &HeaderMap, relation: &str) -> Vec<String> {
    let mut found = Vec::new();
    for field in headers.get_all(LINK) {
        // Words that are not ASCII say nothing against the addresses beside them.
        let text = String::from_utf8_lossy(field.as_bytes());
        let mut rest = &*text;
        while let Some((_, begun)) = rest.split_once('<') {
            let Some((target, parameters)) = begun.split_once('>') else { break };
            let end = outside_quotes(parameters, ',').unwrap_or(parameters.len());
            let (parameters, following) = parameters.split_at(end);
            if has_relation(parameters, relation) {
                found.push(target.trim().to_owned());
            }
            rest = following;
        }
    }
    found
}

/// The first `wanted` that is not inside of a quoted word.
fn outside_quotes(text: &str, wanted: char) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.char_indices().find_map(|(at, c)| {
        if std::mem::take(&mut is_escaped) {
            return None;
        }
        match c {
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            c if c == wanted && !is_quoted => return Some(at),
            _ => {}
        }
        None
    })
}

/// Only the first `rel` counts, and it may name several relations (RFC 8288 §3.3).
fn has_relation(mut parameters: &str, relation: &str) -> bool {
    while let Some(begin) = outside_quotes(parameters, ';') {
        let rest = &parameters[begin + 1..];
        let (parameter, following) = rest.split_at(outside_quotes(rest, ';').unwrap_or(rest.len()));
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            return value.trim().trim_matches('"').split_whitespace().any(|one| one.eq_ignore_ascii_case(relation));
        }
        parameters = following;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alternates(fields: &[&str]) -> Vec<String> {
        let fields = fields.iter().map(|field| (LINK, field.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        targets(&headers, "alternate")
    }

    #[test]
    fn links_are_found_in_all_their_forms() {
        for (fields, found) in [
            (&[r#"<https://ca.test/cert/1/1>;rel="alternate""#][..], &["https://ca.test/cert/1/1"][..]),
            (&["</1>; rel=alternate", "</2>;REL=\"ALTERNATE\""], &["/1", "/2"]),
            (
                &[r#"</dir>;rel="index", </1>;title="a, b; rel=x";rel="up alternate" , </2> ; rel=alternate"#],
                &["/1", "/2"],
            ),
            (&["</a,b>;rel=alternate"], &["/a,b"]),
            (&[r#"</1>;title="\"";rel=alternate"#], &["/1"]),
            (&["</1>;title=\"Zwischenstück\";rel=alternate"], &["/1"]),
            (&["</1>;rel=up;rel=alternate", "</1>", "rel=alternate", "<", "</1;rel=alternate", ""], &[]),
        ] {
            assert_eq!(alternates(fields), found, "{fields:?}");
        }
    }
}

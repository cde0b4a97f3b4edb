//! `Link` fields (RFC 8288 §3), by their grammar: what comes after a mistake is not seen.

/// The targets of a field's links of a relation, in order.
#[must_use]
pub fn targets<'a>(field: &'a str, relation: &str) -> Vec<&'a str> {
    let (mut found, mut rest) = (Vec::new(), field);
    while let Some((target, parameters)) = rest.trim_start_matches([' ', '\t', ',']).strip_prefix('<').and_then(closed)
    {
        let (mut own, mut after) = (None, parameters);
        while let Some(parameter) = after.trim_start_matches(BLANKS).strip_prefix(';') {
            let Some((name, value, following)) = read_parameter(parameter.trim_start_matches(BLANKS)) else {
                return found;
            };
            // Only the first one counts (RFC 8288 §3.3).
            if name.eq_ignore_ascii_case("rel") {
                own.get_or_insert(value);
            }
            after = following;
        }
        let after = after.trim_start_matches(BLANKS);
        if !after.is_empty() && !after.starts_with(',') {
            return found;
        }
        if own.is_some_and(|own| own.split([' ', '\t']).any(|one| one.eq_ignore_ascii_case(relation))) {
            found.push(target);
        }
        rest = after;
    }
    found
}

const BLANKS: [char; 2] = [' ', '\t'];

fn closed(text: &str) -> Option<(&str, &str)> {
    text.split_once('>')
}

/// A name, its value without quotes, and the rest.
fn read_parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = read_token(text)?;
    let value = rest.trim_start_matches(BLANKS).strip_prefix('=')?.trim_start_matches(BLANKS);
    let Some(quoted) = value.strip_prefix('"') else {
        let (value, rest) = read_token(value)?;
        return Some((name, value, rest));
    };
    let mut end = 0;
    while *quoted.as_bytes().get(end)? != b'"' {
        end += if quoted.as_bytes()[end] == b'\\' { 2 } else { 1 };
    }
    Some((name, quoted.get(..end)?, quoted.get(end + 1..)?))
}

/// RFC 9110 §5.6.2.
fn read_token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_of_a_relation_are_found_until_there_is_a_mistake() {
        for (field, expected) in [
            ("<https://ca.test/c/1>;rel=\"alternate\"", &["https://ca.test/c/1"][..]),
            ("<a>; rel=up, <b> ; title=\"x, <y>;rel=alternate\" ; REL=\"next Alternate\"", &["b"]),
            ("<a,b;c>;rel=alternate,, <d>;rel=alternate;rel=up,<e>;rel=up;rel=alternate", &["a,b;c", "d"]),
            ("<a>;title=\"\\\"\";rel=alternate,<b>;title=\"x;rel=alternate", &["a"]),
            ("<a>;rel=alternate, and <b>;rel=alternate", &["a"]),
            ("<a>;rel, <b>;rel=alternate", &[]),
            ("<a>;rel=alternate x, <b>;rel=alternate", &[]),
            ("<a", &[]),
        ] {
            assert_eq!(targets(field, "alternate"), expected, "{field}");
        }
    }
}

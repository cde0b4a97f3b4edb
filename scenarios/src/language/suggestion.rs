//! "Did you mean": the nearest known word, and the list of all of them.

/// The candidate that was most likely meant, if one is near enough to be worth naming.
pub(crate) fn nearest<'a>(found: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let found = plain(found);
    let by_spelling = candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&found, &plain(candidate)), *candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| {
            *distance <= (found.len().max(candidate.len()) / 3).clamp(usize::from(found.len() > 1), 4)
        })
        .map(|(_, candidate)| candidate);
    by_spelling.or_else(|| by_last_word(&found, candidates)).or_else(|| by_shared_words(&found, candidates))
}

/// `kill` for `host.kill`, `renews-before-expiry` for `manager.renews-before-expiry`; only if one alone fits.
fn by_last_word<'a>(found: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let last = found.rsplit('.').next().filter(|word| word.len() > 2)?;
    let mut fitting = candidates.iter().filter(|candidate| plain(candidate).split('.').any(|word| word == last));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(*first)
}

/// `client.renewal-30-day-constant` for `client.renewal-thirty-day-constant`: more than half of the words are there.
fn by_shared_words<'a>(found: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let words = |text: &str| text.split(['.', '-']).map(ToOwned::to_owned).collect::<Vec<_>>();
    let sought = words(found);
    let shared = |candidate: &str| words(candidate).iter().filter(|word| sought.contains(word)).count();
    let best = candidates.iter().max_by_key(|candidate| shared(candidate))?;
    (2 * shared(best) > sought.len().max(words(best).len())).then_some(*best)
}

/// Case, `_` for `-` and surrounding blanks are the commonest slips and cost nothing.
fn plain(word: &str) -> String {
    word.trim().to_ascii_lowercase().replace(['_', ' '], "-")
}

/// A help line: the likely word, then all words. `listed_as` introduces the list, such as `keys of [run]`.
pub(crate) fn help(found: &str, listed_as: &str, candidates: &[&str]) -> String {
    if candidates.is_empty() {
        return format!("{listed_as}: none");
    }
    let list = format!("{listed_as}: {}", candidates.join(", "));
    match nearest(found, candidates) {
        Some(candidate) => format!("did you mean `{candidate}`?\n{list}"),
        None => list,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keys_finds_its_word() {
        let keys = ["omit", "window", "retry-after"];
        assert_eq!(nearest("omitt", &keys), Some("omit"));
        assert_eq!(nearest("retry_after", &keys), Some("retry-after"));
        assert_eq!(nearest("RetryAfter", &keys), Some("retry-after"));
        assert_eq!(nearest("colour", &keys), None);
        assert_eq!(nearest("cq", &["ca", "manager"]), Some("ca"));
        assert_eq!(nearest("x", &["a"]), None);
    }

    #[test]
    fn a_last_word_finds_its_whole_name() {
        let verbs = ["host.kill", "host.start", "link.reset"];
        assert_eq!(nearest("kill", &verbs), Some("host.kill"));
        assert_eq!(nearest("ca.kill", &verbs), Some("host.kill"));
    }
}

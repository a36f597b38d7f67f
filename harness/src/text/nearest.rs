//! The nearest valid word.

use std::cmp::Reverse;

/// The candidate that `word` was most likely meant to be; none when nothing is near or several are equally near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    let mut ranked: Vec<_> = candidates
        .into_iter()
        .filter_map(|candidate| rank(&wanted, &candidate.to_lowercase()).map(|rank| (rank, candidate)))
        .collect();
    ranked.sort_unstable();
    match &ranked[..] {
        [(first, candidate), (second, _), ..] if first != second => Some(candidate),
        [(_, candidate)] => Some(candidate),
        _ => None,
    }
}

/// How far apart two words are: edits first, then how long they begin alike, then whether the length differs. None when too
/// far.
fn rank(wanted: &str, candidate: &str) -> Option<(usize, Reverse<usize>, bool)> {
    // Comparing takes the product of both lengths; nobody misspells a word by a page.
    const LONGEST: usize = 64;
    if wanted.is_empty() || wanted.len() > LONGEST {
        return None;
    }
    let edits = strsim::damerau_levenshtein(wanted, candidate);
    let longer = wanted.chars().count().max(candidate.chars().count());
    // `Failover` for `FailOverTime`, `replica` for `replicas_of`: many edits, but one begins like the other.
    let alike = longer > 4 && strsim::jaro_winkler(wanted, candidate) > 0.87;
    let lengths_differ = wanted.chars().count() != candidate.chars().count();
    let start = wanted.chars().zip(candidate.chars()).take_while(|(one, other)| one == other).count();
    (edits <= (longer / 3).max(1) || alike).then_some((edits, Reverse(start), lengths_differ))
}

/// `did you mean ..?`, then all that is valid under the name of `kind`.
pub fn suggest<'a>(word: &str, kind: &str, valid: impl IntoIterator<Item = &'a str> + Clone) -> Vec<String> {
    let mut help = Vec::new();
    if let Some(near) = nearest(word, valid.clone()) {
        help.push(format!("did you mean `{near}`?"));
        if let Some(odd) = word.chars().find(|c| !c.is_ascii()) {
            help.push(format!(
                "`{odd}` in it is U+{:04X}, and there are only plain letters in `{near}`",
                u32::from(odd)
            ));
        }
    }
    let all: Vec<_> = valid.into_iter().collect();
    if !all.is_empty() {
        help.push(format!("{kind}: {}", listed(&all)));
    }
    help
}

fn listed(words: &[&str]) -> String {
    const MOST: usize = 24;
    let text = words[..words.len().min(MOST)].join(", ");
    if words.len() > MOST { format!("{text}, ... ({} in all)", words.len()) } else { text }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("nod", &["node", "select"], Some("node"))]
    #[case("A9", &["A", "B", "A1", "B1"], Some("A1"))]
    #[case("a1", &["A", "B", "A1", "B1"], Some("A1"))]
    #[case("masterz", &["masters", "replicas"], Some("masters"))]
    #[case("Failver", &["Failover", "Latency"], Some("Failover"))]
    #[case("ap", &["A1", "app"], Some("app"))]
    #[case("quux", &["node", "select"], None)]
    #[case("", &["node"], None)]
    fn the_nearest_word(#[case] word: &str, #[case] valid: &[&str], #[case] near: Option<&str>) {
        assert_eq!(nearest(word, valid.iter().copied()), near);
    }
}

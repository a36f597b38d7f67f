//! The difference of two short texts, line by line.

/// The lines of both texts: `-` only in the old one, `+` only in the new one, a space in both.
///
/// The longest common subsequence by the plain quadratic table: snapshots have a few dozen lines.
pub(super) fn line_diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut diff = String::new();
    while i < old.len() || j < new.len() {
        let (mark, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            (' ', old[i - 1])
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', old[i - 1])
        } else {
            j += 1;
            ('+', new[j - 1])
        };
        diff += format!("{mark} {line}").trim_end();
        diff.push('\n');
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::line_diff;

    #[test]
    fn changed_lines_stand_beside_each_other() {
        assert_eq!(line_diff("a\nb\nc", "a\nB\nc\nd"), "  a\n- b\n+ B\n  c\n+ d\n");
        assert_eq!(line_diff("", "a"), "+ a\n");
        assert_eq!(line_diff("a", ""), "- a\n");
    }
}

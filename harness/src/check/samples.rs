//! Quantiles of times.

use crate::vocab::rank;

/// The nearest-rank quantile: the smallest time that at least that share of the times does not exceed.
pub(crate) fn quantile(nanos: &mut [u64], fraction: f64) -> Option<u64> {
    let rank = rank(nanos.len() as u64, fraction)?;
    Some(*nanos.select_nth_unstable(usize::try_from(rank - 1).ok()?).1)
}

/// Times in several sorted parts, whose quantiles are those of all of them together: nothing is brought together to be sorted again.
#[derive(Clone, Default)]
pub(crate) struct SortedTimes<'a>(Vec<&'a [u64]>);

impl<'a> SortedTimes<'a> {
    /// Those of parts that are each sorted.
    pub(crate) fn of(parts: impl IntoIterator<Item = &'a [u64]>) -> Self {
        Self(parts.into_iter().filter(|part| !part.is_empty()).collect())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|part| part.iter().copied())
    }

    /// The nearest-rank quantile, as [`quantile`] has it.
    pub(crate) fn quantile(&self, fraction: f64) -> Option<u64> {
        let rank = usize::try_from(rank(self.len() as u64, fraction)?).ok()?;
        let (mut least, mut most) = (0, self.0.iter().filter_map(|part| part.last().copied()).max()?);
        let up_to = |time: u64| self.0.iter().map(|part| part.partition_point(|other| *other <= time)).sum::<usize>();
        while least < most {
            let middle = least + (most - least) / 2;
            if up_to(middle) < rank { least = middle + 1 } else { most = middle }
        }
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(&[])]
    #[case::empty(&[vec![]])]
    #[case::one(&[vec![7]])]
    #[case::alike(&[vec![3, 3, 3], vec![3]])]
    #[case::apart(&[vec![1, 2, 3], vec![], vec![100, 200]])]
    #[case::between_each_other(&[vec![1, 4, 4, 9], vec![2, 4, u64::MAX], vec![0]])]
    fn quantiles_of_parts_are_those_of_all(#[case] parts: &[Vec<u64>]) {
        let times = SortedTimes::of(parts.iter().map(Vec::as_slice));
        let mut all: Vec<_> = times.iter().collect();
        for fraction in [0.0, 0.1, 0.5, 0.95, 0.99, 1.0] {
            assert_eq!(times.quantile(fraction), quantile(&mut all, fraction), "{fraction}");
        }
    }
}

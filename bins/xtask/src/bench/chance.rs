//! Numbers that look like chance and are the same in every run.

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>): enough to scatter changes over a tree, and ten lines.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Bytes that cannot be compressed.
    pub(crate) fn bytes(&mut self) -> [u8; 64 * 1024] {
        let mut bytes = [0; 64 * 1024];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }

    /// A number from `low` up to and with `high`; `low` if `high` is less.
    pub(crate) const fn between(&mut self, low: usize, high: usize) -> usize {
        let span = high.saturating_sub(low) as u64 + 1;
        low + (self.next() % span) as usize
    }

    /// True once in `n` on average.
    pub(crate) const fn one_in(&mut self, n: usize) -> bool {
        self.between(1, n) == 1
    }

    /// One of `all`, which is none only if there are none.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.between(0, all.len().saturating_sub(1)))
    }

    /// Up to `count` different numbers below `below`, in ascending order.
    pub(crate) fn distinct(&mut self, count: usize, below: usize) -> Vec<usize> {
        let mut found = std::collections::BTreeSet::new();
        while found.len() < count.min(below) {
            found.insert(self.between(0, below - 1));
        }
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        // The first numbers that the published generator gives for the seed 1234567.
        let mut chance = Chance::new(1_234_567);
        assert_eq!(
            [chance.next(), chance.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }

    #[test]
    fn numbers_keep_within_their_bounds() {
        let mut chance = Chance::new(1);
        let numbers: Vec<usize> = (0..1000).map(|_| chance.between(3, 5)).collect();
        for number in 3..=5 {
            assert!(numbers.contains(&number));
        }
        assert!(numbers.iter().all(|number| (3..=5).contains(number)));
        assert_eq!(chance.between(7, 2), 7);
        assert_eq!(chance.distinct(9, 4), [0, 1, 2, 3]);
        assert!(chance.distinct(3, 0).is_empty());
        assert_eq!(chance.pick::<u8>(&[]), None);
    }
}

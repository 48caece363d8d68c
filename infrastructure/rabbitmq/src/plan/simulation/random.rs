//! Chance that can be repeated.

/// A linear congruential generator (Knuth, MMIX), so that a failure can be repeated by its seed.
pub(in crate::plan) struct Random(u64);

impl Random {
    pub(in crate::plan) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        random.below(2);
        random
    }

    pub(in crate::plan) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }

    /// An index into something of that length.
    pub(in crate::plan) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    /// Once in so many times.
    pub(in crate::plan) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

//! Random choices that a seed repeats, as long as the version of `fastrand` is the same.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, RandomState};

use fastrand::Rng;

/// Returns a seed that nobody chose: short enough to be typed in again.
pub(crate) fn any_seed() -> u64 {
    RandomState::new().hash_one("seed") >> 32
}

/// Returns the generator of one trial.
pub(crate) fn of_trial(seed: u64, number: u64) -> Rng {
    // The seed is hashed so that campaigns with neighbouring seeds have no trial in common.
    Rng::with_seed(hash(&seed) ^ number)
}

/// Returns a number from 1 to `most`. Each order of magnitude is as likely as another.
pub(crate) fn of_any_magnitude(random: &mut Rng, most: u64) -> u64 {
    let bits = random.u32(..=most.ilog2());
    1 + random.u64(..(2 << bits).min(most))
}

/// Returns a hash that is the same in every process of a campaign.
pub(crate) fn hash(value: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

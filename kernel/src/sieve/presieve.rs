//! The multiples of the smallest primes, which are struck by copying.

use std::sync::LazyLock;

use super::wheel::RESIDUES;

/// The last prime of [`GROUPS`].
pub(super) const LAST: u32 = 163;

/// The primes from 7 to [`LAST`]. The multiples of those of a group repeat after as many bytes as their product, and
/// all patterns together stay in the second cache.
const GROUPS: [[u32; 3]; 16] = [
    [7, 23, 37],
    [11, 19, 31],
    [13, 17, 29],
    [1, 41, 163],
    [1, 43, 157],
    [1, 47, 151],
    [1, 53, 149],
    [1, 59, 139],
    [1, 61, 137],
    [1, 67, 131],
    [1, 71, 127],
    [1, 73, 113],
    [1, 79, 109],
    [1, 83, 107],
    [1, 89, 103],
    [1, 97, 101],
];

/// For each group, which bits of the wheel none of its primes divides.
static PATTERNS: LazyLock<[Vec<u8>; 16]> = LazyLock::new(|| GROUPS.map(pattern));

#[expect(clippy::indexing_slicing, reason = "the byte of a number below 30 times the length")]
fn pattern(primes: [u32; 3]) -> Vec<u8> {
    let length = primes.iter().product::<u32>() as usize;
    let mut bytes = vec![0xFF; length];
    for prime in primes.iter().filter(|prime| **prime > 1) {
        for multiple in (*prime as usize..30 * length).step_by(*prime as usize) {
            if let Some(bit) = RESIDUES.iter().position(|residue| usize::from(*residue) == multiple % 30) {
                bytes[multiple / 30] &= !(1 << bit);
            }
        }
    }
    bytes
}

/// Sets the bits of the wheel from the byte `first` on that no prime from 7 to [`LAST`] divides.
#[expect(clippy::indexing_slicing, reason = "runs end with the shortest of what they are cut from")]
pub(super) fn fill(first: u64, out: &mut [u8]) {
    for (index, four) in PATTERNS.as_chunks::<4>().0.iter().enumerate() {
        let mut phases = four.each_ref().map(|pattern| (first % pattern.len() as u64) as usize);
        let mut rest = &mut *out;
        while !rest.is_empty() {
            let run = (0..4).map(|i| four[i].len() - phases[i]).fold(rest.len(), usize::min);
            let [a, b, c, d] = [0, 1, 2, 3].map(|i| &four[i][phases[i]..phases[i] + run]);
            let (places, after) = rest.split_at_mut(run);
            if index == 0 {
                for i in 0..run {
                    places[i] = a[i] & b[i] & c[i] & d[i];
                }
            } else {
                for i in 0..run {
                    places[i] &= a[i] & b[i] & c[i] & d[i];
                }
            }
            rest = after;
            for i in 0..4 {
                phases[i] = if phases[i] + run == four[i].len() { 0 } else { phases[i] + run };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_primes_from_7_to_163_are_in_one_group() {
        let mut all: Vec<u32> = GROUPS.iter().flatten().copied().filter(|prime| *prime > 1).collect();
        all.sort_unstable();
        let expected: Vec<u32> = (7..=LAST).filter(|n| (2..*n).all(|divisor| n % divisor != 0)).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn what_stays_is_divided_by_none_of_them() {
        let primes: Vec<u64> =
            GROUPS.iter().flatten().filter(|prime| **prime > 1).map(|prime| u64::from(*prime)).collect();
        for (first, length) in [(0, 1), (0, 20_000), (5957 * 6479 - 3, 30_000), (1 << 58, 10_000)] {
            let mut bytes = vec![0; length];
            fill(first, &mut bytes);
            for (index, byte) in bytes.iter().enumerate() {
                for (bit, residue) in RESIDUES.iter().enumerate() {
                    let number = (first + index as u64) * 30 + u64::from(*residue);
                    let stays = primes.iter().all(|prime| !number.is_multiple_of(*prime));
                    assert_eq!(byte >> bit & 1 == 1, stays, "{number}");
                }
            }
        }
    }
}

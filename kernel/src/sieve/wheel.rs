//! The wheel of 30: a byte stands for 30 numbers, and its bits for the 8 of them that 2, 3 and 5 do not divide.

#![expect(clippy::indexing_slicing, reason = "tables by a bit, by a position of a turn and by a byte")]

/// What the numbers of the bits of a byte leave over 30.
pub(super) const RESIDUES: [u8; 8] = [1, 7, 11, 13, 17, 19, 23, 29];

/// The bit of a number by what it leaves over 30; 8 where it has none.
const BITS: [u8; 30] = {
    let mut bits = [8; 30];
    let mut bit = 0;
    while bit < 8 {
        bits[RESIDUES[bit] as usize] = bit as u8;
        bit += 1;
    }
    bits
};

/// The multiples of primes that leave `RESIDUES[CLASS]` over 30, within one turn: `prime * (30 * k + residue)` for each
/// residue and any `k`. In bytes, a turn is as long as the prime.
pub(super) struct Turn<const CLASS: usize>;

impl<const CLASS: usize> Turn<CLASS> {
    /// For each multiple, the bit that it has in its byte, alone not set.
    pub(super) const MASKS: [u8; 8] = {
        let mut masks = [0; 8];
        let mut i = 0;
        while i < 8 {
            masks[i] = !(1 << BITS[(RESIDUES[CLASS] as usize * RESIDUES[i] as usize) % 30]);
            i += 1;
        }
        masks
    };

    /// For each multiple, and for the first of the next turn, `residue * RESIDUES[CLASS] / 30`.
    const CARRIES: [usize; 9] = {
        let mut carries = [0; 9];
        let mut i = 0;
        while i < 9 {
            carries[i] = factor(i) * RESIDUES[CLASS] as usize / 30;
            i += 1;
        }
        carries
    };

    /// From each multiple to the next, and once more for the positions of the next turn.
    pub(super) const STEPS: [Step; 16] = {
        let mut steps = [Step { mask: 0, factor: 0, carry: 0, next: 0 }; 16];
        let mut i = 0;
        while i < 16 {
            let position = i % 8;
            steps[i] = Step {
                mask: Self::MASKS[position],
                factor: (factor(position + 1) - factor(position)) as u8,
                carry: (Self::CARRIES[position + 1] - Self::CARRIES[position]) as u8,
                next: ((position + 1) % 8) as u8,
            };
            i += 1;
        }
        steps
    };

    /// In which byte of the turn a multiple is, by its position; 8 is the first of the next turn. `thirtieth` is the
    /// prime divided by 30.
    #[inline(always)]
    pub(super) fn byte(position: usize, thirtieth: usize) -> usize {
        thirtieth.wrapping_mul(factor(position)).wrapping_add(Self::CARRIES[position])
    }
}

/// From a multiple to the next.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// The bit that the multiple has in its byte, alone not set.
    pub(super) mask: u8,
    /// How many bytes further the next multiple is: this times the thirtieth of the prime, and the carry.
    pub(super) factor: u8,
    pub(super) carry: u8,
    /// The position of the next multiple.
    pub(super) next: u8,
}

/// The residue at a position, which goes on in the next turn.
const fn factor(position: usize) -> usize {
    RESIDUES[position % 8] as usize + position / 8 * 30
}

/// A byte of the wheel as the 30 bits of its numbers.
const NUMBERS: [u32; 256] = {
    let mut numbers = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                numbers[byte] |= 1 << RESIDUES[bit];
            }
            bit += 1;
        }
        byte += 1;
    }
    numbers
};

/// Sets `out` to one bit for each number that `wheel` stands for. 4 bytes become 15; the last ones may be fewer.
pub(crate) fn expand(wheel: &[u8], out: &mut Vec<u8>) {
    let numbers = |byte: u8| u128::from(NUMBERS[usize::from(byte)]);
    let (fours, rest) = wheel.as_chunks::<4>();
    out.clear();
    out.resize(fours.len() * 15 + 16, 0);
    let mut place = &mut out[..];
    for four in fours {
        let bits = numbers(four[0]) | numbers(four[1]) << 30 | numbers(four[2]) << 60 | numbers(four[3]) << 90;
        // The 16th byte is written again by the next four.
        let Some((bytes, _)) = place.split_first_chunk_mut::<16>() else { return };
        *bytes = bits.to_le_bytes();
        place = &mut place[15..];
    }
    let bits = rest.iter().rev().fold(0, |bits, byte| bits << 30 | numbers(*byte));
    if let Some(bytes) = place.first_chunk_mut::<16>() {
        *bytes = bits.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_the_numbers_that_2_3_and_5_do_not_divide() {
        for (n, bit) in BITS.iter().enumerate() {
            let is_divided = n % 2 == 0 || n % 3 == 0 || n % 5 == 0;
            assert_eq!(*bit == 8, is_divided);
            assert!(is_divided || usize::from(RESIDUES[usize::from(*bit)]) == n);
        }
    }

    fn check_turn<const CLASS: usize>() {
        for thirtieth in [0, 1, 2, 1000] {
            let prime = 30 * thirtieth + usize::from(RESIDUES[CLASS]);
            for position in 0..9 {
                let multiple = prime * factor(position);
                assert_eq!(Turn::<CLASS>::byte(position, thirtieth), multiple / 30);
                let mask = Turn::<CLASS>::MASKS[position % 8];
                assert_eq!(!mask, 1 << BITS[multiple % 30]);
            }
        }
    }

    #[test]
    fn turns_are_the_multiples_of_a_prime() {
        check_turn::<0>();
        check_turn::<1>();
        check_turn::<2>();
        check_turn::<3>();
        check_turn::<4>();
        check_turn::<5>();
        check_turn::<6>();
        check_turn::<7>();
    }

    #[test]
    fn every_byte_is_expanded_wherever_it_is() {
        let wheel: Vec<u8> = (0..=255).chain([9, 255, 0]).collect();
        for length in [0, 1, 2, 3, 4, 5, 255, 256, wheel.len()] {
            let mut out = vec![7; 3];
            expand(&wheel[..length], &mut out);
            for number in 0..length * 30 {
                let bit = BITS[number % 30];
                let expected = bit < 8 && wheel[number / 30] >> bit & 1 == 1;
                assert_eq!(out[number / 8] >> (number % 8) & 1 == 1, expected, "{number} of {length} bytes");
            }
        }
    }
}

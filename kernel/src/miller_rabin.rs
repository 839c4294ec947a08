//! The Miller-Rabin test, deterministic below 2^63.
//!
//! Sets of bases to which no composite number below a bound is a strong pseudoprime:
//!
//! - 2, 7, 61 below 4,759,123,141 and 2, 3, 5, 7, 11 below 2,152,302,898,747: G. Jaeschke, "On
//!   strong pseudoprimes to several bases", Mathematics of Computation 61 (1993).
//! - 2, 325, 9375, 28178, 450775, 9780504, 1795265022 below 2^64: J. Sinclair (2011), checked
//!   against J. Feitsma's list of all pseudoprimes to base 2 below 2^64;
//!   <https://miller-rabin.appspot.com>.

/// Whether `number`, below 2^63, is a prime.
pub(crate) fn is_prime(number: u64) -> bool {
    if number < 3 || number.is_multiple_of(2) {
        return number == 2;
    }
    let field = Montgomery::new(number);
    // Base 2 alone sorts out nearly all composites, and needs no division to be brought in.
    if !field.are_passed([field.add(field.one, field.one)]) {
        return false;
    }
    if number < 4_759_123_141 {
        field.are_passed(field.enter([7, 61]))
    } else if number < 2_152_302_898_747 {
        field.are_passed(field.enter([3, 5, 7, 11]))
    } else {
        field.are_passed(field.enter([325, 9375, 28_178, 450_775, 9_780_504, 1_795_265_022]))
    }
}

/// Arithmetic modulo an odd number below 2^63, on numbers in Montgomery's form: x stands for
/// x / 2^64. P. Montgomery, "Modular multiplication without trial division", Mathematics of
/// Computation 44 (1985).
pub(crate) struct Montgomery {
    modulus: u64,
    /// The inverse of the modulus modulo 2^64.
    inverse: u64,
    /// 1 in this form, which is 2^64 modulo the modulus.
    one: u64,
}

impl Montgomery {
    pub(crate) fn new(modulus: u64) -> Self {
        // Newton's iteration doubles the bits that are right; an odd number is its own inverse
        // modulo 8.
        let mut inverse = modulus;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(modulus.wrapping_mul(inverse)));
        }
        Self { modulus, inverse, one: modulus.wrapping_neg() % modulus }
    }

    /// 1 in this form.
    pub(crate) fn one(&self) -> u64 {
        self.one
    }

    /// Brings plain numbers into this form.
    fn enter<const N: usize>(&self, numbers: [u64; N]) -> [u64; N] {
        let square = u128::from(self.one) * u128::from(self.one);
        let factor = (square % u128::from(self.modulus)) as u64;
        numbers.map(|number| self.multiply(number % self.modulus, factor))
    }

    pub(crate) fn add(&self, a: u64, b: u64) -> u64 {
        let sum = a.wrapping_add(b);
        if sum >= self.modulus { sum.wrapping_sub(self.modulus) } else { sum }
    }

    #[inline]
    pub(crate) fn multiply(&self, a: u64, b: u64) -> u64 {
        let product = u128::from(a).wrapping_mul(u128::from(b));
        let high = (product >> 64) as u64;
        let quotient = (product as u64).wrapping_mul(self.inverse);
        let multiple = u128::from(quotient).wrapping_mul(u128::from(self.modulus));
        let (difference, below) = high.overflowing_sub((multiple >> 64) as u64);
        difference.wrapping_add(if below { self.modulus } else { 0 })
    }

    /// Whether the modulus is a strong probable prime to all of `bases`. A base that it divides
    /// says nothing. The bases go in step, so that the processor works on all of them at a time.
    #[expect(clippy::indexing_slicing, reason = "all arrays have N places")]
    fn are_passed<const N: usize>(&self, bases: [u64; N]) -> bool {
        let minus_one = self.modulus - self.one;
        let twos = (self.modulus - 1).trailing_zeros();
        let mut powers = self.power(bases, (self.modulus - 1) >> twos);
        let mut passed = [false; N];
        for i in 0..N {
            passed[i] = bases[i] == 0 || powers[i] == self.one || powers[i] == minus_one;
        }
        for _ in 1..twos {
            if passed == [true; N] {
                return true;
            }
            powers = powers.map(|power| self.multiply(power, power));
            for i in 0..N {
                passed[i] |= powers[i] == minus_one;
            }
        }
        passed == [true; N]
    }

    /// `bases` to the power of `exponent`, which is at least 1.
    #[expect(clippy::indexing_slicing, reason = "both arrays have N places")]
    fn power<const N: usize>(&self, bases: [u64; N], exponent: u64) -> [u64; N] {
        let mut powers = bases;
        for bit in (0..exponent.ilog2()).rev() {
            powers = powers.map(|power| self.multiply(power, power));
            if exponent >> bit & 1 == 1 {
                for i in 0..N {
                    powers[i] = self.multiply(powers[i], bases[i]);
                }
            }
        }
        powers
    }
}

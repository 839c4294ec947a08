//! Quotients of large integers as the nearest double.

use std::cmp::Ordering;

/// The bits of a quotient that are worked out; the rest only says whether there is more.
const QUOTIENT_BITS: u32 = 64;

/// The double nearest to `numerator` / `denominator` · 2^`exponent`, ties to even. Words are given with the least
/// significant first, and the denominator is not zero. Beyond the greatest double it is infinite.
pub(crate) fn nearest(is_negative: bool, numerator: &[u64], denominator: &[u64], exponent: i32) -> f64 {
    let (over, under) = (bits(numerator), bits(denominator));
    if over == 0 || under == 0 {
        return 0.0;
    }
    // Both are shifted to the same length: then the quotient is between 1/2 and 2.
    let words = over.max(under) as usize / 64 + 2;
    let mut rest = shifted(numerator, under.saturating_sub(over), words);
    let divisor = shifted(denominator, over.saturating_sub(under), words);
    let mut quotient = 0u64;
    for _ in 0..QUOTIENT_BITS {
        quotient <<= 1;
        if rest.iter().rev().cmp(divisor.iter().rev()) != Ordering::Less {
            subtract(&mut rest, &divisor);
            quotient |= 1;
        }
        double(&mut rest);
    }
    let is_inexact = rest.iter().any(|word| *word != 0);
    let magnitude = rounded(quotient, is_inexact, over as i32 - under as i32 + exponent - (QUOTIENT_BITS as i32 - 1));
    if is_negative { -magnitude } else { magnitude }
}

/// `words` · 10^`power`.
pub(crate) fn times_power_of_ten(words: &[u64], power: u32) -> Vec<u64> {
    let mut words = words.to_vec();
    for _ in 0..power {
        let mut carry = 0;
        for word in &mut words {
            let product = u128::from(*word) * 10 + carry;
            *word = product as u64;
            carry = product >> 64;
        }
        if carry > 0 {
            words.push(carry as u64);
        }
    }
    words
}

/// The double nearest to `quotient` · 2^`exponent`, where the exact value is a little more if it `is_inexact`. The
/// quotient has 63 bits at least.
fn rounded(quotient: u64, is_inexact: bool, exponent: i32) -> f64 {
    let top = 63 - quotient.leading_zeros() as i32;
    // What the last bit of the double stands for.
    let unit = (top + exponent - 52).max(-1074);
    let dropped = (unit - exponent) as u32;
    if dropped > 64 {
        return 0.0;
    }
    let kept = quotient.checked_shr(dropped).unwrap_or(0);
    let half = quotient >> (dropped - 1) & 1 == 1;
    let below = is_inexact || quotient & ((1u64 << (dropped - 1)) - 1) != 0;
    let kept = kept + u64::from(half && (below || kept & 1 == 1));
    if unit > 1023 - 52 {
        return f64::INFINITY;
    }
    // Both are exact, and so is the product, if it is not too large.
    kept as f64 * power_of_two(unit)
}

/// 2^`exponent`, from -1074 to 1023.
pub(crate) fn power_of_two(exponent: i32) -> f64 {
    if exponent < -1022 {
        f64::from_bits(1u64 << (exponent + 1074).clamp(0, 51))
    } else {
        f64::from_bits(((exponent.min(1023) + 1023) as u64) << 52)
    }
}

fn bits(words: &[u64]) -> u32 {
    let top = words.iter().rposition(|word| *word != 0);
    top.and_then(|top| words.get(top).map(|word| top as u32 * 64 + 64 - word.leading_zeros())).unwrap_or(0)
}

/// `words` · 2^`shift` in so many words, which it fits.
fn shifted(words: &[u64], shift: u32, length: usize) -> Vec<u64> {
    let (skipped, shift) = (shift as usize / 64, shift % 64);
    let mut shifted = vec![0; length];
    let mut carry = 0;
    for (target, word) in shifted.iter_mut().skip(skipped).zip(words.iter().chain([&0])) {
        let wide = u128::from(*word) << shift;
        *target = wide as u64 | carry;
        carry = (wide >> 64) as u64;
    }
    shifted
}

fn subtract(words: &mut [u64], other: &[u64]) {
    let mut borrow = false;
    for (word, other) in words.iter_mut().zip(other) {
        let (difference, first) = word.overflowing_sub(*other);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        *word = difference;
        borrow = first | second;
    }
}

fn double(words: &mut [u64]) {
    let mut carry = 0;
    for word in words {
        let next = *word >> 63;
        *word = *word << 1 | carry;
        carry = next;
    }
}

//! Pollard's rho method: R. Brent, "An improved Monte Carlo factorization algorithm", BIT 20 (1980).

use crate::miller_rabin::Montgomery;

/// Differences that are multiplied before their product is compared with the number: a greatest common divisor costs as
/// much as some hundred products.
const AT_ONCE: usize = 128;

/// A divisor of an odd composite number below 2^63 other than 1 and itself.
pub(super) fn divisor(number: u64) -> u64 {
    let root = number.isqrt();
    if root * root == number {
        return root;
    }
    // A sequence without success is rare, and the next one is another.
    (1..number).find_map(|addend| try_sequence(number, addend)).unwrap_or(1)
}

/// Looks for a divisor in the sequence of x^2 + `addend`.
fn try_sequence(number: u64, addend: u64) -> Option<u64> {
    let field = Montgomery::new(number);
    let next = |x: u64| field.add(field.multiply(x, x), addend);
    let mut ahead = 2;
    let mut length = 1usize;
    loop {
        let behind = ahead;
        for _ in 0..length {
            ahead = next(ahead);
        }
        let mut done = 0;
        while done < length {
            let start = ahead;
            let steps = AT_ONCE.min(length - done);
            let mut product = field.one();
            for _ in 0..steps {
                ahead = next(ahead);
                product = field.multiply(product, behind.abs_diff(ahead));
            }
            let common = greatest_common_divisor(product, number);
            if common == number {
                return first_divisor(number, behind, start, next);
            }
            if common > 1 {
                return Some(common);
            }
            done += steps;
        }
        length *= 2;
    }
}

/// The same for one difference after the other, because their product has all of the number.
fn first_divisor(number: u64, behind: u64, start: u64, next: impl Fn(u64) -> u64) -> Option<u64> {
    let mut ahead = start;
    loop {
        ahead = next(ahead);
        let common = greatest_common_divisor(behind.abs_diff(ahead), number);
        if common > 1 {
            return (common < number).then_some(common);
        }
    }
}

/// Stein's algorithm, of a number and an odd one.
fn greatest_common_divisor(number: u64, odd: u64) -> u64 {
    if number == 0 {
        return odd;
    }
    let (mut a, mut b) = (number >> number.trailing_zeros(), odd);
    while a != b {
        let (greater, less) = (a.max(b), a.min(b));
        let difference = greater - less;
        (a, b) = (difference >> difference.trailing_zeros(), less);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_composites_have_a_divisor() {
        for number in (9..30_000).step_by(2).filter(|number| !crate::miller_rabin::is_prime(*number)) {
            let divisor = divisor(number);
            assert!(1 < divisor && divisor < number && number % divisor == 0, "{number}: {divisor}");
        }
    }

    #[test]
    fn common_divisors() {
        for a in 0..200 {
            for b in (1..200).step_by(2) {
                let expected = (1..=b).rev().find(|divisor| a % divisor == 0 && b % divisor == 0);
                assert_eq!(Some(greatest_common_divisor(a, b)), expected, "{a}, {b}");
            }
        }
    }
}

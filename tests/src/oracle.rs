//! The kernels again, written to be plainly right rather than fast.

/// The square.
pub fn square(n: i64) -> i128 {
    i128::from(n) * i128::from(n)
}

/// The largest integer whose square is at most `n`; `n` is not negative.
pub fn isqrt(n: i64) -> i64 {
    let n = i128::from(n);
    let mut root = (n as f64).sqrt() as i128;
    while root * root > n {
        root -= 1;
    }
    while (root + 1) * (root + 1) <= n {
        root += 1;
    }
    root as i64
}

/// Whether `n` has exactly two divisors, found by trial division.
pub fn is_prime(n: i64) -> bool {
    n > 1 && (2..=isqrt(n)).all(|divisor| n % divisor != 0)
}

/// How many steps lead from `n` to 1; `n` is at least 1.
pub fn collatz(n: i64) -> i64 {
    let (mut n, mut steps) = (u128::try_from(n).expect("at least 1"), 0);
    while n != 1 {
        n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

use super::*;

#[test]
fn the_least_and_the_greatest() {
    for length in 1..20usize {
        let values: Vec<i128> = (0..length as i128).map(|n| (n * 7 % 11 - 5) << 90).collect();
        let expected = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
        assert_eq!(extremes(&values), expected);
    }
    assert_eq!(extremes(&[i128::MIN]), (i128::MIN, i128::MIN));
    assert_eq!(extremes(&[i128::MAX]), (i128::MAX, i128::MAX));
}

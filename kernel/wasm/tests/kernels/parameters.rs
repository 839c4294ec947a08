//! Values of parameters.

use swath_kernel::Parameters;
use swath_wasm::{Options, bind};

use crate::support::{integers, kernel_with};

const LINE: &str = r#"(module (func (export "line") (param $n i64) (param $slope i64) (param i32) (param $scale f64) (result i64)
    (i64.add (i64.add (i64.mul (local.get $n) (local.get $slope)) (i64.extend_i32_s (local.get 2)))
        (i64.trunc_f64_s (local.get $scale)))))"#;

fn options(pairs: &[(&str, &str)]) -> Options {
    let parameters: Parameters = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Options { parameters, ..Options::default() }
}

fn error(pairs: &[(&str, &str)]) -> String {
    bind(LINE.as_bytes(), &options(pairs)).unwrap_err().to_string()
}

#[test]
fn parameters_are_the_same_for_all_numbers() {
    for names in [["slope", "3", "scale"], ["2", "3", "4"]] {
        let kernel = kernel_with(LINE, &options(&[(names[0], "10"), (names[1], "-1"), (names[2], "1e3")]));
        assert_eq!(integers(kernel.as_ref(), 0..=2), [999, 1009, 1019]);
    }
}

#[test]
fn what_is_missing_surplus_or_bad_is_said() {
    assert!(error(&[]).starts_with("the parameter `slope` of `line` is missing; it takes a whole number from"));
    let surplus = error(&[("slope", "1"), ("3", "1"), ("scale", "1"), ("speed", "1")]);
    assert_eq!(surplus, "unknown parameter `speed` of `line`, which takes `slope`, `3`, `scale`");
    let bad = error(&[("slope", "1"), ("3", "1.5"), ("scale", "1")]);
    assert_eq!(
        bad,
        "bad value \"1.5\" of the parameter `3` of `line`, which takes a whole number from -2147483648 to 4294967295"
    );
    let bad = error(&[("slope", "1"), ("3", "1"), ("scale", "much")]);
    assert!(bad.ends_with("which takes a number such as 0.5 or 1e-9"), "{bad}");
}

//! What ends a module that would not end, or would take too much.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use swath_kernel::{Context, EvaluateError, Kernel, Rows, Stop};
use swath_wasm::{Options, WasmError, bind};

use crate::support::{integers, kernel, kernel_with, refused};

/// Endless at 7.
const ENDLESS: &str = r#"(module (func (export "f") (param i64) (result i64)
    (loop $again (br_if $again (i64.eq (local.get 0) (i64.const 7)))) (local.get 0)))"#;

fn timeout(text: &str, millis: u64) -> std::sync::Arc<dyn Kernel> {
    let number_timeout = Some(Duration::from_millis(millis));
    kernel_with(text, &Options { number_timeout, ..Options::default() })
}

/// How long a call goes on after it was told to stop; the best of a few, for other tests run as well.
fn stopped_after(text: &str) -> Duration {
    let kernel = kernel(text);
    let attempts = (0..5).map(|_| {
        let (begun, begins) = mpsc::channel();
        let stop = Stop::default();
        let thread = {
            let (kernel, stop) = (kernel.clone(), stop.clone());
            thread::spawn(move || {
                let mut rows = Rows::new(&kernel.layout(&(1..=9)));
                begun.send(()).unwrap();
                let result = kernel.evaluate(1..=1 << 40, &mut rows, &mut Context::new(stop));
                (result.unwrap_err(), Instant::now())
            })
        };
        begins.recv().unwrap();
        thread::sleep(Duration::from_millis(20));
        let told = Instant::now();
        stop.set();
        let (error, ended) = thread.join().unwrap();
        assert!(matches!(error, EvaluateError::Refused { reason, .. } if reason == "it was stopped"));
        ended.saturating_duration_since(told)
    });
    attempts.min().unwrap()
}

#[test]
fn an_endless_loop_ends_soon_after_it_was_told_to_stop() {
    assert!(stopped_after(ENDLESS) < Duration::from_millis(30));
}

#[test]
fn so_do_a_start_function_and_numbers_without_end() {
    let start = r#"(module (func $s (loop $again (br $again))) (start $s)
        (func (export "f") (param i64) (result i64) (local.get 0)))"#;
    assert!(stopped_after(start) < Duration::from_millis(30));
    let texts = r#"(module (memory (export "memory") 1) (func (export "f") (param i64) (result i32 i32)
        (loop $again (br $again)) (i32.const 0) (i32.const 0)))"#;
    assert!(stopped_after(texts) < Duration::from_millis(30));
    let batch =
        r#"(module (memory (export "memory") 1) (func (export "f") (param i64 i32 i32) (loop $again (br $again))))"#;
    assert!(stopped_after(batch) < Duration::from_millis(30));
    let calls = r#"(module (func $f (param i64) (result i64) (return_call $f (local.get 0)))
        (export "f" (func $f)))"#;
    assert!(stopped_after(calls) < Duration::from_millis(30));
}

#[test]
fn a_number_that_takes_too_long_is_named() {
    let kernel = timeout(ENDLESS, 30);
    assert_eq!(refused(kernel.as_ref(), 1..=100), (7, "it ran longer than 30ms".to_owned()));
    assert_eq!(integers(kernel.as_ref(), 8..=9), [8, 9]);
}

#[test]
fn many_numbers_may_take_longer_than_one() {
    // Each takes about a millisecond; all of them take far longer than the limit.
    let slow = r#"(module (func (export "f") (param i64) (result i64) (local $i i32)
        (loop $again
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 1000000))))
        (local.get 0)))"#;
    let kernel = timeout(slow, 100);
    let start = Instant::now();
    assert_eq!(integers(kernel.as_ref(), 1..=600).len(), 600);
    assert!(start.elapsed() > Duration::from_millis(100), "the test shows nothing: {:?}", start.elapsed());
}

#[test]
fn a_batch_may_take_the_time_of_all_its_numbers() {
    let batch =
        r#"(module (memory (export "memory") 1) (func (export "f") (param i64 i32 i32) (loop $again (br $again))))"#;
    assert_eq!(refused(timeout(batch, 10).as_ref(), 5..=8), (5, "it ran longer than 40ms".to_owned()));
}

#[test]
fn traps_name_their_number() {
    let at_seven = |body: &str| {
        format!(
            r#"(module (memory 1) (table 1 funcref) (type $none (func)) (func $deep (param i64) (result i64) (i64.add (i64.const 1) (call $deep (local.get 0))))
            (func (export "f") (param i64) (result i64)
                (if (i64.eq (local.get 0) (i64.const 7)) (then {body})) (local.get 0)))"#
        )
    };
    for (body, reason) in [
        ("unreachable", "it gave up (`unreachable`)"),
        ("(drop (i64.div_s (i64.const 1) (i64.const 0)))", "division by zero"),
        ("(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))", "integer overflow"),
        ("(drop (i64.load (i32.const 65529)))", "out of bounds access of memory"),
        ("(drop (i32.load (i32.const -1)))", "out of bounds access of memory"),
        ("(drop (i32.load offset=0xffffffff (i32.const -1)))", "out of bounds access of memory"),
        ("(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2))", "out of bounds access of memory"),
        ("(drop (i32.trunc_f64_s (f64.const 1e10)))", "integer overflow"),
        ("(drop (i32.trunc_f64_s (f64.const nan)))", "conversion of a number that fits no integer"),
        ("(call_indirect (type $none) (i32.const 0))", "call of a function that is not there"),
        ("(call_indirect (type $none) (i32.const 9))", "out of bounds access of a table"),
        ("(drop (call $deep (i64.const 0)))", "it needs more stack than there is: it may call itself without end"),
    ] {
        let kernel = kernel(&at_seven(body));
        assert_eq!(refused(kernel.as_ref(), 1..=100), (7, reason.to_owned()), "{body}");
        assert_eq!(refused(kernel.as_ref(), -5000..=10_000).0, 7, "{body}");
        assert_eq!(integers(kernel.as_ref(), 8..=9), [8, 9], "{body}");
    }
}

#[test]
fn an_instance_is_dropped_after_a_trap_and_kept_otherwise() {
    // Counts its calls, and gives up at 5.
    let counts = kernel(
        r#"(module (global $calls (mut i64) (i64.const 0)) (func (export "f") (param i64) (result i64)
            (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
            (if (i64.eq (local.get 0) (i64.const 5)) (then unreachable))
            (global.get $calls)))"#,
    );
    let mut context = Context::default();
    let mut count = |first: i64, last: i64| {
        let mut rows = Rows::new(&counts.layout(&(0..=0)));
        counts.evaluate(first..=last, &mut rows, &mut context).map(|()| rows.columns.remove(0))
    };
    let values = |values: &[i64]| swath_kernel::Values::Int64(values.to_vec());
    assert_eq!(count(10, 11), Ok(values(&[1, 2])));
    assert_eq!(count(12, 12), Ok(values(&[3])));
    assert!(count(4, 6).is_err());
    assert_eq!(count(6, 7), Ok(values(&[1, 2])));
    assert_eq!(integers(counts.as_ref(), 6..=6), [1], "another block begins anew");
}

#[test]
fn a_context_of_another_kernel_is_not_used() {
    let (one, other) =
        (kernel(ENDLESS), kernel(r#"(module (func (export "f") (param i64) (result i64) (i64.const 1)))"#));
    let mut context = Context::default();
    for (kernel, expected) in [(&one, 3), (&other, 1), (&one, 3)] {
        let mut rows = Rows::new(&kernel.layout(&(3..=3)));
        kernel.evaluate(3..=3, &mut rows, &mut context).unwrap();
        assert_eq!(rows.columns, [swath_kernel::Values::Int64(vec![expected])]);
    }
}

#[test]
fn memory_has_a_limit() {
    // Grows by a page for each number, and gives up when it cannot.
    let grows = r#"(module (memory 1) (func (export "f") (param i64) (result i64)
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable)) (local.get 0)))"#;
    let kernel = kernel_with(grows, &Options { memory_bytes: 16 << 20, ..Options::default() });
    assert_eq!(refused(kernel.as_ref(), 1..=10_000), (256, "it needs more than 16 MiB of memory".to_owned()));
    // Whoever can go on without more memory does.
    let asks = r#"(module (memory 1) (func (export "f") (param i64) (result i64)
        (i64.extend_i32_s (memory.grow (i32.const 5000)))))"#;
    assert_eq!(integers(crate::support::kernel(asks).as_ref(), 1..=2), [-1, -1]);
    let several = r#"(module (memory $a 1) (memory $b 1) (func (export "f") (param i64) (result i64)
        (loop $again (drop (memory.grow $a (i32.const 1))) (br_if $again (i32.ne (memory.grow $b (i32.const 1)) (i32.const -1))))
        (i64.extend_i32_u (i32.add (memory.size $a) (memory.size $b)))))"#;
    let kernel = kernel_with(several, &Options { memory_bytes: 1 << 20, ..Options::default() });
    assert_eq!(integers(kernel.as_ref(), 1..=1), [16]);
}

#[test]
fn tables_count_as_memory() {
    let grows = r#"(module (table 1 funcref) (func (export "f") (param i64) (result i64)
        (loop $again (br_if $again (i32.ne (table.grow (ref.null func) (i32.const 1000)) (i32.const -1))))
        (i64.extend_i32_u (table.size))))"#;
    let kernel = kernel_with(grows, &Options { memory_bytes: 1 << 20, ..Options::default() });
    assert_eq!(integers(kernel.as_ref(), 1..=1), [131_001]);
}

#[test]
fn what_is_too_large_from_the_start_is_not_bound() {
    let module = |what: &str| format!(r#"(module {what} (func (export "f") (param i64) (result i64) (local.get 0)))"#);
    let options = Options { memory_bytes: 1 << 20, ..Options::default() };
    for (what, needed) in [
        ("(memory 17)", "1088 KiB"),
        ("(memory 10) (memory 10)", "1280 KiB"),
        ("(table 1000000 funcref)", "8000000 bytes"),
        ("(memory 65536)", "4 GiB"),
    ] {
        let error = bind(module(what).as_bytes(), &options).unwrap_err();
        assert_eq!(error, WasmError::Memory { needed: needed.to_owned(), allowed: "1 MiB".to_owned() }, "{what}");
    }
    assert!(bind(module("(memory 16)").as_bytes(), &options).is_ok());
}

#[test]
fn a_module_that_does_not_start_refuses_its_first_number() {
    for (text, reason) in [
        ("(func $s unreachable) (start $s)", "the module did not start: it gave up (`unreachable`)"),
        (r#"(func (export "_initialize") unreachable)"#, "the module did not start: it gave up (`unreachable`)"),
        (r#"(memory 1) (data (i32.const 65535) "ab")"#, "the module did not start: out of bounds access of memory"),
    ] {
        let kernel = kernel(&format!(r#"(module {text} (func (export "f") (param i64) (result i64) (local.get 0)))"#));
        assert_eq!(refused(kernel.as_ref(), 3..=9), (3, reason.to_owned()));
    }
    let endless = r#"(module (func $s (loop $again (br $again))) (start $s)
        (func (export "f") (param i64) (result i64) (local.get 0)))"#;
    assert_eq!(refused(timeout(endless, 20).as_ref(), 3..=9), (3, "it ran longer than 20ms".to_owned()));
}

#[test]
fn many_threads_share_a_kernel() {
    let kernel = kernel(ENDLESS);
    thread::scope(|scope| {
        for index in 0..16_i64 {
            let kernel = &kernel;
            scope.spawn(move || {
                for round in 0..20 {
                    let first = 10 + index * 10_000 + round;
                    let expected: Vec<i64> = (first..first + 3000).collect();
                    assert_eq!(integers(kernel.as_ref(), first..=first + 2999), expected);
                }
            });
        }
    });
}

//! What modules may import.

use swath_kernel::Kernel;
use swath_wasm::{WasmError, describe};

use crate::support::{bind_error, integers, kernel, refused};

#[test]
fn fail_refuses_the_number_with_a_reason() {
    let kernel = kernel(
        r#"(module (import "swath" "fail" (func $fail (param i32 i32))) (memory (export "memory") 1)
            (data (i32.const 100) "no odd\nnumbers")
            (func (export "f") (param i64) (result i64)
                (if (i32.wrap_i64 (i64.and (local.get 0) (i64.const 1))) (then (call $fail (i32.const 100) (i32.const 14))))
                (local.get 0)))"#,
    );
    assert_eq!(refused(kernel.as_ref(), 2..=9), (3, "no odd numbers".to_owned()));
    assert_eq!(integers(kernel.as_ref(), 4..=4), [4]);
}

#[test]
fn a_reason_that_cannot_be_read_refuses_the_number_all_the_same() {
    let module = |memory: &str, pointer: i32, length: i32| {
        kernel(&format!(
            r#"(module (import "swath" "fail" (func $fail (param i32 i32))) {memory}
                (func (export "f") (param i64) (result i64) (call $fail (i32.const {pointer}) (i32.const {length})) (local.get 0)))"#
        ))
    };
    let memory = r#"(memory (export "memory") 1)"#;
    assert!(refused(module("", 0, 5).as_ref(), 7..=8).1.contains("without a memory"));
    assert!(refused(module(memory, -1, 5).as_ref(), 7..=8).1.contains("out of the bounds"));
    assert!(refused(module(memory, 65_536, 1).as_ref(), 7..=8).1.contains("out of the bounds"));
    assert_eq!(refused(module(memory, 0, 0).as_ref(), 7..=8), (7, "it failed".to_owned()));
    assert!(refused(module(memory, 0, 60_000).as_ref(), 7..=8).1.chars().count() <= 501);
}

#[test]
fn abort_of_assembly_script_has_its_message() {
    let kernel = kernel(
        r#"(module (import "env" "abort" (func $abort (param i32 i32 i32 i32))) (memory (export "memory") 1)
            (data (i32.const 16) "\04\00\00\00n\00o\00") (data (i32.const 32) "\08\00\00\00a\00.\00t\00s\00")
            (func (export "f") (param i64) (result i64)
                (call $abort (i32.const 20) (i32.const 36) (i32.const 3) (i32.const 7)) (local.get 0)))"#,
    );
    assert_eq!(refused(kernel.as_ref(), 5..=6), (5, "it aborted: no (a.ts:3:7)".to_owned()));
}

fn wasi(imports: &str, body: &str) -> std::sync::Arc<dyn Kernel> {
    kernel(&format!(
        r#"(module {imports} (memory (export "memory") 1) (data (i32.const 8) "\10\00\00\00\05\00\00\00\20\00\00\00\07\00\00\00")
            (func (export "f") (param i64) (result i64) {body}))"#
    ))
}

#[test]
fn the_clock_moves_and_is_the_same_everywhere() {
    let clock = wasi(
        r#"(import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))"#,
        "(drop (call $time (i32.const 1) (i64.const 1) (i32.const 64))) (i64.load (i32.const 64))",
    );
    let times = integers(clock.as_ref(), 1..=3);
    assert!(times[0] < times[1] && times[1] < times[2]);
    assert_eq!(times, integers(clock.as_ref(), 1..=3));
}

#[test]
fn random_bytes_follow_from_the_number() {
    let random = wasi(
        r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))"#,
        "(drop (call $random (i32.const 64) (i32.const 8))) (i64.load (i32.const 64))",
    );
    let all = integers(random.as_ref(), 1..=100);
    assert_eq!(all[40..], integers(random.as_ref(), 41..=100)[..]);
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), 100);
}

#[test]
fn output_is_swallowed() {
    let written = wasi(
        r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#,
        "(i64.extend_i32_u (i32.add
            (i32.mul (i32.const 1000) (call $write (i32.wrap_i64 (local.get 0)) (i32.const 8) (i32.const 2) (i32.const 64)))
            (i32.load (i32.const 64))))",
    );
    assert_eq!(integers(written.as_ref(), 1..=1), [12]);
    assert_eq!(integers(written.as_ref(), 3..=3), [8000], "there is no third descriptor");
}

#[test]
fn standard_error_says_why_a_number_fails() {
    let panics = wasi(
        r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#,
        r#"(i64.store (i32.const 16) (i64.const 0x0a6f6f7420206f6e))
         (drop (call $write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 64)))
         (if (i64.ge_s (local.get 0) (i64.const 7)) (then unreachable)) (local.get 0)"#,
    );
    // Of the eight bytes, five belong to the buffer.
    assert_eq!(refused(panics.as_ref(), 1..=9), (7, "it gave up (`unreachable`): no  t".to_owned()));
}

#[test]
fn arguments_are_empty_and_files_are_not_there() {
    let sizes = wasi(
        r#"(import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))"#,
        "(i64.extend_i32_u (i32.add (call $sizes (i32.const 8) (i32.const 12))
            (i32.add (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 12))) (call $prestat (i32.const 3) (i32.const 64)))))",
    );
    assert_eq!(integers(sizes.as_ref(), 1..=1), [8]);
}

#[test]
fn a_pointer_out_of_bounds_is_an_error_of_wasi() {
    let fault = wasi(
        r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))"#,
        "(i64.extend_i32_u (i32.add (call $random (i32.const 65535) (i32.const 2))
            (call $poll (i32.const 0) (i32.const -1) (i32.const 1000) (i32.const 0))))",
    );
    assert_eq!(integers(fault.as_ref(), 1..=1), [42]);
}

#[test]
fn waiting_takes_no_time_but_moves_the_clock() {
    let slept = wasi(
        r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))"#,
        "(memory.fill (i32.const 256) (i32.const 0) (i32.const 48)) (i64.store (i32.const 280) (i64.const 1000000000000))
         (drop (call $time (i32.const 1) (i64.const 1) (i32.const 64)))
         (drop (call $poll (i32.const 256) (i32.const 512) (i32.const 1) (i32.const 600)))
         (drop (call $time (i32.const 1) (i64.const 1) (i32.const 72)))
         (i64.sub (i64.load (i32.const 72)) (i64.load (i32.const 64)))",
    );
    assert_eq!(integers(slept.as_ref(), 1..=1), [1_000_000_001_000]);
}

#[test]
fn exit_refuses_the_number() {
    let exits = wasi(
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#,
        "(call $exit (i32.const 3)) (local.get 0)",
    );
    assert_eq!(refused(exits.as_ref(), 5..=6), (5, "it exited with code 3".to_owned()));
}

#[test]
fn anything_else_is_refused_by_its_name() {
    let function = r#"(func (export "f") (param i64) (result i64) (local.get 0))"#;
    for (import, message) in [
        (r#"(import "env" "puts" (func (param i32) (result i32)))"#, "it imports `env.puts`, which is not offered"),
        (r#"(import "env" "memory" (memory 1))"#, "it imports `env.memory`, which is not offered"),
        (r#"(import "env" "table" (table 1 funcref))"#, "it imports `env.table`, which is not offered"),
        (r#"(import "env" "g" (global i32))"#, "it imports `env.g`, which is not offered"),
        (r#"(import "swath" "fail" (global i32))"#, "it imports `swath.fail`, which is not offered"),
        (
            r#"(import "swath" "fail" (func (param i32)))"#,
            "it imports `swath.fail` as (i32) -> (); it is offered as (i32, i32) -> ()",
        ),
        (
            r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32)))"#,
            "it imports `wasi_snapshot_preview1.random_get` as (i32, i32) -> (); it is offered as (i32, i32) -> i32",
        ),
        (
            r#"(import "wasi_snapshot_preview1" "path_open2" (func))"#,
            "it imports `wasi_snapshot_preview1.path_open2`, which is not offered",
        ),
    ] {
        let text = format!("(module {import} {function})");
        assert_eq!(bind_error(&text).to_string(), message);
        let described: WasmError = describe(text.as_bytes(), None).unwrap_err();
        assert_eq!(described.to_string(), message);
    }
}

#[test]
fn initialize_is_called_once_and_start_never() {
    let kernel = kernel(
        r#"(module (global $sum (mut i64) (i64.const 0))
            (func (export "_initialize") (global.set $sum (i64.add (global.get $sum) (i64.const 5))))
            (func (export "_start") unreachable)
            (func (export "f") (param i64) (result i64) (global.get $sum)))"#,
    );
    assert_eq!(integers(kernel.as_ref(), 1..=5000), [5; 5000]);
}

//! Bytes of strangers: whatever they are, there is an error or a kernel, and neither takes long.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use swath_kernel::{Context, Rows};
use swath_wasm::{Options, WasmError, bind, describe, to_binary};

use crate::support::with_columns;

const SEEDS: [&str; 5] = [
    r#"(module (func (export "f") (param $n i64) (param $k i64) (result i64) (i64.mul (local.get 0) (local.get 1))))"#,
    r#"(module (memory (export "memory") 1) (data (i32.const 8) "text") (func (export "f") (param i64) (result i32 i32) (i32.const 8) (i32.const 4)))"#,
    r#"(module (import "swath" "fail" (func (param i32 i32))) (table 2 funcref) (elem (i32.const 0) 0 1)
        (global (mut i64) (i64.const 1)) (memory (export "memory") 1 2) (func (export "kernel") (param i64) (result i64 i64) (local.get 0) (global.get 0)))"#,
    r#"(module (memory (export "memory") 1) (func (export "f") (param i64 i32 i32) (i64.store (local.get 2) (local.get 0))))"#,
    r#"(module (func (export "a") (param i64) (result f64) (f64.const 1)) (func (export "b") (param i64) (result i32) (i32.const 1)))"#,
];

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = SEEDS.iter().map(|text| to_binary(text.as_bytes()).unwrap().into_owned()).collect();
    seeds.push(with_columns(SEEDS[0], "value int32"));
    seeds
}

/// Describes and binds, and computes a little if that works.
fn attempt(module: &[u8]) {
    let described = describe(module, None);
    let options =
        Options { memory_bytes: 1 << 20, number_timeout: Some(Duration::from_millis(20)), ..Options::default() };
    match (described, bind(module, &options)) {
        (Ok(described), Ok(kernel)) => {
            assert_eq!(described.layout, kernel.layout(&(1..=9)));
            let mut rows = Rows::new(&described.layout);
            if kernel.evaluate(1..=9, &mut rows, &mut Context::default()).is_ok() {
                assert_eq!(rows.len(), 9);
                assert_eq!(rows.take_columns().unwrap().len(), described.layout.columns().fields().len());
            }
        }
        (Ok(_), Err(_)) => {}
        (Err(_), bound) => assert!(bound.is_err()),
    }
}

#[test]
fn every_beginning_of_a_module_is_refused() {
    for seed in seeds() {
        let described = (0..seed.len()).filter(|length| describe(&seed[..*length], None).is_ok());
        // Where a custom section ends, the module may end, too.
        assert!(described.count() <= 2);
        (0..seed.len()).for_each(|length| attempt(&seed[..length]));
        attempt(&seed);
    }
}

#[test]
fn counts_without_contents_are_refused_at_once() {
    let start = Instant::now();
    for id in 0..=13 {
        for count in [[0xff, 0xff, 0xff, 0xff, 0x0f], [0xff, 0xff, 0xff, 0x7f, 0x00], [0xc0, 0x84, 0x3d, 0, 0]] {
            let mut module = b"\0asm\x01\0\0\0".to_vec();
            module.extend([id, count.len() as u8]);
            module.extend(count);
            attempt(&module);
            let mut oversized = b"\0asm\x01\0\0\0".to_vec();
            oversized.push(id);
            oversized.extend(count);
            attempt(&oversized);
        }
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn counts_have_limits() {
    let many = |item: &str, count: usize| format!("(module {})", item.repeat(count));
    let exports: String = (0..10_001).map(|index| format!("(export \"{index}\" (func 0))")).collect();
    let text = format!("(module (func (param i64) (result i64) (local.get 0)) {exports})");
    let error = describe(text.as_bytes(), None).unwrap_err();
    assert_eq!(error, WasmError::TooMany { what: "exports", count: 10_001, most: 10_000 });
    let types: String = (0..20_001).map(|_| "(rec (type (func)))").collect();
    let error = describe(format!("(module {types})").as_bytes(), None).unwrap_err();
    assert_eq!(error, WasmError::TooMany { what: "types", count: 20_001, most: 20_000 });
    let mut sections = b"\0asm\x01\0\0\0".to_vec();
    sections.extend(b"\0\x02\x01x".repeat(10_001));
    let error = describe(&sections, None).unwrap_err();
    assert_eq!(error, WasmError::TooMany { what: "sections", count: 10_001, most: 10_000 });
    assert!(matches!(describe(many("(memory 1)", 101).as_bytes(), None), Err(WasmError::Invalid { .. })));
    assert!(matches!(describe(b"(module (table 10000001 funcref))", None), Err(WasmError::NoKernel { .. })));
}

#[test]
fn locals_have_a_limit() {
    // Each function takes 8 bytes and has 49,999 locals.
    let mut module =
        to_binary(br#"(module (func (export "f") (param i64) (result i64) (local.get 0)))"#).unwrap().into_owned();
    let functions = 201_u8;
    let body: &[u8] = &[8, 1, 0xcf, 0x86, 3, 0x7e, 0x20, 0, 0x0b];
    let place = module.windows(4).position(|section| section == [3, 2, 1, 0]).unwrap();
    let count = [functions & 0x7f | 0x80, 1];
    let declared = [&[3, 0xcb, 1][..], &count, &[0; 201]].concat();
    module.splice(place..place + 4, declared);
    let place = module.windows(3).position(|section| section[0] == 10 && section[2] == 1).unwrap();
    module.truncate(place);
    let code = [&count[..], &body.repeat(functions.into())].concat();
    module.extend([10, (code.len() & 0x7f) as u8 | 0x80, (code.len() >> 7) as u8]);
    module.extend(code);
    assert!(describe(&module, None).is_ok());
    let error = bind(&module, &Options::default()).err().unwrap();
    assert!(matches!(error, WasmError::TooMany { what: "locals", .. }), "{error}");
}

#[test]
fn many_functions_that_may_be_the_kernel_take_no_time() {
    let results = "i64 ".repeat(100);
    let values = "(local.get 0)".repeat(100);
    let exports: String = (0..8_000).map(|index| format!("(export \"{index}\" (func 0))")).collect();
    let text = format!("(module (func (param i64) (result {results}) {values}) {exports})");
    let module = to_binary(text.as_bytes()).unwrap();
    let start = Instant::now();
    let error = describe(&module, None).unwrap_err();
    assert!(matches!(error, WasmError::SeveralKernels { .. }), "{error}");
    assert!(describe(&module, Some("77")).is_ok());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn a_thousand_columns_are_computed() {
    let results = "i64 ".repeat(1000);
    let values = "(local.get 0)".repeat(1000);
    let kernel =
        crate::support::kernel(&format!(r#"(module (func (export "f") (param i64) (result {results}) {values}))"#));
    let rows = crate::support::try_rows(kernel.as_ref(), 1..=2000).unwrap();
    assert_eq!((rows.columns.len(), rows.len()), (1000, 2000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        attempt(&bytes);
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend(&bytes);
        attempt(&module);
    }

    #[test]
    fn random_sections_never_panic(id in 0..14_u8, bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([id, bytes.len() as u8]);
        module.extend(&bytes);
        attempt(&module);
    }

    #[test]
    fn mutated_modules_never_panic(
        seed in 0..6_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut module = seeds().remove(seed);
        for (place, byte) in changes {
            let place = place.index(module.len());
            module[place] = byte;
        }
        attempt(&module);
    }

    #[test]
    fn random_text_never_panics(text in "[(]module [()a-z0-9$. \"]{0,80}") {
        attempt(text.as_bytes());
    }
}

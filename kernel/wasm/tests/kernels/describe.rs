//! Which function is the kernel.

use swath_wasm::{Options, ParameterType, WasmError, bind, describe};

use crate::support::integers;

fn error(text: &str, export: Option<&str>) -> String {
    let bound =
        bind(text.as_bytes(), &Options { export: export.map(str::to_owned), ..Options::default() }).unwrap_err();
    let described = describe(text.as_bytes(), export).unwrap_err();
    assert_eq!(described, bound);
    described.to_string()
}

#[test]
fn the_only_function_that_fits_is_the_kernel() {
    let text = r#"(module (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (local.get 0))
        (func (export "log") (param i64))
        (func (export "vector") (param i64) (result v128) (v128.const i64x2 0 0))
        (func (export "twice") (param i64) (result i64) (i64.shl (local.get 0) (i64.const 1))))"#;
    let described = describe(text.as_bytes(), None).unwrap();
    assert_eq!(described.export, "twice");
    assert_eq!(described.signature, "(i64) -> i64");
    assert_eq!(described.layout.columns_text(), "value int64");
    assert!(described.parameters.is_empty());
    assert_eq!(error(text, Some("log")), "the function `log` (i64) -> () is no kernel: it has no results");
    let vector = error(text, Some("vector"));
    assert!(vector.contains("neither an integer nor a floating point number"), "{vector}");
    let malloc = error(text, Some("malloc"));
    assert!(malloc.contains("its first parameter is not an i64, the number"), "{malloc}");
    assert!(error(text, Some("memory")).starts_with("it exports no function `memory`"));
    assert_eq!(
        error(text, Some("f")),
        "it exports no function `f` (exported functions: `malloc`, `log`, `vector`, `twice`)"
    );
}

#[test]
fn of_several_one_is_chosen_or_named_kernel() {
    let module = |third: &str| {
        format!(
            r#"(module (func (export "a") (param i64) (result i64) (i64.const 1))
                (func (export "b") (param i64) (result i64) (i64.const 2))
                (func (export "{third}") (param i64) (result i64) (i64.const 3)))"#
        )
    };
    assert_eq!(describe(module("kernel").as_bytes(), None).unwrap().export, "kernel");
    assert_eq!(describe(module("kernel").as_bytes(), Some("b")).unwrap().export, "b");
    assert_eq!(
        error(&module("c"), None),
        "several of its functions can be the kernel: `a`, `b`, `c`; choose one, or name it `kernel`"
    );
    let options = Options { export: Some("b".to_owned()), ..Options::default() };
    let kernel = bind(module("c").as_bytes(), &options).unwrap();
    assert_eq!(integers(kernel.as_ref(), 1..=2), [2, 2]);
}

#[test]
fn a_module_without_a_kernel_says_what_it_has() {
    assert_eq!(
        error("(module)", None),
        "none of its exported functions takes the number as an i64 first and gives results (exported functions: none)"
    );
    assert!(error(r#"(module (func (export "main") (result i32) (i32.const 0)))"#, None).ends_with("`main`)"));
    let without_memory = r#"(module (func (export "f") (param i64 i32 i32)))"#;
    assert!(error(without_memory, None).ends_with("a batch needs the exported memory `memory`"));
    let imported =
        r#"(module (import "env" "abort" (func $abort (param i32 i32 i32 i32))) (export "kernel" (func $abort)))"#;
    assert!(error(imported, None).ends_with("it is imported"), "{}", error(imported, None));
}

#[test]
fn parameters_have_the_names_of_the_module() {
    let text = r#"(module (func (export "f") (param $n i64) (param $base i64) (param f64) (param $limit i32) (result i64)
        (local.get 0)))"#;
    let described = describe(text.as_bytes(), None).unwrap();
    let found: Vec<_> = described
        .parameters
        .iter()
        .map(|parameter| (parameter.name.as_str(), parameter.position, parameter.parameter_type))
        .collect();
    let expected =
        [("base", 2, ParameterType::Int64), ("3", 3, ParameterType::Float64), ("limit", 4, ParameterType::Int32)];
    assert_eq!(found, expected);
    assert_eq!(described.signature, "(i64, i64, f64, i32) -> i64");
}

#[test]
fn a_component_is_refused() {
    let component = b"\0asm\x0d\0\x01\0";
    assert_eq!(describe(component, None), Err(WasmError::Component));
    assert_eq!(describe(b"(component)", None), Err(WasmError::Component));
}

#[test]
fn proposals_that_are_not_supported_are_refused() {
    for text in [
        r#"(module (memory i64 1) (func (export "f") (param i64) (result i64) (local.get 0)))"#,
        r#"(module (memory 1 1 shared) (func (export "f") (param i64) (result i64) (local.get 0)))"#,
        r#"(module (global externref (ref.null extern)) (func (export "f") (param i64) (result i64) (local.get 0)))"#,
        r#"(module (tag) (func (export "f") (param i64) (result i64) (local.get 0)))"#,
    ] {
        assert!(matches!(describe(text.as_bytes(), None), Err(WasmError::Invalid { .. })), "{text}");
        assert!(matches!(bind(text.as_bytes(), &Options::default()), Err(WasmError::Invalid { .. })), "{text}");
    }
}

#[test]
fn bodies_are_read_only_to_bind() {
    let mut module = swath_wasm::to_binary(br#"(module (func (export "f") (param i64) (result i64) (local.get 0)))"#)
        .unwrap()
        .into_owned();
    let body = module.windows(3).position(|window| window == [0x20, 0, 0x0b]).unwrap();
    // The local 5, which there is not.
    module[body + 1] = 5;
    assert_eq!(describe(&module, None).unwrap().export, "f");
    let error = bind(&module, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("unknown local 5"), "{error}");
}

#[test]
fn what_was_appended_cannot_be_named_by_the_module() {
    // Memory 0 and global 0 would exist after the loop was appended.
    for body in
        ["(i64.store 0 (i32.const 0) (i64.const 1)) (local.get 0)", "(global.set 0 (i64.const 1)) (local.get 0)"]
    {
        let text = format!(r#"(module (func (export "f") (param i64) (result i64) {body}))"#);
        assert!(bind(text.as_bytes(), &Options::default()).is_err(), "{body}");
    }
    let clash = r#"(module (memory (export "swath.results") 1) (global (export "swath.number") i64 (i64.const 5))
        (func (export "swath.run") (param i64) (result i64) (i64.add (local.get 0) (global.get 0))))"#;
    let kernel = bind(clash.as_bytes(), &Options::default()).unwrap();
    assert_eq!(integers(kernel.as_ref(), 1..=3), [6, 7, 8]);
}

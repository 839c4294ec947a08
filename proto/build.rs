//! Compiles the protocol without a `protoc` on the machine.

#![allow(clippy::disallowed_macros, reason = "a build script speaks to Cargo on standard output")]

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let files = ["swath/v1/artifacts.proto", "swath/v1/jobs.proto", "swath/v1/results.proto", "swath/v1/workers.proto"];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::Compiler::new(["."])?
        .include_imports(true)
        .include_source_info(true)
        .open_files(files)?
        .encode_file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?).join("swath.v1.bin");
    fs::write(&out, &descriptors)?;
    tonic_prost_build::configure()
        .bytes(".")
        .file_descriptor_set_path(&out)
        .skip_protoc_run()
        .compile_protos(&[] as &[&str], &[] as &[&str])?;
    Ok(())
}

//! Kernels.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::{json, new_table, print_table};
use crate::args::OutputMode;

/// Prints what can be computed.
pub(crate) fn kernels(mode: OutputMode) -> Result<()> {
    let catalogue = swath_kernel::catalogue();
    if mode == OutputMode::Json {
        return json(&catalogue.iter().map(KernelRecord::from).collect::<Vec<_>>());
    }
    let mut out = new_table();
    for kernel in catalogue {
        writeln!(out, "{}\t{}", kernel.name, kernel.summary)?;
        writeln!(out, "\tgives {}", kernel.value)?;
        for parameter in kernel.parameters {
            writeln!(out, "\t--param {}={}: {}", parameter.name, parameter.default, parameter.summary)?;
        }
    }
    print_table(out)
}

/// A kernel in JSON. Field names are stable.
#[derive(Serialize)]
struct KernelRecord {
    name: &'static str,
    summary: &'static str,
    value: &'static str,
    parameters: Vec<ParameterRecord>,
}

#[derive(Serialize)]
struct ParameterRecord {
    name: &'static str,
    summary: &'static str,
    default: &'static str,
}

impl From<&swath_kernel::Description> for KernelRecord {
    fn from(kernel: &swath_kernel::Description) -> Self {
        let parameter = |parameter: &swath_kernel::ParameterDescription| ParameterRecord {
            name: parameter.name,
            summary: parameter.summary,
            default: parameter.default,
        };
        Self {
            name: kernel.name,
            summary: kernel.summary,
            value: kernel.value,
            parameters: kernel.parameters.iter().map(parameter).collect(),
        }
    }
}

//! Kernels.

use std::io::Write;

use anyhow::Result;
use swath_kernel::Description;

use super::table::{new_table, print_table};

pub(super) fn list(kernels: &[Description]) -> Result<()> {
    let mut out = new_table();
    for kernel in kernels {
        writeln!(out, "{}\t{}", kernel.name, kernel.summary)?;
        writeln!(out, "\tgives {}", kernel.value)?;
        for parameter in kernel.parameters {
            writeln!(out, "\t--param {}={}: {}", parameter.name, parameter.default, parameter.summary)?;
        }
    }
    print_table(out)
}

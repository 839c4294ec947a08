//! Kernels in JSON.

use serde::Serialize;
use swath_kernel::{Description, ParameterDescription};

#[derive(Serialize)]
pub(super) struct KernelRecord {
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

impl From<&Description> for KernelRecord {
    fn from(kernel: &Description) -> Self {
        let parameter = |parameter: &ParameterDescription| ParameterRecord {
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

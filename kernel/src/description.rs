//! What a kernel says of itself.

use std::sync::Arc;

use swath_model::Parameters;

use crate::{FindError, Kernel};

/// What a kernel is called, does and takes.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// The name under which [`find`](crate::find) knows it.
    pub name: &'static str,
    /// What it computes, in one line.
    pub summary: &'static str,
    /// The parameters it takes.
    pub parameters: &'static [ParameterDescription],
    /// The type of its values, in words.
    pub value: &'static str,
    pub(crate) bind: fn(&Parameters) -> Result<Arc<dyn Kernel>, FindError>,
}

impl Description {
    /// Refuses names of parameters that this kernel does not take.
    pub(crate) fn check_names(&self, parameters: &Parameters) -> Result<(), FindError> {
        let mut allowed = self.parameters.iter().map(|parameter| parameter.name);
        match parameters.keys().find(|given| !allowed.clone().any(|name| name == given.as_str())) {
            None => Ok(()),
            Some(unknown) => Err(FindError::UnknownParameter {
                kernel: self.name,
                parameter: unknown.clone(),
                allowed: allowed.by_ref().collect(),
            }),
        }
    }
}

/// What a parameter of a kernel is called, does and takes when it is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterDescription {
    /// Its name, the key in [`Parameters`].
    pub name: &'static str,
    /// What it changes and which values it takes, in one line.
    pub summary: &'static str,
    /// Its value when it is not given.
    pub default: &'static str,
}

//! The parameters of a function after the number.

use swath_model::Parameters;
use wasmparser::ValType;

use crate::{
    WasmError,
    error::{quoted, shown},
};

/// A parameter that must be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterDescription {
    /// Its name in the module, or its position if it has none there.
    pub name: String,
    /// Its position among the parameters of the function; the number is 1. It is a name, too.
    pub position: usize,
    /// The type of its values.
    pub parameter_type: ParameterType,
}

/// The type of the values of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// Integers of 32 bits, signed or not.
    Int32,
    /// Integers of 64 bits, signed or not.
    Int64,
    /// Floating point numbers of 32 bits.
    Float32,
    /// Floating point numbers of 64 bits.
    Float64,
}

/// The value of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Constant {
    I32(i32),
    I64(i64),
    F32(f32),
    F64(f64),
}

impl ParameterType {
    /// The type of a parameter; `None` if no text can be its value.
    pub(crate) fn of(value: ValType) -> Option<Self> {
        Some(match value {
            ValType::I32 => Self::Int32,
            ValType::I64 => Self::Int64,
            ValType::F32 => Self::Float32,
            ValType::F64 => Self::Float64,
            ValType::V128 | ValType::Ref(_) => return None,
        })
    }

    /// The values that are allowed, in words.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Int32 => "a whole number from -2147483648 to 4294967295",
            Self::Int64 => "a whole number from -9223372036854775808 to 18446744073709551615",
            Self::Float32 | Self::Float64 => "a number such as 0.5 or 1e-9",
        }
    }

    /// Numbers above the signed ones are taken as unsigned, for modules do not tell them apart.
    fn parse(self, text: &str) -> Option<Constant> {
        Some(match self {
            Self::Int32 => {
                let signed = text.parse::<i32>().ok();
                Constant::I32(signed.or_else(|| text.parse::<u32>().ok().map(u32::cast_signed))?)
            }
            Self::Int64 => {
                let signed = text.parse::<i64>().ok();
                Constant::I64(signed.or_else(|| text.parse::<u64>().ok().map(u64::cast_signed))?)
            }
            Self::Float32 => Constant::F32(text.parse::<f32>().ok().filter(|value| !value.is_nan())?),
            Self::Float64 => Constant::F64(text.parse::<f64>().ok().filter(|value| !value.is_nan())?),
        })
    }
}

/// Names each parameter: as the module does, where that is a word and no other parameter has it.
pub(crate) fn describe(types: &[ParameterType], names: &[Option<&str>]) -> Vec<ParameterDescription> {
    let is_used_once = |name: &str| names.iter().flatten().filter(|other| **other == name).count() == 1;
    let described = types.iter().enumerate().map(|(index, parameter_type)| {
        // The number comes before them, and positions begin with 1.
        let position = index + 2;
        let name = names.get(index).copied().flatten();
        let name = name.filter(|name| is_word(name) && is_used_once(name));
        let name = name.map_or_else(|| position.to_string(), str::to_owned);
        ParameterDescription { name, position, parameter_type: *parameter_type }
    });
    described.collect()
}

/// A name that can be written on a command line and is no position.
fn is_word(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.chars().all(is_letter)
}

/// The values of all parameters, in order.
pub(crate) fn values(
    export: &str,
    described: &[ParameterDescription],
    given: &Parameters,
) -> Result<Vec<Constant>, WasmError> {
    let is_known = |name: &str| described.iter().any(|known| known.name == name || known.position.to_string() == name);
    if let Some(unknown) = given.keys().find(|name| !is_known(name)) {
        return Err(WasmError::UnknownParameter {
            parameter: quoted(unknown),
            export: quoted(export),
            allowed: crate::error::listed(described.iter().map(|known| known.name.as_str())),
        });
    }
    described.iter().map(|parameter| value(export, parameter, given)).collect()
}

fn value(export: &str, described: &ParameterDescription, given: &Parameters) -> Result<Constant, WasmError> {
    let position = described.position.to_string();
    let by_name = given.get(&described.name).filter(|_| described.name != position);
    let text = match (by_name, given.get(&position)) {
        (Some(_), Some(_)) => {
            return Err(WasmError::ParameterTwice { parameter: quoted(&described.name), export: quoted(export) });
        }
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => {
            return Err(WasmError::MissingParameter {
                parameter: quoted(&described.name),
                export: quoted(export),
                allowed: described.parameter_type.allowed(),
            });
        }
    };
    described.parameter_type.parse(text).ok_or_else(|| WasmError::BadValue {
        parameter: quoted(&described.name),
        export: quoted(export),
        value: shown(text, 80),
        allowed: described.parameter_type.allowed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Parameters {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn parameters_have_names_or_positions() {
        let types = [ParameterType::Int64; 5];
        let names = [Some("modulus"), None, Some("twice"), Some("twice"), Some("3")];
        let described = describe(&types, &names);
        let named: Vec<_> = described.iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!(named, ["modulus", "3", "4", "5", "6"]);
        let positions: Vec<_> = described.iter().map(|parameter| parameter.position).collect();
        assert_eq!(positions, [2, 3, 4, 5, 6]);
    }

    #[test]
    fn values_are_given_by_name_or_position() {
        let types = [ParameterType::Int32, ParameterType::Int64, ParameterType::Float32, ParameterType::Float64];
        let described = describe(&types, &[Some("a"), None, None, Some("d")]);
        let found =
            values("f", &described, &given(&[("a", "-1"), ("3", "18446744073709551615"), ("4", "0.5"), ("5", "1e3")]));
        let expected = [Constant::I32(-1), Constant::I64(-1), Constant::F32(0.5), Constant::F64(1000.0)];
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_says_what_is_allowed() {
        let described = describe(&[ParameterType::Int32], &[Some("base")]);
        let error = |pairs: &[(&str, &str)]| values("f", &described, &given(pairs)).unwrap_err().to_string();
        assert_eq!(
            error(&[]),
            "the parameter `base` of `f` is missing; it takes a whole number from -2147483648 to 4294967295"
        );
        assert_eq!(error(&[("b", "1")]), "unknown parameter `b` of `f`, which takes `base`");
        assert_eq!(
            error(&[("base", "1"), ("2", "1")]),
            "the parameter `base` of `f` is given twice, by name and by position"
        );
        for bad in ["", " 1", "1.5", "4294967296", "-2147483649", "ten"] {
            assert!(error(&[("base", bad)]).contains("which takes a whole number from"), "{bad}");
        }
        let none = values("f", &[], &given(&[("2", "1")])).unwrap_err().to_string();
        assert_eq!(none, "unknown parameter `2` of `f`, which takes none");
    }
}

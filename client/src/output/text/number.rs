//! Integers, floats and decimals as text.

use arrow_array::{
    Array, ArrowPrimitiveType, PrimitiveArray,
    types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type},
};
use arrow_schema::DataType;

use super::{NoText, Notation, PushCell, typed};

pub(super) fn integers<T>(array: &dyn Array) -> Result<PushCell<'_>, NoText>
where
    T: ArrowPrimitiveType<Native: itoa::Integer>,
{
    let values = typed::<PrimitiveArray<T>>(array)?;
    Ok(Box::new(|row, out| out.extend_from_slice(itoa::Buffer::new().format(values.value(row)).as_bytes())))
}

/// The fewest digits that are read as the same float again. JSON has no word for what is not finite: null.
pub(super) fn floats(array: &dyn Array, notation: Notation) -> Result<PushCell<'_>, NoText> {
    Ok(match array.data_type() {
        DataType::Float16 => {
            let values = typed::<PrimitiveArray<Float16Type>>(array)?;
            Box::new(move |row, out| push_float(values.value(row).to_f32(), notation, out))
        }
        DataType::Float32 => {
            let values = typed::<PrimitiveArray<Float32Type>>(array)?;
            Box::new(move |row, out| push_float(values.value(row), notation, out))
        }
        _ => {
            let values = typed::<PrimitiveArray<Float64Type>>(array)?;
            Box::new(move |row, out| push_float(values.value(row), notation, out))
        }
    })
}

fn push_float<F: zmij::Float + Copy + Into<f64>>(value: F, notation: Notation, out: &mut Vec<u8>) {
    let wide: f64 = value.into();
    let mut digits = zmij::Buffer::new();
    out.extend_from_slice(match wide {
        _ if wide.is_finite() => digits.format_finite(value).as_bytes(),
        _ if notation == Notation::Json => notation.null(),
        _ if wide.is_nan() => b"NaN",
        _ if wide > 0.0 => b"inf",
        _ => b"-inf",
    });
}

/// All digits, as many behind the point as the scale says.
pub(super) fn decimals(array: &dyn Array) -> Result<PushCell<'_>, NoText> {
    match array.data_type() {
        DataType::Decimal32(_, scale) => scaled::<Decimal32Type>(array, *scale),
        DataType::Decimal64(_, scale) => scaled::<Decimal64Type>(array, *scale),
        DataType::Decimal128(_, scale) => scaled::<Decimal128Type>(array, *scale),
        DataType::Decimal256(_, scale) => {
            let (values, scale) = (typed::<PrimitiveArray<Decimal256Type>>(array)?, *scale);
            Ok(Box::new(move |row, out| push_scaled(&values.value(row).to_string(), scale, out)))
        }
        other => Err(NoText(other.clone())),
    }
}

fn scaled<T: ArrowPrimitiveType<Native: itoa::Integer>>(array: &dyn Array, scale: i8) -> Result<PushCell<'_>, NoText> {
    let values = typed::<PrimitiveArray<T>>(array)?;
    Ok(Box::new(move |row, out| push_scaled(itoa::Buffer::new().format(values.value(row)), scale, out)))
}

/// Appends an integer with the point moved to the left by so many digits.
fn push_scaled(integer: &str, scale: i8, out: &mut Vec<u8>) {
    let (sign, digits) = integer.strip_prefix('-').map_or(("", integer), |digits| ("-", digits));
    out.extend_from_slice(sign.as_bytes());
    let places = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        out.extend_from_slice(digits.as_bytes());
        if digits != "0" {
            out.extend(std::iter::repeat_n(b'0', places));
        }
        return;
    }
    // At least one digit before the point.
    let zeros = (places + 1).saturating_sub(digits.len());
    let before = (digits.len() + zeros).saturating_sub(places);
    let all = std::iter::repeat_n(b'0', zeros).chain(digits.bytes());
    for (at, digit) in all.enumerate() {
        if at == before {
            out.push(b'.');
        }
        out.push(digit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_of_a_decimal_is_where_its_scale_says() {
        for (integer, scale, text) in [
            ("0", 0, "0"),
            ("-7", 0, "-7"),
            ("12345", 2, "123.45"),
            ("5", 2, "0.05"),
            ("-5", 3, "-0.005"),
            ("-120", 3, "-0.120"),
            ("0", 2, "0.00"),
            ("12", -3, "12000"),
            ("0", -3, "0"),
            ("85070591730234615828950163710522949636", 37, "8.5070591730234615828950163710522949636"),
        ] {
            let mut out = Vec::new();
            push_scaled(integer, scale, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text, "{integer} with {scale}");
        }
    }

    #[test]
    fn floats_are_read_as_the_same_again() {
        let text = |value: f64, notation| {
            let mut out = Vec::new();
            push_float(value, notation, &mut out);
            String::from_utf8(out).unwrap()
        };
        let mut bits = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..100_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(bits);
            if value.is_finite() {
                let written = text(value, Notation::Json);
                assert_eq!(written.parse::<f64>().map(f64::to_bits), Ok(bits), "{written}");
            }
        }
        for (value, csv) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf"), (-0.0, "-0.0")] {
            assert_eq!(text(value, Notation::Csv), csv);
            assert_eq!(text(value, Notation::Json), if value == 0.0 { csv } else { "null" });
        }
        let mut out = Vec::new();
        push_float(0.1_f32, Notation::Csv, &mut out);
        assert_eq!(out, b"0.1");
    }
}

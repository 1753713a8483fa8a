//! Integers, floating-point numbers and decimals.

use datafusion::arrow::array::{Array, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type,
    Float32Type, Float64Type,
};

use super::{Encode, Style};

struct Integer<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>);

impl<T: ArrowPrimitiveType<Native: itoa::Integer>> Encode for Integer<'_, T> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(self.0.value(row)).as_bytes());
    }
}

pub(super) fn integer<'a, T: ArrowPrimitiveType<Native: itoa::Integer>>(array: &'a dyn Array) -> Box<dyn Encode + 'a> {
    Box::new(Integer(array.as_primitive::<T>()))
}

/// How a floating-point number becomes its shortest text.
pub(super) trait FloatText: ArrowPrimitiveType {
    fn append(value: Self::Native, style: Style, out: &mut Vec<u8>);
}

impl FloatText for Float64Type {
    fn append(value: f64, style: Style, out: &mut Vec<u8>) {
        if value.is_finite() {
            out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
        } else {
            append_not_finite(value, style, out);
        }
    }
}

impl FloatText for Float32Type {
    fn append(value: f32, style: Style, out: &mut Vec<u8>) {
        if value.is_finite() {
            out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
        } else {
            append_not_finite(value.into(), style, out);
        }
    }
}

/// Written as the single-precision number that it also is: short enough, and it reads back.
impl FloatText for Float16Type {
    fn append(value: Self::Native, style: Style, out: &mut Vec<u8>) {
        Float32Type::append(value.to_f32(), style, out);
    }
}

fn append_not_finite(value: f64, style: Style, out: &mut Vec<u8>) {
    let word: &[u8] = match style {
        Style::Json => return out.extend_from_slice(b"null"),
        _ if value.is_nan() => b"NaN",
        _ if value > 0.0 => b"Infinity",
        _ => b"-Infinity",
    };
    let quote: &[u8] = if style == Style::JsonInText { b"\"" } else { b"" };
    for part in [quote, word, quote] {
        out.extend_from_slice(part);
    }
}

struct Float<'a, T: FloatText> {
    array: &'a PrimitiveArray<T>,
    style: Style,
}

impl<T: FloatText> Encode for Float<'_, T> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        T::append(self.array.value(row), self.style, out);
    }
}

pub(super) fn float<'a, T: FloatText>(array: &'a dyn Array, style: Style) -> Box<dyn Encode + 'a> {
    Box::new(Float { array: array.as_primitive::<T>(), style })
}

/// The digits of a decimal, without its point.
pub(super) trait DecimalDigits: DecimalType {
    fn append_digits(value: Self::Native, out: &mut Vec<u8>);
}

impl DecimalDigits for Decimal32Type {
    fn append_digits(value: i32, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
}

impl DecimalDigits for Decimal64Type {
    fn append_digits(value: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
}

impl DecimalDigits for Decimal128Type {
    fn append_digits(value: i128, out: &mut Vec<u8>) {
        // Money and quantities nearly always fit 64 bits, where division is several times as fast.
        match i64::try_from(value) {
            Ok(small) => Decimal64Type::append_digits(small, out),
            Err(_) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        }
    }
}

impl DecimalDigits for Decimal256Type {
    fn append_digits(value: Self::Native, out: &mut Vec<u8>) {
        match value.to_i128() {
            Some(small) => Decimal128Type::append_digits(small, out),
            None => out.extend_from_slice(value.to_string().as_bytes()),
        }
    }
}

struct Decimal<'a, T: DecimalDigits> {
    array: &'a PrimitiveArray<T>,
    scale: i8,
}

impl<T: DecimalDigits> Encode for Decimal<'_, T> {
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        T::append_digits(self.array.value(row), out);
        place_point(out, start, self.scale);
    }
}

pub(super) fn decimal<'a, T: DecimalDigits>(array: &'a dyn Array, scale: i8) -> Box<dyn Encode + 'a> {
    Box::new(Decimal { array: array.as_primitive::<T>(), scale })
}

/// Puts the decimal point into the digits from `start` on: `-5` with scale 2 is `-0.05`, with scale -2 it is `-500`.
fn place_point(out: &mut Vec<u8>, start: usize, scale: i8) {
    let is_negative = out.get(start) == Some(&b'-');
    let first_digit = start + usize::from(is_negative);
    let fraction = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        if out.get(first_digit) != Some(&b'0') {
            out.extend(std::iter::repeat_n(b'0', fraction));
        }
        return;
    }
    let missing = (fraction + 1).saturating_sub(out.len() - first_digit);
    if missing > 0 {
        out.splice(first_digit..first_digit, std::iter::repeat_n(b'0', missing));
    }
    out.insert(out.len() - fraction, b'.');
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Decimal128Array, Decimal256Array, Float32Array, Float64Array, UInt64Array};
    use datafusion::arrow::datatypes::i256;
    use proptest::prelude::*;

    use super::super::tests::{one, rendered};
    use super::*;

    fn texts(array: &dyn Array, style: Style) -> Vec<String> {
        rendered(array, style).into_iter().flatten().collect()
    }

    #[test]
    fn floats_are_short_and_tell_from_integers() {
        let array = Float64Array::from(vec![1.0, -0.0, 0.1, 1e16, 1e-7, f64::MAX]);
        assert_eq!(texts(&array, Style::Text), ["1.0", "-0.0", "0.1", "1e16", "1e-7", "1.7976931348623157e308"]);
        assert_eq!(one(&Float32Array::from(vec![0.1]), Style::Text), "0.1");
    }

    #[test]
    fn what_is_not_a_number_is_null_in_json_only() {
        let array = Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!(texts(&array, Style::Text), ["NaN", "Infinity", "-Infinity"]);
        assert_eq!(texts(&array, Style::Json), ["null", "null", "null"]);
        assert_eq!(texts(&array, Style::JsonInText), ["\"NaN\"", "\"Infinity\"", "\"-Infinity\""]);
    }

    #[test]
    fn the_largest_integer_keeps_its_last_digit() {
        assert_eq!(one(&UInt64Array::from(vec![u64::MAX]), Style::Json), "18446744073709551615");
    }

    #[test]
    fn decimals_keep_their_scale() {
        let decimal = |value, scale| {
            let array = Decimal128Array::from(vec![value]).with_precision_and_scale(38, scale).expect("fits");
            one(&array, Style::Text)
        };
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(0, 3), "0.000");
        assert_eq!(decimal(1250, 2), "12.50");
        assert_eq!(decimal(7, 0), "7");
        assert_eq!(decimal(-5, -2), "-500");
        assert_eq!(decimal(0, -2), "0");
        let large = i256::from_string(&"9".repeat(76)).expect("76 digits");
        let array = Decimal256Array::from(vec![large]).with_precision_and_scale(76, 75).expect("fits");
        assert_eq!(one(&array, Style::Text), format!("9.{}", "9".repeat(75)));
    }

    proptest! {
        #[test]
        fn decimals_are_what_arrow_says(value in -(10_i128.pow(37))..10_i128.pow(37), scale in 0_i8..=38) {
            let array = Decimal128Array::from(vec![value]).with_precision_and_scale(38, scale).expect("fits");
            prop_assert_eq!(one(&array, Style::Text), array.value_as_string(0));
        }

        #[test]
        fn floats_read_back(value in any::<f64>().prop_filter("NaN is not equal to itself", |value| !value.is_nan())) {
            let text = one(&Float64Array::from(vec![value]), Style::Text);
            prop_assert_eq!(text.parse::<f64>().expect("a number").to_bits(), value.to_bits());
        }
    }
}

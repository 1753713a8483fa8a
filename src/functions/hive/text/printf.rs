//! `printf`, also called `format_string`: values in a text, as Java's `Formatter` puts them
//!
//! datafusion-spark's counts bytes for widths, rounds halves to even and prints decimals without their point. Java rounds halves up, by the
//! shortest digits that tell a double, and writes `%s` of a double as `1.0E10`.

use std::fmt::Write;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::rounding::{Digits, digits_half_up};
use crate::functions::columns::{Texts, texts};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};
use crate::functions::hive::cast::cast;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "format_string",
                syntax: "format_string(format, value, …)",
                line: "Values in a text, as Java's String.format (and C's printf) puts them; also called printf.",
                example: "SELECT format_string('Hello %d %s', 100, 'days'), printf('%05.1f', 3.14159)",
                gives: "Hello 100 days,003.1",
            },
            &[Kind::Text],
            Gives::Text,
            printf,
        )
        .rest(Kind::Any)
        .aliases(&["printf"])
        .entry(),
    ]
}

/// A piece of a format.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Value(Directive),
}

/// `%-5.1f`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Directive {
    /// Of the argument, from 0; `None` for `%n` and `%%`.
    argument: Option<usize>,
    left: bool,
    sign: bool,
    blank: bool,
    zeros: bool,
    group: bool,
    parentheses: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

/// The widest that a value is padded to.
const WIDEST: usize = 1 << 20;

fn pieces(format: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = format;
    let (mut next, mut last) = (0, None);
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let (directive, behind) = directive(after, format)?;
        rest = behind;
        match directive.conversion {
            'n' => plain.push('\n'),
            '%' => {
                let mut text = String::new();
                padded(&directive, "%", &mut text);
                plain.push_str(&text);
            }
            _ => {
                let mut directive = directive;
                let argument = match directive.argument {
                    // `%<s`
                    Some(usize::MAX) => last,
                    Some(given) => given.checked_sub(1),
                    None => {
                        next += 1;
                        Some(next - 1)
                    }
                };
                let Some(argument) = argument else {
                    return exec_err!("'{format}' names an argument that is not there");
                };
                last = Some(argument);
                directive.argument = Some(argument);
                if !plain.is_empty() {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Value(directive));
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Plain(plain));
    }
    Ok(pieces)
}

/// What stands behind a `%`, and the rest.
fn directive<'a>(text: &'a str, format: &str) -> Result<(Directive, &'a str)> {
    let mut directive = Directive::default();
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('<') {
        directive.argument = Some(usize::MAX);
        rest = after;
    } else if let Some((number, after)) = rest.split_once('$')
        && let Ok(number) = number.parse::<usize>()
        && !rest.starts_with('0')
    {
        directive.argument = Some(number);
        rest = after;
    }
    loop {
        let Some(flag) = rest.chars().next() else { return exec_err!("'{format}' ends within a %") };
        match flag {
            '-' => directive.left = true,
            '+' => directive.sign = true,
            ' ' => directive.blank = true,
            '0' => directive.zeros = true,
            ',' => directive.group = true,
            '(' => directive.parentheses = true,
            '#' => directive.alternate = true,
            _ => break,
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    let digits = |rest: &mut &str| -> Option<usize> {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        *rest = after;
        if number.is_empty() { None } else { Some(number.parse::<usize>().unwrap_or(WIDEST).min(WIDEST)) }
    };
    directive.width = digits(&mut rest).unwrap_or(0);
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        let Some(precision) = digits(&mut rest) else { return exec_err!("'{format}' has a point without a precision") };
        directive.precision = Some(precision);
    }
    let Some(conversion) = rest.chars().next() else { return exec_err!("'{format}' ends within a %") };
    directive.conversion = conversion;
    if !"bBsScCdoxXeEfgGn%".contains(conversion) {
        return exec_err!("printf knows no %{conversion}; there are %b %s %c %d %o %x %e %f %g %n and %%");
    }
    Ok((directive, rest.get(conversion.len_utf8()..).unwrap_or_default()))
}

/// A value as Java has it.
enum Value {
    Null,
    Text(String),
    Boolean(bool),
    /// With its width in bits.
    Whole(i64, u32),
    /// With the digits that tell it.
    Double(f64, String),
    /// In plain digits.
    Decimal(String),
}

fn printf(call: &Call) -> Result<ArrayRef> {
    let formats = call.texts(0)?;
    let values = (1..call.count()).map(|index| Column::new(call, index)).collect::<Result<Vec<_>>>()?;
    let mut last: Option<(&str, Vec<Piece>)> = None;
    texts(call.rows, |row, text| {
        let Some(format) = formats.get(row) else { return Ok(false) };
        let (_, pieces) = match last.take() {
            Some(pair) if pair.0 == format => last.insert(pair),
            _ => last.insert((format, pieces(format)?)),
        };
        for piece in pieces.iter() {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Value(directive) => {
                    let index = directive.argument.unwrap_or_default();
                    let Some(column) = values.get(index) else {
                        return exec_err!("'{format}' needs {} values, and there are {}", index + 1, values.len());
                    };
                    written(directive, &column.value(row), text)?;
                }
            }
        }
        Ok(true)
    })
}

/// An argument.
struct Column {
    array: ArrayRef,
    /// What is no number, as text.
    texts: Option<Texts>,
    is_constant: bool,
}

impl Column {
    fn new(call: &Call, index: usize) -> Result<Self> {
        let (array, is_constant) = call.array(index)?;
        let is_number = array.data_type().is_numeric() || *array.data_type() == DataType::Boolean;
        let array = match array.data_type() {
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => cast(&array, &DataType::Int64)?,
            DataType::Float16 => cast(&array, &DataType::Float32)?,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal256(precision, scale) => {
                cast(&array, &DataType::Decimal128((*precision).min(38), *scale))?
            }
            _ => array,
        };
        let texts = match is_number || array.data_type().is_null() {
            true => None,
            false => Some(Texts::new(&cast(&array, &DataType::Utf8View)?, is_constant)?),
        };
        Ok(Column { array, texts, is_constant })
    }

    fn value(&self, row: usize) -> Value {
        if let Some(texts) = &self.texts {
            return texts.get(row).map_or(Value::Null, |text| Value::Text(text.to_owned()));
        }
        let row = if self.is_constant { 0 } else { row };
        let array = &self.array;
        if array.is_null(row) || array.data_type().is_null() {
            return Value::Null;
        }
        match array.data_type() {
            DataType::Boolean => Value::Boolean(array.as_boolean().value(row)),
            DataType::Int8 => Value::Whole(array.as_primitive::<Int8Type>().value(row).into(), 8),
            DataType::Int16 => Value::Whole(array.as_primitive::<Int16Type>().value(row).into(), 16),
            DataType::Int32 => Value::Whole(array.as_primitive::<Int32Type>().value(row).into(), 32),
            DataType::Int64 => Value::Whole(array.as_primitive::<Int64Type>().value(row), 64),
            DataType::Float32 => {
                let value = array.as_primitive::<Float32Type>().value(row);
                Value::Double(value.into(), ryu::Buffer::new().format(value).to_string())
            }
            DataType::Float64 => {
                let value = array.as_primitive::<Float64Type>().value(row);
                Value::Double(value, ryu::Buffer::new().format(value).to_string())
            }
            DataType::Decimal128(..) => Value::Decimal(array.as_primitive::<Decimal128Type>().value_as_string(row)),
            _ => Value::Null,
        }
    }
}

/// Writes a value as the directive says.
fn written(directive: &Directive, value: &Value, out: &mut String) -> Result<()> {
    let mismatch = |what: &str| exec_err!("printf: %{} takes {what}", directive.conversion);
    let mut text = String::new();
    match (directive.conversion.to_ascii_lowercase(), value) {
        ('b', Value::Null) => text.push_str("false"),
        ('b', Value::Boolean(value)) => text.push_str(if *value { "true" } else { "false" }),
        ('b', _) => text.push_str("true"),
        (_, Value::Null) => text.push_str("null"),
        ('s', value) => text = plain(value),
        ('c', Value::Whole(code, _)) => match u32::try_from(*code).ok().and_then(char::from_u32) {
            Some(character) => text.push(character),
            None => return exec_err!("printf: {code} is no character"),
        },
        ('c', Value::Text(character)) if character.chars().count() == 1 => text.push_str(character),
        ('c', _) => return mismatch("a character or its code"),
        ('d', Value::Whole(value, _)) => return number(directive, &digits_of_whole(*value), None, out),
        ('d', _) => return mismatch("a whole number"),
        ('o' | 'x', Value::Whole(value, bits)) => {
            let mask = if *bits == 64 { u64::MAX } else { (1 << bits) - 1 };
            let value = *value as u64 & mask;
            let octal = directive.conversion == 'o';
            let mut digits = if octal { format!("{value:o}") } else { format!("{value:x}") };
            if directive.alternate {
                digits.insert_str(0, if octal { "0" } else { "0x" });
            }
            if directive.zeros {
                let missing = directive.width.saturating_sub(digits.len());
                digits.insert_str(0, &"0".repeat(missing));
            }
            text = digits;
        }
        ('o' | 'x', _) => return mismatch("a whole number"),
        (conversion @ ('e' | 'f' | 'g'), Value::Double(value, digits)) => {
            if !value.is_finite() {
                text = not_finite(directive, *value);
            } else {
                let plain = in_plain_digits(digits);
                return fraction(directive, conversion, &plain, out);
            }
        }
        (conversion @ ('e' | 'f' | 'g'), Value::Decimal(digits)) => {
            return fraction(directive, conversion, digits, out);
        }
        ('e' | 'f' | 'g', _) => return mismatch("a number with a fraction; write 1.0 for 1, or use CAST(x AS DOUBLE)"),
        _ => return mismatch("another type"),
    }
    if let Some(precision) = directive.precision
        && (matches!(directive.conversion, 's' | 'S' | 'b' | 'B') || matches!(value, Value::Null))
    {
        text = text.chars().take(precision).collect();
    }
    if directive.conversion.is_ascii_uppercase() {
        text = text.to_uppercase();
    }
    padded(directive, &text, out);
    Ok(())
}

/// What `%s` makes of a value.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) | Value::Decimal(text) => text.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::Whole(value, _) => value.to_string(),
        Value::Double(value, digits) => {
            let mut text = String::new();
            crate::functions::hive::cast::java_double(*value, digits, &mut text);
            text
        }
    }
}

fn not_finite(directive: &Directive, value: f64) -> String {
    let name = if value.is_nan() { "NaN" } else { "Infinity" };
    match (value < 0.0, directive.parentheses) {
        (true, true) => format!("({name})"),
        (true, false) => format!("-{name}"),
        (false, _) if directive.sign && !value.is_nan() => format!("+{name}"),
        (false, _) => name.to_owned(),
    }
}

fn digits_of_whole(value: i64) -> Digits {
    Digits { is_negative: value < 0, whole: value.unsigned_abs().to_string(), decimals: String::new() }
}

/// `1.5e-7` → `0.00000015`
fn in_plain_digits(shortest: &str) -> String {
    let (sign, digits) = match shortest.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", shortest),
    };
    let Some((mantissa, exponent)) = digits.split_once('e') else { return shortest.to_owned() };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).unwrap_or(0) + exponent;
    match usize::try_from(point) {
        Err(_) | Ok(0) => format!("{sign}0.{}{all}", "0".repeat(point.unsigned_abs() as usize)),
        Ok(point) if point >= all.len() => format!("{sign}{all}{}.0", "0".repeat(point - all.len())),
        Ok(point) => {
            let (whole, fraction) = all.split_at(point);
            format!("{sign}{whole}.{fraction}")
        }
    }
}

/// `%f`, `%e` and `%g` of a number in plain digits.
fn fraction(directive: &Directive, conversion: char, plain: &str, out: &mut String) -> Result<()> {
    let precision = directive.precision.unwrap_or(6);
    match conversion {
        'f' => number(directive, &digits_half_up(plain, precision), None, out),
        'e' => {
            let (digits, exponent) = scientific(plain, precision);
            number(directive, &digits, Some(exponent), out)
        }
        _ => {
            let precision = precision.max(1);
            let (digits, exponent) = scientific(plain, precision - 1);
            let limit = i32::try_from(precision).unwrap_or(i32::MAX);
            let is_zero = digits.whole == "0" && digits.decimals.bytes().all(|digit| digit == b'0');
            if is_zero || (-4..limit).contains(&exponent) {
                let places = usize::try_from(limit - 1 - exponent).unwrap_or(0);
                return number(
                    directive,
                    &digits_half_up(plain, if is_zero { precision - 1 } else { places }),
                    None,
                    out,
                );
            }
            number(directive, &digits, Some(exponent), out)
        }
    }
}

/// One digit before the point and so many behind, and the power of ten.
fn scientific(plain: &str, places: usize) -> (Digits, i32) {
    let is_negative = plain.starts_with('-');
    let unsigned = plain.trim_start_matches('-');
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    if leading == all.len() {
        return (Digits { is_negative, whole: "0".to_owned(), decimals: "0".repeat(places) }, 0);
    }
    let significant = all.get(leading..).unwrap_or_default();
    let exponent = i32::try_from(whole.len()).unwrap_or(0) - 1 - i32::try_from(leading).unwrap_or(0);
    let (first, rest) = significant.split_at(1);
    let mut digits = digits_half_up(&format!("{first}.{rest}"), places);
    digits.is_negative = is_negative;
    if digits.whole.len() == 2 {
        // 9.99 became 10.0.
        digits.decimals = "0".repeat(places);
        digits.whole = "1".to_owned();
        return (digits, exponent + 1);
    }
    (digits, exponent)
}

/// Digits with a sign, groups, zeros and what else the flags say.
fn number(directive: &Directive, digits: &Digits, exponent: Option<i32>, out: &mut String) -> Result<()> {
    let mut whole = match digits.whole.trim_start_matches('0') {
        "" => "0".to_owned(),
        whole => whole.to_owned(),
    };
    if directive.group {
        whole = grouped(&whole);
    }
    let mut body = whole;
    if !digits.decimals.is_empty() || directive.alternate && directive.conversion != 'd' {
        body.push('.');
        body.push_str(&digits.decimals);
    }
    if let Some(exponent) = exponent {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(body, "e{sign}{:02}", exponent.unsigned_abs());
    }
    let (before, after) = match (digits.is_negative, directive.parentheses) {
        (true, true) => ("(", ")"),
        (true, false) => ("-", ""),
        (false, _) if directive.sign => ("+", ""),
        (false, _) if directive.blank => (" ", ""),
        (false, _) => ("", ""),
    };
    let length = before.len() + body.len() + after.len();
    let zeros = match directive.zeros && !directive.left {
        true => "0".repeat(directive.width.saturating_sub(length)),
        false => String::new(),
    };
    let mut text = format!("{before}{zeros}{body}{after}");
    if directive.conversion.is_ascii_uppercase() {
        text = text.to_uppercase();
    }
    padded(directive, &text, out);
    Ok(())
}

fn grouped(whole: &str) -> String {
    let mut text = String::with_capacity(whole.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Fills up with blanks to the width, in characters.
fn padded(directive: &Directive, text: &str, out: &mut String) {
    let missing = directive.width.saturating_sub(text.chars().count());
    if !directive.left {
        out.extend(std::iter::repeat_n(' ', missing));
    }
    out.push_str(text);
    if directive.left {
        out.extend(std::iter::repeat_n(' ', missing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(format: &str, value: Value) -> String {
        let mut text = String::new();
        for piece in pieces(format).unwrap() {
            match piece {
                Piece::Plain(plain) => text.push_str(&plain),
                Piece::Value(directive) => written(&directive, &value, &mut text).unwrap(),
            }
        }
        text
    }

    fn double(value: f64) -> Value {
        Value::Double(value, ryu::Buffer::new().format(value).to_string())
    }

    /// As Java 17 prints them.
    #[test]
    fn doubles_are_rounded_half_up_by_their_shortest_digits() {
        for (format, value, text) in [
            ("%.1f", 0.25, "0.3"),
            ("%.2f", 0.125, "0.13"),
            ("%.1f", 0.15, "0.2"),
            ("%.0f", 2.5, "3"),
            ("%.1f", -0.25, "-0.3"),
            ("%f", 1e10, "10000000000.000000"),
            ("%.3f", 1e-7, "0.000"),
            ("%e", 12345.678, "1.234568e+04"),
            ("%.0e", 9.99, "1e+01"),
            ("%E", 1e-10, "1.000000E-10"),
            ("%g", 0.0001, "0.000100000"),
            ("%g", 1234567.0, "1.23457e+06"),
            ("%g", 123456.0, "123456"),
            ("%,.2f", 1234567.891, "1,234,567.89"),
            ("%+.1f", 1.5, "+1.5"),
            ("%(.1f", -1.5, "(1.5)"),
            ("%08.2f", -3.4567, "-0003.46"),
            ("%s", 1e10, "1.0E10"),
            ("%s", 0.1, "0.1"),
        ] {
            assert_eq!(of(format, double(value)), text, "{format}");
        }
    }

    #[test]
    fn widths_count_characters() {
        assert_eq!(of("%5s|", Value::Text("é".to_owned())), "    é|");
        assert_eq!(of("%-3s|", Value::Text("ü".to_owned())), "ü  |");
        assert_eq!(of("%.2s|%%|%n", Value::Text("Zürich".to_owned())), "Zü|%|\n");
    }

    #[test]
    fn whole_numbers_have_their_width() {
        assert_eq!(of("%x", Value::Whole(-1, 32)), "ffffffff");
        assert_eq!(of("%X", Value::Whole(-1, 64)), "FFFFFFFFFFFFFFFF");
        assert_eq!(of("%o", Value::Whole(8, 32)), "10");
        assert_eq!(of("%05d", Value::Whole(-42, 32)), "-0042");
        assert_eq!(of("%,d", Value::Whole(1_234_567, 64)), "1,234,567");
        assert_eq!(of("%c", Value::Whole(65, 32)), "A");
        assert_eq!(of("%d %s %b %.2f", Value::Null), "null null false nu");
    }

    #[test]
    fn decimals_keep_their_digits() {
        assert_eq!(of("%.1f", Value::Decimal("0.25".to_owned())), "0.3");
        assert_eq!(of("%s", Value::Decimal("1.50".to_owned())), "1.50");
    }

    #[test]
    fn what_java_does_not_know_is_an_error() {
        for format in ["%q", "%", "%5", "%.f", "%<s"] {
            assert!(pieces(format).is_err(), "{format}");
        }
        assert!(
            written(&Directive { conversion: 'd', ..Directive::default() }, &double(1.5), &mut String::new()).is_err()
        );
    }
}

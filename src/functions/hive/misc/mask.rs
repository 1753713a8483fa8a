//! `mask` and its kin: characters replaced by others of their kind, so that a value is not told but its shape is

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Date32Array};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result;
use datafusion::functions::crypto;

use crate::functions::columns::{Texts, characters, numbers, texts};
use crate::functions::define::{Call, Function, Gives, Kind, cast_to};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        function(
            Help {
                name: "mask",
                syntax: "mask(value[, upper[, lower[, digit[, other[, number]]]]])",
                line: "Letters become X and x, digits n (or other characters), the digits of a number 1; -1 leaves them.",
                example: "SELECT mask('Abcd-1234'), mask('Abcd-1234', 'U', 'l', '#', '.'), mask(123)",
                gives: "Xxxx-nnnn,Ulll.####,111",
            },
            false,
            |call| mask(call, 1, |_| 0..usize::MAX),
        ),
        function(
            Help {
                name: "mask_first_n",
                syntax: "mask_first_n(value[, count[, upper[, lower[, digit[, other[, number]]]]]])",
                line: "Masks so many characters (4 if nothing is said) at the beginning.",
                example: "SELECT mask_first_n('1234-5678-8765-4321', 4)",
                gives: "nnnn-5678-8765-4321",
            },
            true,
            |call| mask(call, 2, |(_, count)| 0..count),
        ),
        function(
            Help {
                name: "mask_last_n",
                syntax: "mask_last_n(value[, count[, upper[, lower[, digit[, other[, number]]]]]])",
                line: "Masks so many characters (4 if nothing is said) at the end.",
                example: "SELECT mask_last_n('1234-5678-8765-4321', 4)",
                gives: "1234-5678-8765-nnnn",
            },
            true,
            |call| mask(call, 2, |(length, count)| length.saturating_sub(count)..length),
        ),
        function(
            Help {
                name: "mask_show_first_n",
                syntax: "mask_show_first_n(value[, count[, upper[, lower[, digit[, other[, number]]]]]])",
                line: "Masks all but so many characters (4 if nothing is said) at the beginning.",
                example: "SELECT mask_show_first_n('1234-5678-8765-4321', 4)",
                gives: "1234-nnnn-nnnn-nnnn",
            },
            true,
            |call| mask(call, 2, |(length, count)| count.min(length)..length),
        ),
        function(
            Help {
                name: "mask_show_last_n",
                syntax: "mask_show_last_n(value[, count[, upper[, lower[, digit[, other[, number]]]]]])",
                line: "Masks all but so many characters (4 if nothing is said) at the end.",
                example: "SELECT mask_show_last_n('1234-5678-8765-4321', 4)",
                gives: "nnnn-nnnn-nnnn-4321",
            },
            true,
            |call| mask(call, 2, |(length, count)| 0..length.saturating_sub(count)),
        ),
        Function::new(
            Help {
                name: "mask_hash",
                syntax: "mask_hash(text)",
                line: "The SHA-256 digest of a text in hexadecimal digits; NULL for what is not text.",
                example: "SELECT mask_hash('abcd'), mask_hash(1)",
                gives: "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589,NULL",
            },
            &[Kind::Any],
            Gives::Text,
            mask_hash,
        )
        .entry(),
    ]
}

fn function(help: Help, has_count: bool, routine: fn(&Call) -> Result<ArrayRef>) -> Entry {
    let mut optional = vec![Kind::Text; 5];
    if has_count {
        optional.insert(0, Kind::Integer);
    }
    let gives = Gives::Of(|given| {
        Ok(match given.first() {
            Some(given) if given.is_signed_integer() || *given == DataType::Date32 => given.clone(),
            _ => DataType::Utf8View,
        })
    });
    // A date has parts to mask as well.
    optional.extend([Kind::Text; 3]);
    Function::new(help, &[Kind::Any], gives, routine).optional(&optional).entry()
}

/// What characters become; `None` for those that stay.
#[derive(Debug, Clone, Copy)]
struct Masks {
    upper: Option<char>,
    lower: Option<char>,
    digit: Option<char>,
    other: Option<char>,
    number: Option<u32>,
}

impl Masks {
    fn of(&self, c: char) -> char {
        let mask = match c {
            c if c.is_uppercase() => self.upper,
            c if c.is_lowercase() => self.lower,
            '0'..='9' => self.digit,
            c if !c.is_ascii() && c.is_numeric() => self.digit,
            _ => self.other,
        };
        mask.unwrap_or(c)
    }
}

/// The arguments that say what becomes of characters.
struct MaskArguments(BTreeMap<usize, Texts>);

impl MaskArguments {
    fn new(call: &Call, first: usize) -> Result<Self> {
        (first..call.count().min(first + 5))
            .map(|index| Ok((index - first, call.texts(index)?)))
            .collect::<Result<_>>()
            .map(Self)
    }

    fn get(&self, row: usize) -> Masks {
        // NULL, and a number that is not -1, stand for what is usual.
        let mask = |index: usize, usual: Option<char>| match self.0.get(&index).and_then(|texts| texts.get(row)) {
            Some("-1") => None,
            Some(text) => text.chars().next().or(usual),
            None => usual,
        };
        Masks {
            upper: mask(0, Some('X')),
            lower: mask(1, Some('x')),
            digit: mask(2, Some('n')),
            other: mask(3, None),
            number: mask(4, Some('1')).map(|c| c.to_digit(10).unwrap_or(1)),
        }
    }
}

/// Masks the characters or digits of a range, which is made of how many there are and of the count that is given.
fn mask(call: &Call, first_mask: usize, range: fn((usize, usize)) -> Range<usize>) -> Result<ArrayRef> {
    let masks = MaskArguments::new(call, first_mask)?;
    let counts = if first_mask == 2 { call.optional_integers(1)? } else { None };
    let count = |row: usize| match &counts {
        Some(counts) => counts.get(row).map_or(4, |count| usize::try_from(count).unwrap_or(0)),
        None => 4,
    };
    let (array, is_constant) = call.array(0)?;
    let data_type = array.data_type().clone();
    if data_type.is_signed_integer() {
        let values = call.integers(0)?;
        let masked = numbers::<Int64Type>(call.rows, |row| {
            let Some(value) = values.get(row) else { return Ok(None) };
            let Some(mask) = masks.get(row).number else { return Ok(Some(value)) };
            Ok(Some(mask_number(value, mask, |length| range((length, count(row))))))
        })?;
        return cast_to(&masked, &data_type);
    }
    if data_type == DataType::Date32 {
        // The first day of the first year.
        let dates = call.full_array(0)?;
        let masked = dates.as_primitive::<datafusion::arrow::datatypes::Date32Type>().iter();
        return Ok(Arc::new(masked.map(|date| date.map(|_| -719_162)).collect::<Date32Array>()));
    }
    if !data_type.is_string() {
        return texts(call.rows, |_, _| Ok(false));
    }
    let values = Texts::new(&array, is_constant)?;
    texts(call.rows, |row, out| {
        let Some(value) = values.get(row) else { return Ok(false) };
        let masks = masks.get(row);
        let range = range((characters(value, value.is_ascii()), count(row)));
        out.extend(value.chars().enumerate().map(|(index, c)| if range.contains(&index) { masks.of(c) } else { c }));
        Ok(true)
    })
}

fn mask_number(value: i64, mask: u32, range: impl Fn(usize) -> Range<usize>) -> i64 {
    let digits = value.unsigned_abs().to_string();
    let range = range(digits.len());
    let masked = digits.chars().enumerate().map(|(index, digit)| {
        if range.contains(&index) { u64::from(mask) } else { u64::from(digit.to_digit(10).unwrap_or(0)) }
    });
    let masked = masked.fold(0u64, |number, digit| number.wrapping_mul(10).wrapping_add(digit));
    let masked = i64::try_from(masked).unwrap_or(i64::MAX);
    if value < 0 { -masked } else { masked }
}

fn mask_hash(call: &Call) -> Result<ArrayRef> {
    use datafusion::arrow::datatypes::Field;
    use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

    let values = call.full_array(0)?;
    if !values.data_type().is_string() {
        return texts(call.rows, |_, _| Ok(false));
    }
    let digest = crypto::sha256().inner().invoke_with_args(ScalarFunctionArgs {
        arg_fields: vec![Arc::new(Field::new("value", values.data_type().clone(), true))],
        args: vec![ColumnarValue::Array(values)],
        number_rows: call.rows,
        return_field: Arc::new(Field::new("digest", DataType::Binary, true)),
        config_options: Arc::clone(&call.config),
    })?;
    let digest = digest.to_array(call.rows)?;
    let digest = crate::functions::columns::Bytes::new(&cast_to(&digest, &DataType::BinaryView)?, false)?;
    texts(call.rows, |row, out| {
        Ok(digest.get(row).map(|bytes| crate::functions::columns::push_hex(bytes, out)).is_some())
    })
}

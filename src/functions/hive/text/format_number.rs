//! `format_number`: a number with commas between thousands, or after a pattern of Java's `DecimalFormat`

use std::fmt::Write;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;

use super::rounding::{Digits, digits_of_double, digits_of_text};
use crate::functions::columns::{Doubles, Texts, texts};
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "format_number",
                syntax: "format_number(number, decimals or pattern)",
                line: "A number with commas and so many decimals, or after a pattern such as '#,##0.00'.",
                example: "SELECT replace(format_number(12332.123456, 4), ',', '_'), format_number(12332.123456, '#.###')",
                gives: "12_332.1235,12332.123",
            },
            &[Kind::Number, Kind::Any],
            Gives::Of(|given| match given.get(1) {
                Some(second) if second.is_integer() || second.is_string() || second.is_null() => Ok(DataType::Utf8View),
                _ => plan_err!("format_number takes a number of decimals or a pattern"),
            }),
            format_number,
        )
        .entry(),
    ]
}

enum Numbers {
    Double(Doubles),
    /// Whole numbers and decimals, exactly.
    Text(Texts),
}

fn format_number(call: &Call) -> Result<ArrayRef> {
    let (array, is_constant) = call.array(0)?;
    let numbers = match array.data_type() {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Numbers::Double(call.doubles(0)?),
        _ => Numbers::Text(Texts::new(&array, is_constant)?),
    };
    let (second, second_is_constant) = call.array(1)?;
    if second.data_type().is_string() {
        let patterns = Texts::new(&second, second_is_constant)?;
        let mut last: Option<(&str, Pattern)> = None;
        return texts(call.rows, |row, text| {
            let Some(pattern) = patterns.get(row) else { return Ok(false) };
            let (_, pattern) = match last.take() {
                Some(pair) if pair.0 == pattern => last.insert(pair),
                _ => last.insert((pattern, Pattern::new(pattern)?)),
            };
            pattern.write(&numbers, row, text)
        });
    }
    let decimals = call.integers(1)?;
    texts(call.rows, |row, text| {
        // As many as a `DecimalFormat` of Java's writes at most.
        let Some(decimals @ 0..) = decimals.get(row) else { return Ok(false) };
        let decimals = decimals.min(340) as usize;
        let pattern = Pattern {
            least_whole: 1,
            least_decimals: decimals,
            most_decimals: decimals,
            group: 3,
            shift: 0,
            negative: None,
            prefix: String::new(),
            suffix: String::new(),
        };
        pattern.write(&numbers, row, text)
    })
}

#[derive(Debug, Default)]
struct Pattern {
    least_whole: usize,
    least_decimals: usize,
    most_decimals: usize,
    /// How many digits stand together, or 0.
    group: usize,
    /// 2 for per cent.
    shift: usize,
    prefix: String,
    suffix: String,
    /// What stands around negative numbers, if a second pattern after a semicolon says so.
    negative: Option<(String, String)>,
}

impl Pattern {
    fn new(text: &str) -> Result<Self> {
        let mut pattern = Pattern::default();
        let mut rest = text;
        pattern.prefix = pattern.affix(&mut rest);
        let (mut whole, mut is_after_point, mut last_comma) = (0, false, None);
        while let Some(c) = rest.chars().next() {
            match c {
                '#' | '0' if is_after_point => {
                    pattern.most_decimals += 1;
                    if c == '0' {
                        pattern.least_decimals = pattern.most_decimals;
                    }
                }
                '#' | '0' => {
                    whole += 1;
                    pattern.least_whole += usize::from(c == '0');
                }
                ',' if !is_after_point => last_comma = Some(whole),
                '.' if !is_after_point => is_after_point = true,
                'E' => return exec_err!("format_number has no exponents: '{text}'"),
                _ => break,
            }
            rest = &rest[c.len_utf8()..];
        }
        pattern.group = last_comma.map_or(0, |comma| whole - comma);
        pattern.most_decimals = pattern.most_decimals.min(340);
        pattern.least_decimals = pattern.least_decimals.min(340);
        if whole + pattern.most_decimals == 0 && is_after_point {
            return exec_err!("'{text}' is no pattern for numbers");
        }
        // Without a `0`, the digit at the point is one.
        if is_after_point && pattern.least_whole + pattern.least_decimals == 0 {
            match whole {
                0 => pattern.least_decimals = pattern.most_decimals.min(1),
                _ => pattern.least_whole = 1,
            }
        }
        pattern.suffix = pattern.affix(&mut rest);
        if let Some(mut negative) = rest.strip_prefix(';') {
            let mut ignored = Pattern::default();
            let prefix = ignored.affix(&mut negative);
            let mut after = negative.trim_start_matches(['#', '0', ',', '.']);
            pattern.negative = Some((prefix, ignored.affix(&mut after)));
        }
        Ok(pattern)
    }

    /// The text before or after the digits. `'` quotes.
    fn affix(&mut self, rest: &mut &str) -> String {
        let mut affix = String::new();
        let mut is_quoted = false;
        while let Some(c) = rest.chars().next() {
            match c {
                '\'' if rest.starts_with("''") => {
                    affix.push('\'');
                    *rest = &rest[1..];
                }
                '\'' => is_quoted = !is_quoted,
                '#' | '0' | ',' | '.' | ';' if !is_quoted => break,
                '%' | '\u{2030}' if !is_quoted => {
                    self.shift = if c == '%' { 2 } else { 3 };
                    affix.push(c);
                }
                c => affix.push(c),
            }
            *rest = &rest[c.len_utf8()..];
        }
        affix
    }

    fn write(&self, numbers: &Numbers, row: usize, out: &mut String) -> Result<bool> {
        let digits = match numbers {
            Numbers::Double(doubles) => {
                let Some(value) = doubles.get(row) else { return Ok(false) };
                if !value.is_finite() {
                    out.push_str(match (value.is_nan(), value > 0.0) {
                        (true, _) => "NaN",
                        (false, true) => "∞",
                        (false, false) => "-∞",
                    });
                    return Ok(true);
                }
                let factor = 10f64.powi(self.shift as i32);
                digits_of_double(value * factor, self.most_decimals)
            }
            Numbers::Text(texts) => {
                let Some(value) = texts.get(row) else { return Ok(false) };
                digits_of_text(value, self.shift, self.most_decimals)
            }
        };
        self.write_digits(&digits, out);
        Ok(true)
    }

    fn write_digits(&self, digits: &Digits, out: &mut String) {
        let decimals = {
            let least = self.least_decimals.min(digits.decimals.len());
            let kept = digits.decimals.trim_end_matches('0').len().max(least);
            &digits.decimals[..kept]
        };
        let whole = digits.whole.trim_start_matches('0');
        // Java's minus stands before the zero that -0.001 is rounded to, too.
        let (prefix, suffix) = match (&self.negative, digits.is_negative) {
            (Some((prefix, suffix)), true) => (prefix, suffix),
            (None, true) => {
                out.push('-');
                (&self.prefix, &self.suffix)
            }
            _ => (&self.prefix, &self.suffix),
        };
        out.push_str(prefix);
        let missing = self.least_whole.saturating_sub(whole.len());
        let length = whole.len() + missing;
        let zeros = std::iter::repeat_n('0', missing);
        for (index, digit) in zeros.chain(whole.chars()).enumerate() {
            if index > 0 && self.group > 0 && (length - index).is_multiple_of(self.group) {
                out.push(',');
            }
            out.push(digit);
        }
        if length == 0 && decimals.is_empty() {
            out.push('0');
        }
        if !decimals.is_empty() {
            let _ = write!(out, ".{decimals}");
        }
        out.push_str(suffix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pattern: &str, value: f64) -> String {
        let pattern = Pattern::new(pattern).unwrap();
        let mut out = String::new();
        pattern
            .write_digits(&digits_of_double(value * 10f64.powi(pattern.shift as i32), pattern.most_decimals), &mut out);
        out
    }

    #[test]
    fn patterns_are_javas() {
        assert_eq!(written("#,##0.00", 1234567.891), "1,234,567.89");
        assert_eq!(written("#,###", 0.0), "0");
        assert_eq!(written("00000", 42.0), "00042");
        assert_eq!(written("#.##", 0.5), "0.5");
        assert_eq!(written("#.0", 0.5), ".5");
        assert_eq!(written(".##", 0.5), ".5");
        assert_eq!(written("0.#", 2.0), "2");
        assert_eq!(written("0%", 0.256), "26%");
        assert_eq!(written("'#'0", 3.0), "#3");
        assert_eq!(written("$0;($0)", -3.0), "($3)");
        assert_eq!(written("0.0", 0.25), "0.2");
        assert_eq!(written("0.0", -12.0), "-12.0");
    }
}

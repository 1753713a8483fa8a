//! PostgreSQL's templates for numbers: `9,990.00`, `FM999MI`, `9.99EEEE`
//!
//! A `9` is a digit, or a blank before the number begins; from a `0` on there are digits. Of numbers that are too large for their template
//! the digits are `#`.

use std::fmt::Write;

use datafusion::common::exec_err;
use datafusion::error::Result;

use super::time_writer::ordinal_suffix;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    /// Whether it is a `0`.
    Digit(bool),
    Point,
    Comma,
    /// `S`
    Sign,
    Minus,
    Plus,
    PlusOrMinus,
    /// `PR`
    Brackets,
    /// `L`: a blank, where there is no currency
    Currency,
    /// Whether it is in upper case.
    Ordinal(bool),
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberTemplate {
    nodes: Vec<Node>,
    is_filled: bool,
    has_exponent: bool,
    /// How many digits stand before the point, and after it.
    whole: usize,
    decimals: usize,
    /// How many digits follow a `V`: the number is multiplied by as many tens.
    shift: usize,
    /// The place of the first `0` before the point, and how many digits after it have to be there.
    first_zero: Option<usize>,
    least_decimals: usize,
    has_point: bool,
}

/// What is written in the place of a number.
struct Digits {
    is_negative: bool,
    whole: String,
    decimals: String,
}

impl NumberTemplate {
    pub fn new(text: &str) -> Result<Self> {
        let mut template = NumberTemplate { is_filled: true, ..Self::default() };
        let mut rest = text;
        let mut is_after_v = false;
        while let Some(c) = rest.chars().next() {
            let starts_with = |name: &str| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
            let length = match c {
                '"' => {
                    let end = rest[1..].find('"').map_or(rest.len(), |end| end + 2);
                    template.nodes.push(Node::Text(rest[1..end].trim_end_matches('"').to_owned()));
                    end
                }
                '9' | '0' => {
                    template.digit(c == '0', is_after_v);
                    1
                }
                '.' | 'D' | 'd' => {
                    if template.has_point {
                        return exec_err!("to_char: '{text}' has two points");
                    }
                    template.has_point = true;
                    template.nodes.push(Node::Point);
                    1
                }
                ',' | 'G' | 'g' => {
                    template.nodes.push(Node::Comma);
                    1
                }
                _ if starts_with("EEEE") => {
                    template.has_exponent = true;
                    4
                }
                _ if starts_with("FM") => {
                    template.is_filled = false;
                    2
                }
                _ if starts_with("MI") => template.push(Node::Minus, 2),
                _ if starts_with("PL") => template.push(Node::Plus, 2),
                _ if starts_with("SG") => template.push(Node::PlusOrMinus, 2),
                _ if starts_with("PR") => template.push(Node::Brackets, 2),
                _ if starts_with("RN") => return exec_err!("to_char writes no Roman numbers: '{text}'"),
                _ if starts_with("TH") => template.push(Node::Ordinal(c == 'T'), 2),
                'S' | 's' => template.push(Node::Sign, 1),
                'L' | 'l' => template.push(Node::Currency, 1),
                'V' | 'v' => {
                    is_after_v = true;
                    1
                }
                // Without a meaning, but not for text.
                'B' | 'b' | 'C' | 'c' => 1,
                '\\' if rest.starts_with("\\\"") => template.push(Node::Text("\"".to_owned()), 2),
                c => template.push(Node::Text(c.to_string()), c.len_utf8()),
            };
            rest = &rest[length..];
        }
        if template.whole + template.decimals > 1000 {
            return exec_err!("to_char: a template has too many digits");
        }
        Ok(template)
    }

    fn push(&mut self, node: Node, length: usize) -> usize {
        self.nodes.push(node);
        length
    }

    fn digit(&mut self, is_zero: bool, is_after_v: bool) {
        self.nodes.push(Node::Digit(is_zero));
        if self.has_point {
            self.decimals += 1;
            if is_zero {
                self.least_decimals = self.decimals;
            }
            return;
        }
        if is_zero && self.first_zero.is_none() {
            self.first_zero = Some(self.whole);
        }
        self.whole += 1;
        self.shift += usize::from(is_after_v);
    }

    /// Of a double no more than 15 digits say anything.
    pub fn write_double(&self, value: f64, out: &mut String) {
        if self.has_exponent {
            return self.write_exponent(value, out);
        }
        if value.is_nan() {
            out.push_str(if self.is_filled { " NaN" } else { "NaN" });
            return;
        }
        let value = value * 10f64.powi(self.shift.try_into().unwrap_or(i32::MAX));
        let is_negative = value.is_sign_negative() && value != 0.0;
        if value.is_infinite() {
            return self.write_digits(Digits { is_negative, whole: String::new(), decimals: String::new() }, true, out);
        }
        let whole_digits = format!("{:.0}", value.abs()).len();
        let decimals = self.decimals.min(15usize.saturating_sub(whole_digits));
        let text = format!("{:.decimals$}", value.abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let fraction = format!("{fraction:0<width$}", width = self.decimals);
        self.write_rounded(is_negative, whole, &fraction, out);
    }

    /// Of a number in plain digits. Halves go away from zero.
    pub fn write_exact(&self, text: &str, out: &mut String) {
        if self.has_exponent {
            return self.write_exponent(text.parse().unwrap_or(f64::NAN), out);
        }
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit).collect();
        let (point, end) = (whole.len() + self.shift, whole.len() + self.shift + self.decimals);
        let rounds_up = digits.get(end).is_some_and(|digit| *digit >= b'5');
        digits.resize(end, b'0');
        // One digit more, in case all are nines.
        digits.insert(0, b'0');
        if rounds_up {
            for digit in digits.iter_mut().rev() {
                if *digit < b'9' {
                    *digit += 1;
                    break;
                }
                *digit = b'0';
            }
        }
        let digits: String = digits.into_iter().map(char::from).collect();
        let (whole, decimals) = digits.split_at(point + 1);
        let is_zero = digits.bytes().all(|digit| digit == b'0');
        self.write_rounded(is_negative && !is_zero, whole, decimals, out);
    }

    fn write_rounded(&self, is_negative: bool, whole: &str, decimals: &str, out: &mut String) {
        let whole = whole.trim_start_matches('0');
        // Without a digit before the point there is no place even for a zero.
        let is_too_large = whole.len() > self.whole || self.whole == 0 && self.decimals > 0;
        // A zero stands before the point only where a digit has to.
        let whole = if whole.is_empty() && self.decimals == 0 { "0" } else { whole };
        self.write_digits(
            Digits { is_negative, whole: whole.to_owned(), decimals: decimals.to_owned() },
            is_too_large,
            out,
        );
    }

    fn write_digits(&self, mut digits: Digits, is_too_large: bool, out: &mut String) {
        if is_too_large {
            digits.whole = "#".repeat(self.whole);
            digits.decimals = "#".repeat(self.decimals);
        }
        if self.whole == 0 {
            digits.whole.clear();
        }
        let first = self.whole.saturating_sub(digits.whole.len());
        let begin = self.first_zero.map_or(first, |zero| zero.min(first));
        let kept_decimals = match self.is_filled || is_too_large {
            true => self.decimals,
            false => digits.decimals.trim_end_matches('0').len().max(self.least_decimals),
        };
        let has = |node: &Node| self.nodes.contains(node);
        let is_signed_elsewhere = has(&Node::Minus) || has(&Node::PlusOrMinus);
        let sign_node = self.nodes.iter().position(|node| *node == Node::Sign);
        let first_digit = self.nodes.iter().position(|node| matches!(node, Node::Digit(_) | Node::Point));
        let sign_leads = sign_node.is_some() && sign_node < first_digit;
        // What stands right before the first digit.
        let lead = if is_signed_elsewhere || (sign_node.is_some() && !sign_leads) {
            ""
        } else if has(&Node::Brackets) {
            if digits.is_negative { "<" } else { " " }
        } else if digits.is_negative {
            "-"
        } else if sign_leads {
            "+"
        } else {
            " "
        };
        let lead = if self.is_filled { lead } else { lead.trim() };
        let mut lead = Some(lead);
        let (mut place, mut is_after_point) = (0, false);
        for node in &self.nodes {
            match node {
                Node::Digit(_) if is_after_point => {
                    if place < kept_decimals {
                        out.push_str(digits.decimals.get(place..=place).unwrap_or("0"));
                    }
                    place += 1;
                }
                Node::Digit(_) => {
                    if place < begin {
                        if self.is_filled {
                            out.push(' ');
                        }
                    } else {
                        out.push_str(lead.take().unwrap_or_default());
                        let digit = place.checked_sub(first).and_then(|index| digits.whole.get(index..=index));
                        out.push_str(digit.unwrap_or("0"));
                    }
                    place += 1;
                }
                Node::Point => {
                    out.push_str(lead.take().unwrap_or_default());
                    // No point without a digit after it in the template.
                    if self.decimals > 0 || is_too_large {
                        out.push('.');
                    }
                    (place, is_after_point) = (0, true);
                }
                Node::Comma if is_after_point => out.push(','),
                Node::Comma => match place > begin || place == begin && lead.is_none() {
                    true => out.push(','),
                    false if self.is_filled => out.push(' '),
                    false => {}
                },
                Node::Sign if sign_leads => {}
                Node::Sign => out.push(if digits.is_negative { '-' } else { '+' }),
                Node::PlusOrMinus => out.push(if digits.is_negative { '-' } else { '+' }),
                Node::Minus => out.push_str(match digits.is_negative {
                    true => "-",
                    false if self.is_filled => " ",
                    false => "",
                }),
                Node::Plus => out.push_str(match digits.is_negative {
                    false => "+",
                    true if self.is_filled => " ",
                    true => "",
                }),
                Node::Brackets => out.push_str(match digits.is_negative {
                    true => ">",
                    false if self.is_filled => " ",
                    false => "",
                }),
                Node::Currency => out.push(' '),
                Node::Ordinal(is_upper) => {
                    // Neither negative numbers nor such with decimals have one.
                    if !digits.is_negative && !self.has_point && !is_too_large {
                        let suffix = ordinal_suffix(&digits.whole);
                        match is_upper {
                            true => out.push_str(&suffix.to_ascii_uppercase()),
                            false => out.push_str(suffix),
                        }
                    }
                }
                Node::Text(text) => out.push_str(text),
            }
        }
    }

    fn write_exponent(&self, value: f64, out: &mut String) {
        if !value.is_finite() {
            return self.write_digits(
                Digits { is_negative: false, whole: String::new(), decimals: String::new() },
                true,
                out,
            );
        }
        let text = format!("{:.*e}", self.decimals, value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        if value < 0.0 {
            out.push('-');
        } else if self.is_filled {
            out.push(' ');
        }
        let _ = write!(out, "{mantissa}e{sign}{exponent:0>2}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str, template: &str) -> String {
        let mut out = String::new();
        NumberTemplate::new(template).unwrap().write_exact(text, &mut out);
        out
    }

    fn double(value: f64, template: &str) -> String {
        let mut out = String::new();
        NumberTemplate::new(template).unwrap().write_double(value, &mut out);
        out
    }

    /// From PostgreSQL's manual, and what PostgreSQL 15 gives.
    #[test]
    fn numbers_are_written_as_in_postgresql() {
        for (number, template, expected) in [
            ("-0.1", "99.99", "  -.10"),
            ("-0.1", "FM9.99", "-.1"),
            ("0.1", "0.9", " 0.1"),
            ("12", "9990999.9", "    0012.0"),
            ("12", "FM9990999.9", "0012."),
            ("485", "999", " 485"),
            ("-485", "999", "-485"),
            ("485", "9 9 9", " 4 8 5"),
            ("1485", "9,999", " 1,485"),
            ("1485", "9G999", " 1,485"),
            ("148.5", "999.999", " 148.500"),
            ("148.5", "FM999.999", "148.5"),
            ("148.5", "FM999.990", "148.500"),
            ("-485", "999S", "485-"),
            ("-485", "999MI", "485-"),
            ("485", "999MI", "485 "),
            ("485", "FM999MI", "485"),
            ("485", "SG999", "+485"),
            ("-485", "SG999", "-485"),
            ("-485", "9SG99", "4-85"),
            ("-485", "999PR", "<485>"),
            ("485", "PL999", "+ 485"),
            ("482", "999th", " 482nd"),
            ("485", "\"Good number:\"999", "Good number: 485"),
            ("485.8", "\"Pre:\"999\" Post:\" .999", "Pre: 485 Post: .800"),
            ("12", "99V999", " 12000"),
            ("12.4", "99V999", " 12400"),
            ("12.45", "99V9", " 125"),
            ("0.0004859", "9.99EEEE", " 4.86e-04"),
            ("1234567", "9,999", " #,###"),
            ("12", "S999", " +12"),
            ("12", "FM0,000", "0,012"),
            ("12", "9,999", "    12"),
            ("0", "9.9", "  .0"),
            ("0", "999", "   0"),
            ("0.5", "FM9", "1"),
            ("-0.004", "9.99", "  .00"),
            ("99.99", "99.9", " ##.#"),
            ("12", "abc", "a"),
            ("12", "", ""),
        ] {
            assert_eq!(exact(number, template), expected, "{number} by {template}");
        }
        assert_eq!(double(2.5, "9"), " 2");
        assert_eq!(double(f64::INFINITY, "999.9"), " ###.#");
        assert_eq!(double(1e300, "9"), " #");
        assert_eq!(double(0.1, "9.99999999999999999999"), "  .10000000000000000000");
    }
}

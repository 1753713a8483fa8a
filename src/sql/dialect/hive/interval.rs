//! `INTERVAL 1 DAY`, `INTERVAL '1 2:03:04' DAY TO SECOND`, `INTERVAL 1 day 2 hours`
//!
//! sqlparser takes a word that is no unit for an alias, and an interval without a unit has seconds then: `INTERVAL '1' fortnight` would be a
//! second. DataFusion refuses the units with TO, and takes numbers in window frames only in quotes. All are read here and put as DataFusion
//! wants them; a wrong unit is an error at its place.

use sqlparser::ast::{DateTimeField, Expr, Interval, Value};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token};

const UNITS: &str = "units are YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND and MICROSECOND";

type Parsed<T> = Result<T, ParserError>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
}

impl Unit {
    fn of_word(word: &str) -> Option<Self> {
        let lower = word.to_ascii_lowercase();
        Some(match lower.strip_suffix('s').unwrap_or(&lower) {
            "year" => Unit::Year,
            "quarter" => Unit::Quarter,
            "month" => Unit::Month,
            "week" => Unit::Week,
            "day" => Unit::Day,
            "hour" => Unit::Hour,
            "minute" => Unit::Minute,
            "second" => Unit::Second,
            "millisecond" => Unit::Millisecond,
            "microsecond" => Unit::Microsecond,
            _ => return None,
        })
    }

    fn name(self) -> String {
        self.field().to_string()
    }

    fn field(self) -> DateTimeField {
        match self {
            Unit::Year => DateTimeField::Year,
            Unit::Quarter => DateTimeField::Quarter,
            Unit::Month => DateTimeField::Month,
            Unit::Week => DateTimeField::Week(None),
            Unit::Day => DateTimeField::Day,
            Unit::Hour => DateTimeField::Hour,
            Unit::Minute => DateTimeField::Minute,
            Unit::Second => DateTimeField::Second,
            Unit::Millisecond => DateTimeField::Millisecond,
            Unit::Microsecond => DateTimeField::Microsecond,
        }
    }
}

/// A span of time in the parts that do not turn into each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amount {
    months: i64,
    days: i64,
    nanoseconds: i64,
}

impl Amount {
    /// `None` for what is no number of this unit, and beyond the range.
    fn of(number: &str, unit: Unit) -> Option<Self> {
        let whole = || number.parse::<i64>().ok();
        let months = |factor| Some(Amount { months: whole()?.checked_mul(factor)?, ..Amount::default() });
        let days = |factor| Some(Amount { days: whole()?.checked_mul(factor)?, ..Amount::default() });
        let time = |unit| Some(Amount { nanoseconds: nanoseconds(number, unit)?, ..Amount::default() });
        match unit {
            Unit::Year => months(12),
            Unit::Quarter => months(3),
            Unit::Month => months(1),
            Unit::Week => days(7),
            Unit::Day => days(1),
            Unit::Hour => time(whole().and(Some(3_600_000_000_000))?),
            Unit::Minute => time(whole().and(Some(60_000_000_000))?),
            Unit::Second => time(1_000_000_000),
            Unit::Millisecond => time(1_000_000),
            Unit::Microsecond => time(1_000),
        }
    }

    fn add(self, other: Self) -> Option<Self> {
        Some(Amount {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            nanoseconds: self.nanoseconds.checked_add(other.nanoseconds)?,
        })
    }

    fn negated(self) -> Option<Self> {
        Some(Amount {
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            nanoseconds: self.nanoseconds.checked_neg()?,
        })
    }

    /// As DataFusion reads it.
    fn text(self) -> String {
        let parts = [(self.months, "months"), (self.days, "days"), (self.nanoseconds, "nanoseconds")];
        let written: Vec<String> =
            parts.iter().filter(|(count, _)| *count != 0).map(|(count, unit)| format!("{count} {unit}")).collect();
        if written.is_empty() { "0 days".to_string() } else { written.join(" ") }
    }
}

/// `1.5` of a unit of so many nanoseconds.
fn nanoseconds(number: &str, unit: i64) -> Option<i64> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || whole.is_empty() && fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part = match fraction {
        "" => 0,
        digits => unit.checked_mul(digits.parse().ok()?)? / 10_i64.checked_pow(u32::try_from(digits.len()).ok()?)?,
    };
    whole.checked_mul(unit)?.checked_add(part)?.checked_mul(sign)
}

/// An interval, if one comes next.
pub(super) fn parse(parser: &mut Parser) -> Option<Parsed<Expr>> {
    let is_sign = |token: &Token| matches!(token, Token::Minus | Token::Plus);
    let ahead = if is_sign(&parser.peek_nth_token_ref(1).token) { 2 } else { 1 };
    match parser.peek_nth_token_ref(ahead).token {
        Token::SingleQuotedString(_) | Token::Number(..) => {
            parser.next_token();
            Some(constant(parser))
        }
        Token::LParen if ahead == 1 => parser.maybe_parse(computed).transpose(),
        // A column of this name; the parser would read on for a value.
        _ => Some(parser.parse_identifier().map(Expr::Identifier)),
    }
}

/// `INTERVAL (a + 1) DAY`: what is made of it is decided by a rewrite.
fn computed(parser: &mut Parser) -> Parsed<Expr> {
    parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let value = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    match take_unit(parser) {
        Some(unit) => Ok(interval(value, Some(unit.field()))),
        None => unknown_unit(parser),
    }
}

fn constant(parser: &mut Parser) -> Parsed<Expr> {
    let (number, span) = value(parser)?;
    let Some(unit) = take_unit(parser) else {
        return without_unit(parser, &number, span);
    };
    if next_word(parser, 0).is_some_and(|word| word.eq_ignore_ascii_case("to")) {
        parser.next_token();
        let Some(last) = take_unit(parser) else { return unknown_unit(parser) };
        return match range(&number, unit, last) {
            Some(amount) => Ok(text(amount.text(), span, None)),
            None => refuse(&format!("'{number}' is no interval {} TO {}", unit.name(), last.name()), span),
        };
    }
    let not_so_many = |number: &str, unit: Unit| format!("'{number}' is no number of {}S", unit.name());
    let Some(mut amount) = Amount::of(&number, unit) else { return refuse(&not_so_many(&number, unit), span) };
    let mut parts = 1;
    while let Some((number, unit, span)) = further_part(parser)? {
        let sum = Amount::of(&number, unit).and_then(|more| amount.add(more));
        let Some(sum) = sum else { return refuse(&not_so_many(&number, unit), span) };
        amount = sum;
        parts += 1;
    }
    match parts {
        1 if unit != Unit::Quarter => Ok(text(number, span, Some(unit.field()))),
        _ => Ok(text(amount.text(), span, None)),
    }
}

/// `2 hours` behind `INTERVAL 1 day`.
fn further_part(parser: &mut Parser) -> Parsed<Option<(String, Unit, Span)>> {
    let signs = usize::from(matches!(parser.peek_token_ref().token, Token::Minus | Token::Plus));
    let is_value = matches!(parser.peek_nth_token_ref(signs).token, Token::Number(..) | Token::SingleQuotedString(_));
    let unit = next_word(parser, signs + 1).as_deref().and_then(Unit::of_word);
    match unit {
        Some(unit) if is_value => {
            let (number, span) = value(parser)?;
            parser.next_token();
            Ok(Some((number, unit, span)))
        }
        _ => Ok(None),
    }
}

/// `'1 day 2 hours'`
fn without_unit(parser: &Parser, written: &str, span: Span) -> Parsed<Expr> {
    let mut words = written.split_ascii_whitespace().peekable();
    if words.peek().is_some_and(|word| word.eq_ignore_ascii_case("interval")) {
        words.next();
    }
    let mut amount = Amount::default();
    let mut parts = 0;
    while let Some(number) = words.next() {
        let Some(unit) = words.next() else {
            // A number alone: the unit should have followed in the text of the statement.
            return match parts {
                0 if number.parse::<f64>().is_ok() => unknown_unit(parser),
                _ => refuse(&format!("'{written}' is no interval; {UNITS}"), span),
            };
        };
        let sum = Unit::of_word(unit).and_then(|unit| Amount::of(number, unit)).and_then(|more| amount.add(more));
        let Some(sum) = sum else { return refuse(&format!("'{written}' is no interval; {UNITS}"), span) };
        amount = sum;
        parts += 1;
    }
    match parts {
        0 => refuse(&format!("'{written}' is no interval; {UNITS}"), span),
        _ => Ok(text(amount.text(), span, None)),
    }
}

/// `'1 2:03:04.5' DAY TO SECOND`, `'1-2' YEAR TO MONTH`
fn range(written: &str, first: Unit, last: Unit) -> Option<Amount> {
    let written = written.trim();
    let (negative, digits) = match written.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, written.strip_prefix('+').unwrap_or(written)),
    };
    let units: &[Unit] = match (first, last) {
        (Unit::Year, Unit::Month) => &[Unit::Year, Unit::Month],
        (Unit::Day, Unit::Hour) => &[Unit::Day, Unit::Hour],
        (Unit::Day, Unit::Minute) => &[Unit::Day, Unit::Hour, Unit::Minute],
        (Unit::Day, Unit::Second) => &[Unit::Day, Unit::Hour, Unit::Minute, Unit::Second],
        (Unit::Hour, Unit::Minute) => &[Unit::Hour, Unit::Minute],
        (Unit::Hour, Unit::Second) => &[Unit::Hour, Unit::Minute, Unit::Second],
        (Unit::Minute, Unit::Second) => &[Unit::Minute, Unit::Second],
        _ => return None,
    };
    let mut amount = Amount::default();
    let mut rest = digits;
    for (index, unit) in units.iter().enumerate() {
        let separator = match unit {
            Unit::Year => '-',
            Unit::Day => ' ',
            _ => ':',
        };
        let number = match index + 1 == units.len() {
            true => std::mem::take(&mut rest),
            false => {
                let (number, others) = rest.split_once(separator)?;
                rest = others.trim_start();
                number
            }
        };
        // The first one may be as great as it likes; the others are parts of the one before.
        let limit = match unit {
            Unit::Month => 11.0,
            Unit::Hour => 23.0,
            Unit::Minute => 59.0,
            Unit::Second => 59.999_999_999,
            _ => f64::INFINITY,
        };
        let is_plain = number.starts_with(|c: char| c.is_ascii_digit());
        if !is_plain || index > 0 && number.parse::<f64>().ok()? > limit {
            return None;
        }
        amount = amount.add(Amount::of(number, *unit)?)?;
    }
    if negative { amount.negated() } else { Some(amount) }
}

/// A number or a text with its sign.
fn value(parser: &mut Parser) -> Parsed<(String, Span)> {
    let token = parser.next_token();
    let sign = match token.token {
        Token::Minus => "-",
        Token::Plus => "",
        _ => {
            return match token.token {
                Token::Number(text, _) => Ok((text, token.span)),
                Token::SingleQuotedString(text) => Ok((text.trim().to_string(), token.span)),
                _ => parser.expected("a number or a text", token),
            };
        }
    };
    let (text, span) = value(parser)?;
    Ok(match (sign, text.strip_prefix('-')) {
        ("-", Some(positive)) => (positive.to_string(), span),
        (sign, _) => (format!("{sign}{text}"), span),
    })
}

fn next_word(parser: &Parser, ahead: usize) -> Option<String> {
    match &parser.peek_nth_token_ref(ahead).token {
        Token::Word(word) => Some(word.value.clone()),
        _ => None,
    }
}

fn take_unit(parser: &mut Parser) -> Option<Unit> {
    let unit = next_word(parser, 0).as_deref().and_then(Unit::of_word);
    if unit.is_some() {
        parser.next_token();
    }
    unit
}

fn unknown_unit<T>(parser: &Parser) -> Parsed<T> {
    let next = parser.peek_token_ref();
    match next_word(parser, 0) {
        Some(word) => refuse(&format!("unknown unit of an interval: {word}; {UNITS}"), next.span),
        None => refuse(&format!("an interval needs a unit; {UNITS}"), next.span),
    }
}

fn refuse<T>(message: &str, span: Span) -> Parsed<T> {
    Err(ParserError::ParserError(format!("{message}{}", span.start)))
}

fn text(text: String, span: Span, unit: Option<DateTimeField>) -> Expr {
    interval(Expr::Value(Value::SingleQuotedString(text).with_span(span)), unit)
}

fn interval(value: Expr, unit: Option<DateTimeField>) -> Expr {
    Expr::Interval(Interval {
        value: Box::new(value),
        leading_field: unit,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused_hive, rewritten_hive};

    #[test]
    fn intervals_in_words_of_datafusion() {
        for (written, becomes) in [
            ("INTERVAL 1 DAY", "INTERVAL '1' DAY"),
            ("INTERVAL '1' days", "INTERVAL '1' DAY"),
            ("INTERVAL -1 MONTH", "INTERVAL '-1' MONTH"),
            ("INTERVAL 1 QUARTER", "INTERVAL '3 months'"),
            ("INTERVAL 1 day 2 hours", "INTERVAL '1 days 7200000000000 nanoseconds'"),
            ("INTERVAL '1 day -2 hours'", "INTERVAL '1 days -7200000000000 nanoseconds'"),
            ("INTERVAL '1-2' YEAR TO MONTH", "INTERVAL '14 months'"),
            ("INTERVAL '-1-2' YEAR TO MONTH", "INTERVAL '-14 months'"),
            ("INTERVAL '1 2:03:04.5' DAY TO SECOND", "INTERVAL '1 days 7384500000000 nanoseconds'"),
            ("INTERVAL '02:03' HOUR TO MINUTE", "INTERVAL '7380000000000 nanoseconds'"),
            ("INTERVAL (a + 1) MONTH", "make_interval(hive_cast(0, 'INT'), hive_cast(a + 1, 'INT'))"),
        ] {
            assert_eq!(
                rewritten_hive(&format!("SELECT d + {written} AS x FROM t")),
                format!("SELECT d + {becomes} AS x FROM t")
            );
        }
        // A column may be called so.
        assert_eq!(rewritten_hive("SELECT interval FROM t"), "SELECT interval FROM t");
    }

    #[test]
    fn what_is_no_interval_is_refused_at_its_place() {
        let units = super::UNITS;
        for (written, message) in [
            ("SELECT INTERVAL '1' ▸fortnight", format!("unknown unit of an interval: fortnight; {units}")),
            ("SELECT INTERVAL 1▸", format!("an interval needs a unit; {units}")),
            ("SELECT INTERVAL ▸'1 fortnight'", format!("'1 fortnight' is no interval; {units}")),
            ("SELECT INTERVAL ▸'1.5' DAY", "'1.5' is no number of DAYS".to_string()),
            ("SELECT INTERVAL ▸'1 25:00' DAY TO MINUTE", "'1 25:00' is no interval DAY TO MINUTE".to_string()),
            ("SELECT INTERVAL ▸'1' DAY TO MONTH", "'1' is no interval DAY TO MONTH".to_string()),
        ] {
            refused_hive(written, &message);
        }
    }
}

//! `- INTERVAL '1 day 2 hours'` → `-(INTERVAL '1 day 2 hours')`, `INTERVAL - '1 day 2 hours'` likewise
//!
//! DataFusion puts the sign into the text, in front of its first number only: the hours would be added.
//!
//! `INTERVAL '1 day 02:03:04'` → `INTERVAL '1 day 2 hours 3 minutes 4 seconds'`: it reads no time of day.

use sqlparser::ast::{Expr, Interval, UnaryOperator, Value};

pub(super) fn sign_of_all(expr: &mut Expr) {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => match inner.as_ref() {
            Expr::Interval(_) => wrap(inner),
            // `--` would begin a comment in a text of it.
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: innermost } if matches!(**innermost, Expr::Nested(_)) => {
                wrap(inner);
            }
            _ => {}
        },
        Expr::Interval(interval) => {
            without_clock(interval);
            if let Some(negative) = take_sign(interval)
                && negative
            {
                let mut inner = Box::new(std::mem::replace(expr, Expr::Tuple(Vec::new())));
                wrap(&mut inner);
                *expr = Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner };
            }
        }
        _ => {}
    }
}

fn without_clock(interval: &mut Interval) {
    if interval.leading_field.is_some() {
        return;
    }
    let Expr::Value(value) = interval.value.as_mut() else { return };
    let Value::SingleQuotedString(text) = &mut value.value else { return };
    if !text.contains(':') {
        return;
    }
    let words: Option<Vec<String>> = text
        .split_whitespace()
        .map(|word| if word.contains(':') { units(word) } else { Some(word.to_string()) })
        .collect();
    // What cannot be read stays, and is an error.
    if let Some(words) = words {
        *text = words.join(" ");
    }
}

/// `02:03:04.5` → `2 hours 3 minutes 4.5 seconds`
fn units(clock: &str) -> Option<String> {
    let (sign, digits) = match clock.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", clock.strip_prefix('+').unwrap_or(clock)),
    };
    let mut parts = digits.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_time = parts.next().is_none() && [hours, minutes, whole, fraction].into_iter().all(is_number);
    is_time.then(|| format!("{sign}{hours} hours {sign}{minutes} minutes {sign}{seconds} seconds"))
}

fn wrap(expr: &mut Box<Expr>) {
    let inner = std::mem::replace(expr.as_mut(), Expr::Tuple(Vec::new()));
    **expr = Expr::Nested(Box::new(inner));
}

/// The signs in front of the value, taken away; `None` if there are none. `true`: they make it negative.
fn take_sign(interval: &mut Interval) -> Option<bool> {
    let mut negative = None;
    while let Expr::UnaryOp { op: op @ (UnaryOperator::Minus | UnaryOperator::Plus), expr } = interval.value.as_mut() {
        negative = Some(negative.unwrap_or(false) != (*op == UnaryOperator::Minus));
        let inner = std::mem::replace(expr.as_mut(), Expr::Tuple(Vec::new()));
        *interval.value = inner;
    }
    negative
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn the_sign_is_that_of_every_part() {
        assert_eq!(rewritten("SELECT - INTERVAL '1 day 2 hours'"), "SELECT -(INTERVAL '1 day 2 hours')");
        assert_eq!(rewritten("SELECT INTERVAL - '1 year 2 months'"), "SELECT -(INTERVAL '1 year 2 months')");
        assert_eq!(rewritten("SELECT - INTERVAL - '1' DAY"), "SELECT -(-(INTERVAL '1' DAY))");
        assert_eq!(rewritten("SELECT INTERVAL + '1' DAY"), "SELECT INTERVAL '1' DAY");
    }

    #[test]
    fn a_time_of_day_is_written_with_units() {
        assert_eq!(
            rewritten("SELECT INTERVAL '1 day 02:03:04.5', INTERVAL '-1:30'"),
            "SELECT INTERVAL '1 day 02 hours 03 minutes 04.5 seconds', INTERVAL '-1 hours -30 minutes -0 seconds'"
        );
        unchanged("SELECT INTERVAL '1:2:3:4', INTERVAL 'a:b', INTERVAL '1:00' HOUR");
    }

    #[test]
    fn signs_elsewhere_are_left_alone() {
        unchanged("SELECT INTERVAL '-1 day', d - INTERVAL '1 day 2 hours', -(INTERVAL '1 day'), -a FROM t");
    }
}

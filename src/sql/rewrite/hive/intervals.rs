//! `INTERVAL (n) MONTH` → `make_interval(hive_cast(0, 'INT'), hive_cast(n, 'INT'))`
//!
//! DataFusion's planner takes literals only.

use sqlparser::ast::{DateTimeField, Expr, Interval, Spanned};

use super::super::ast::{call, number, string, string_literal};

pub(super) fn to_function(expr: &mut Expr) {
    let Expr::Interval(Interval { value, leading_field: Some(unit), .. }) = expr else { return };
    if string_literal(value).is_some() {
        return;
    }
    // The arguments are years, months, weeks, days, hours, minutes and seconds.
    let position = match unit {
        DateTimeField::Year => 0,
        DateTimeField::Month => 1,
        DateTimeField::Week(_) => 2,
        DateTimeField::Day => 3,
        DateTimeField::Hour => 4,
        DateTimeField::Minute => 5,
        DateTimeField::Second => 6,
        _ => return,
    };
    let span = value.span();
    let in_type = |value: Expr, name: &str| call("hive_cast", vec![value, string(name, span)], span);
    let data_type = if *unit == DateTimeField::Second { "DOUBLE" } else { "INT" };
    let mut arguments = vec![in_type(number(0, span), "INT"); position];
    arguments.push(in_type(std::mem::replace(value.as_mut(), Expr::Tuple(Vec::new())), data_type));
    *expr = call("make_interval", arguments, span);
}

//! What is known of rows for which a predicate is true.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::super::{Because, Constant, Facts, both, plain_column};
use super::is_exact;

/// Only rows for which `predicate` is true are left.
pub(super) fn apply(facts: &mut Facts, schema: &DFSchema, predicate: &Expr) {
    let mut drops = false;
    for conjunct in split_conjunction(predicate) {
        if !always_holds(facts, schema, conjunct) {
            drops = true;
            learn(facts, schema, conjunct);
        }
    }
    if drops {
        facts.rows_dropped();
    }
}

/// Whether a predicate drops no row. (Not every one that does not: the filters that DataFusion plants.)
pub(super) fn always_holds(facts: &Facts, schema: &DFSchema, predicate: &Expr) -> bool {
    match predicate {
        Expr::Literal(ScalarValue::Boolean(Some(true)), _) => true,
        Expr::Alias(alias) => always_holds(facts, schema, &alias.expr),
        Expr::IsNotNull(expr) => plain_column(expr, schema).is_some_and(|column| facts.is_not_null(column).is_some()),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            always_holds(facts, schema, left) && always_holds(facts, schema, right)
        }
        _ => false,
    }
}

/// What follows from one conjunct, except that rows were dropped.
pub(super) fn learn(facts: &mut Facts, schema: &DFSchema, conjunct: &Expr) {
    let column = |expr: &Expr| plain_column(expr, schema);
    match conjunct {
        Expr::Alias(alias) => return learn(facts, schema, &alias.expr),
        // Another row may pass the next time.
        volatile if volatile.is_volatile() => return,
        Expr::Literal(value, _) if value.is_null() || *value == ScalarValue::Boolean(Some(false)) => {
            facts.at_most(0, Because::new());
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::Eq => equate(facts, schema, left, right, false),
            Operator::IsNotDistinctFrom => equate(facts, schema, left, right, true),
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
                if let (Some(position), Expr::Literal(value, _)) = (column(left), right.as_ref()) {
                    bound(facts, schema, position, *op, value);
                } else if let (Expr::Literal(value, _), Some(position)) = (left.as_ref(), column(right))
                    && let Some(op) = op.swap()
                {
                    bound(facts, schema, position, op, value);
                }
            }
            _ => {}
        },
        Expr::Between(between) if !between.negated => {
            if let (Some(position), Expr::Literal(low, _), Expr::Literal(high, _)) =
                (column(&between.expr), between.low.as_ref(), between.high.as_ref())
            {
                bound(facts, schema, position, Operator::GtEq, low);
                bound(facts, schema, position, Operator::LtEq, high);
            }
        }
        Expr::InList(list) if !list.negated => match list.list.as_slice() {
            [one] => equate(facts, schema, &list.expr, one, false),
            several => {
                if let Some(position) = column(&list.expr) {
                    bound_by_list(facts, schema, position, several);
                }
            }
        },
        Expr::IsNull(expr) => {
            if let Some(position) = column(expr)
                && let Ok(null) = ScalarValue::try_from(schema.field(position).data_type())
            {
                set_constant(facts, position, Constant::Value(null));
            }
        }
        Expr::Column(_) | Expr::IsTrue(_) => {
            let inner = if let Expr::IsTrue(inner) = conjunct { inner } else { conjunct };
            if let Some(position) = column(inner) {
                set_constant(facts, position, Constant::Value(ScalarValue::Boolean(Some(true))));
            }
        }
        Expr::Not(inner) | Expr::IsFalse(inner) => {
            if let Some(position) = column(inner) {
                set_constant(facts, position, Constant::Value(ScalarValue::Boolean(Some(false))));
            }
        }
        _ => {}
    }
    for referred in conjunct.column_refs() {
        if let Some(position) = schema.maybe_index_of_column(referred)
            && rejects_nulls(conjunct, &|other| schema.maybe_index_of_column(other) == Some(position))
        {
            must_not_be_null(facts, position);
        }
    }
}

/// `left = right`, or `left IS NOT DISTINCT FROM right`.
pub(super) fn equate(facts: &mut Facts, schema: &DFSchema, left: &Expr, right: &Expr, nulls_equal: bool) {
    match (plain_column(left, schema), plain_column(right, schema)) {
        (Some(left), Some(right)) => equate_columns(facts, schema, left, right, nulls_equal),
        (Some(position), None) => equate_with_constant(facts, schema, position, right, nulls_equal),
        (None, Some(position)) => equate_with_constant(facts, schema, position, left, nulls_equal),
        (None, None) => {}
    }
}

pub(super) fn equate_columns(facts: &mut Facts, schema: &DFSchema, left: usize, right: usize, nulls_equal: bool) {
    let (left_type, right_type) = (schema.field(left).data_type(), schema.field(right).data_type());
    if left_type == right_type && is_exact(left_type) {
        if let (Some(Constant::Value(one)), Some(Constant::Value(other))) =
            (&facts.columns[left].constant, &facts.columns[right].constant)
            && one != other
        {
            facts.at_most(0, Because::new());
        }
        facts.equal.join(left, right);
    }
    if !nulls_equal {
        must_not_be_null(facts, left);
        must_not_be_null(facts, right);
    }
}

fn equate_with_constant(facts: &mut Facts, schema: &DFSchema, position: usize, expr: &Expr, nulls_equal: bool) {
    let data_type = schema.field(position).data_type();
    if !is_exact(data_type) || !is_same_in_every_row(expr) {
        return;
    }
    match expr {
        Expr::Literal(value, _) if value.is_null() && !nulls_equal => facts.at_most(0, Because::new()),
        Expr::Literal(value, _) if value.data_type() == *data_type => {
            set_constant(facts, position, Constant::Value(value.clone()));
        }
        _ => set_constant(facts, position, Constant::Unknown),
    }
    if !nulls_equal {
        must_not_be_null(facts, position);
    }
}

/// From now on a column is this constant; if it was another one, no row is left.
fn set_constant(facts: &mut Facts, position: usize, constant: Constant) {
    let Constant::Value(value) = &constant else {
        facts.columns[position].constant.get_or_insert(constant);
        return;
    };
    if let Some(Constant::Value(known)) = &facts.columns[position].constant
        && known != value
    {
        return facts.at_most(0, Because::new());
    }
    if value.is_null() {
        if let Some(because) = facts.is_not_null(position).cloned() {
            return facts.at_most(0, because);
        }
    } else {
        narrow(facts, position, Some(value), Some(value));
        facts.set_not_null(position, Because::new());
    }
    facts.columns[position].constant = Some(constant);
}

fn must_not_be_null(facts: &mut Facts, position: usize) {
    if matches!(&facts.columns[position].constant, Some(Constant::Value(value)) if value.is_null()) {
        facts.at_most(0, Because::new());
    }
    facts.set_not_null(position, Because::new());
}

/// `column op value`.
fn bound(facts: &mut Facts, schema: &DFSchema, position: usize, op: Operator, value: &ScalarValue) {
    let data_type = schema.field(position).data_type();
    if value.is_null() || value.data_type() != *data_type || !is_exact(data_type) {
        return;
    }
    // The next whole number is the bound of `<` and `>`; where there is none, the value itself is a bound as well.
    let one = || ScalarValue::new_one(data_type).ok().filter(|_| data_type.is_integer());
    let inward = match op {
        Operator::Lt => one().and_then(|one| value.sub_checked(one).ok()),
        Operator::Gt => one().and_then(|one| value.add_checked(one).ok()),
        _ => None,
    };
    let value = inward.as_ref().unwrap_or(value);
    match op {
        Operator::Lt | Operator::LtEq => narrow(facts, position, None, Some(value)),
        _ => narrow(facts, position, Some(value), None),
    }
}

fn bound_by_list(facts: &mut Facts, schema: &DFSchema, position: usize, list: &[Expr]) {
    let (mut min, mut max): (Option<&ScalarValue>, Option<&ScalarValue>) = (None, None);
    for expr in list {
        match expr {
            Expr::Literal(value, _) if value.is_null() => {}
            Expr::Literal(value, _) => {
                if min.is_none_or(|min| value < min) {
                    min = Some(value);
                }
                if max.is_none_or(|max| value > max) {
                    max = Some(value);
                }
            }
            _ => return,
        }
    }
    if let (Some(min), Some(max)) = (min, max) {
        bound(facts, schema, position, Operator::GtEq, min);
        bound(facts, schema, position, Operator::LtEq, max);
    }
}

/// The plan keeps a column's values between these bounds. (Columns that are NULL do not pass either.)
fn narrow(facts: &mut Facts, position: usize, min: Option<&ScalarValue>, max: Option<&ScalarValue>) {
    let column = &mut facts.columns[position];
    if let Some(min) = min
        && column.min.as_ref().is_none_or(|(known, _)| known < min)
    {
        column.min = Some((min.clone(), Because::new()));
    }
    if let Some(max) = max
        && column.max.as_ref().is_none_or(|(known, _)| known > max)
    {
        column.max = Some((max.clone(), Because::new()));
    }
    if let (Some((min, min_because)), Some((max, max_because))) = (&column.min, &column.max)
        && min > max
    {
        let because = both(min_because.clone(), max_because);
        facts.at_most(0, because);
    }
}

/// Whether an expression gives the same for all rows: it reads no column of them.
pub(super) fn is_same_in_every_row(expr: &Expr) -> bool {
    let mut same = !expr.is_volatile();
    // The closure never fails.
    let _ = expr.apply(|expr| {
        same &= match expr {
            Expr::Column(_) | Expr::AggregateFunction(_) | Expr::WindowFunction(_) | Expr::Unnest(_) => false,
            Expr::Exists(Exists { subquery, .. })
            | Expr::InSubquery(InSubquery { subquery, .. })
            | Expr::SetComparison(SetComparison { subquery, .. })
            | Expr::ScalarSubquery(subquery) => {
                subquery.outer_ref_columns.is_empty() && !crate::optimizer::prune::has_volatile(&subquery.subquery)
            }
            _ => true,
        };
        Ok(if same { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    same
}

/// Whether a predicate cannot be true for a row in which all columns that `is_null` names are NULL, so that it drops the rows that
/// an outer join filled with NULLs.
pub fn rejects_nulls(predicate: &Expr, is_null: &dyn Fn(&Column) -> bool) -> bool {
    not_true(predicate, is_null)
}

/// False or NULL.
fn not_true(expr: &Expr, is_null: &dyn Fn(&Column) -> bool) -> bool {
    match expr {
        Expr::Literal(value, _) => value.is_null() || *value == ScalarValue::Boolean(Some(false)),
        Expr::Alias(alias) => not_true(&alias.expr, is_null),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            not_true(left, is_null) || not_true(right, is_null)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            not_true(left, is_null) && not_true(right, is_null)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::IsNotDistinctFrom, right }) => {
            let is_value = |expr: &Expr| matches!(expr, Expr::Literal(value, _) if !value.is_null());
            (null_in(left, is_null) && is_value(right)) || (null_in(right, is_null) && is_value(left))
        }
        Expr::Not(expr) => not_false(expr, is_null),
        Expr::IsNotNull(expr) | Expr::IsNotUnknown(expr) => null_in(expr, is_null),
        Expr::IsTrue(expr) => not_true(expr, is_null),
        Expr::IsFalse(expr) => not_false(expr, is_null),
        other => null_in(other, is_null),
    }
}

/// True or NULL.
fn not_false(expr: &Expr, is_null: &dyn Fn(&Column) -> bool) -> bool {
    match expr {
        Expr::Literal(value, _) => value.is_null() || *value == ScalarValue::Boolean(Some(true)),
        Expr::Alias(alias) => not_false(&alias.expr, is_null),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            not_false(left, is_null) && not_false(right, is_null)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            not_false(left, is_null) || not_false(right, is_null)
        }
        Expr::Not(expr) => not_true(expr, is_null),
        Expr::IsNull(expr) | Expr::IsUnknown(expr) => null_in(expr, is_null),
        other => null_in(other, is_null),
    }
}

/// NULL, as far as it is known to be. Functions may do anything with a NULL.
fn null_in(expr: &Expr, is_null: &dyn Fn(&Column) -> bool) -> bool {
    match expr {
        Expr::Column(column) => is_null(column),
        Expr::Literal(value, _) => value.is_null(),
        Expr::Alias(alias) => null_in(&alias.expr, is_null),
        Expr::Cast(cast) => null_in(&cast.expr, is_null),
        Expr::TryCast(cast) => null_in(&cast.expr, is_null),
        Expr::Negative(expr) | Expr::Not(expr) => null_in(expr, is_null),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            null_in(left, is_null) && null_in(right, is_null)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if passes_nulls_on(*op) => {
            null_in(left, is_null) || null_in(right, is_null)
        }
        Expr::Between(between) => null_in(&between.expr, is_null),
        Expr::Like(like) | Expr::SimilarTo(like) => null_in(&like.expr, is_null) || null_in(&like.pattern, is_null),
        Expr::InList(list) => !list.list.is_empty() && null_in(&list.expr, is_null),
        _ => false,
    }
}

/// Operators that give NULL whenever a side is NULL, and a value otherwise.
pub(super) fn passes_nulls_on(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::Plus
            | Operator::Minus
            | Operator::Multiply
            | Operator::Divide
            | Operator::Modulo
            | Operator::RegexMatch
            | Operator::RegexIMatch
            | Operator::RegexNotMatch
            | Operator::RegexNotIMatch
            | Operator::LikeMatch
            | Operator::ILikeMatch
            | Operator::NotLikeMatch
            | Operator::NotILikeMatch
            | Operator::BitwiseAnd
            | Operator::BitwiseOr
            | Operator::BitwiseXor
            | Operator::BitwiseShiftLeft
            | Operator::BitwiseShiftRight
            | Operator::StringConcat
    )
}

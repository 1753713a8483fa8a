//! What a predicate can come to when some of its columns are NULL.
//!
//! A row that an outer join extended with NULLs has NULL in all columns of one side. If a condition above cannot be true then, nobody sees
//! that row. What an expression can come to is one of: true (or any value, if it is no condition), false (or any value), NULL. Of a column
//! that is NULL it is NULL alone; of another column everything; and operators combine what their operands can come to.
//! Anything unknown can come to everything.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

/// What an expression can come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcome {
    yes: bool,
    no: bool,
    null: bool,
}

impl Outcome {
    const ANY: Outcome = Outcome { yes: true, no: true, null: true };
    const VALUE: Outcome = Outcome { yes: true, no: true, null: false };
    const NULL: Outcome = Outcome { yes: false, no: false, null: true };
    const YES: Outcome = Outcome { yes: true, no: false, null: false };
    const NO: Outcome = Outcome { yes: false, no: true, null: false };

    fn is_null(self) -> bool {
        self == Outcome::NULL
    }

    fn not(self) -> Outcome {
        Outcome { yes: self.no, no: self.yes, null: self.null }
    }

    fn and(self, other: Outcome) -> Outcome {
        Outcome {
            yes: self.yes && other.yes,
            no: self.no || other.no,
            null: (self.null && (other.null || other.yes)) || (other.null && self.yes),
        }
    }

    fn or(self, other: Outcome) -> Outcome {
        self.not().and(other.not()).not()
    }

    fn union(self, other: Outcome) -> Outcome {
        Outcome { yes: self.yes || other.yes, no: self.no || other.no, null: self.null || other.null }
    }

    /// Yes or no, by whether each outcome counts as yes.
    fn test(self, yes: bool, no: bool, null: bool) -> Outcome {
        let mut result = Outcome { yes: false, no: false, null: false };
        for (can, counts) in [(self.yes, yes), (self.no, no), (self.null, null)] {
            if can {
                result = result.union(if counts { Outcome::YES } else { Outcome::NO });
            }
        }
        result
    }
}

/// Whether `condition` is never true when the columns for which `is_null` holds are NULL.
pub fn rejects_nulls(condition: &Expr, is_null: &dyn Fn(&Column) -> bool) -> bool {
    !outcome(condition, is_null).yes
}

fn outcome(expr: &Expr, is_null: &dyn Fn(&Column) -> bool) -> Outcome {
    let of = |expr: &Expr| outcome(expr, is_null);
    match expr {
        Expr::Alias(alias) => of(&alias.expr),
        Expr::Column(column) if is_null(column) => Outcome::NULL,
        Expr::Literal(ScalarValue::Boolean(Some(true)), _) => Outcome::YES,
        Expr::Literal(ScalarValue::Boolean(Some(false)), _) => Outcome::NO,
        Expr::Literal(value, _) if value.is_null() => Outcome::NULL,
        Expr::Literal(..) => Outcome::VALUE,
        Expr::Not(inner) => of(inner).not(),
        Expr::IsNull(inner) | Expr::IsUnknown(inner) => of(inner).test(false, false, true),
        Expr::IsNotNull(inner) | Expr::IsNotUnknown(inner) => of(inner).test(true, true, false),
        Expr::IsTrue(inner) => of(inner).test(true, false, false),
        Expr::IsFalse(inner) => of(inner).test(false, true, false),
        Expr::IsNotTrue(inner) => of(inner).test(false, true, true),
        Expr::IsNotFalse(inner) => of(inner).test(true, false, true),
        Expr::Negative(inner) if of(inner).is_null() => Outcome::NULL,
        // A cast of a boolean to itself or to text and back is not looked at.
        Expr::Cast(cast) if of(&cast.expr).is_null() => Outcome::NULL,
        Expr::TryCast(cast) if of(&cast.expr).is_null() => Outcome::NULL,
        Expr::BinaryExpr(binary) => of_binary(binary, is_null),
        Expr::Between(Between { expr, negated, low, high }) => {
            let compared = |bound: &Expr| strict(&[of(expr), of(bound)]);
            let within = compared(low).and(compared(high));
            if *negated { within.not() } else { within }
        }
        Expr::InList(InList { expr, list, .. }) if !list.is_empty() && of(expr).is_null() => Outcome::NULL,
        Expr::Like(like) | Expr::SimilarTo(like) => strict(&[of(&like.expr), of(&like.pattern)]),
        Expr::ScalarFunction(call) if call.func.is_strict() => strict(&call.args.iter().map(of).collect::<Vec<_>>()),
        Expr::ScalarFunction(call) if call.func.name() == "coalesce" => of_coalesce(&call.args, is_null),
        Expr::Case(case) if case.expr.is_none() => {
            let mut result = Outcome { yes: false, no: false, null: false };
            for (when, then) in &case.when_then_expr {
                let condition = of(when);
                if condition.yes {
                    result = result.union(of(then));
                }
                if condition == Outcome::YES {
                    return result;
                }
            }
            result.union(case.else_expr.as_ref().map_or(Outcome::NULL, |other| of(other)))
        }
        _ => Outcome::ANY,
    }
}

/// Of an operation that gives NULL when an operand is NULL: NULL if one always is.
fn strict(operands: &[Outcome]) -> Outcome {
    if operands.iter().any(|operand| operand.is_null()) { Outcome::NULL } else { Outcome::ANY }
}

fn of_binary(binary: &BinaryExpr, is_null: &dyn Fn(&Column) -> bool) -> Outcome {
    let (left, right) = (outcome(&binary.left, is_null), outcome(&binary.right, is_null));
    match binary.op {
        Operator::And => left.and(right),
        Operator::Or => left.or(right),
        Operator::IsNotDistinctFrom => same(left, right),
        Operator::IsDistinctFrom => same(left, right).not(),
        op if op.returns_null_on_null() => strict(&[left, right]),
        _ => Outcome::ANY,
    }
}

/// Whether two operands are the same, NULL counting as a value.
fn same(left: Outcome, right: Outcome) -> Outcome {
    match (left.is_null(), right.is_null()) {
        (true, _) => right.test(false, false, true),
        (_, true) => left.test(false, false, true),
        _ => Outcome::VALUE,
    }
}

/// The first argument that is not NULL.
fn of_coalesce(args: &[Expr], is_null: &dyn Fn(&Column) -> bool) -> Outcome {
    let mut result = Outcome::NULL;
    for arg in args {
        let of_arg = outcome(arg, is_null);
        result = Outcome { null: of_arg.null && result.null, ..result.union(of_arg) };
        if !of_arg.null {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::functions::expr_fn::{abs, coalesce};
    use datafusion::logical_expr::{binary_expr, col, in_list, lit, not, when};

    /// `s` is NULL, `o` is anything.
    fn rejects(condition: Expr) -> bool {
        rejects_nulls(&condition, &|column| column.name.starts_with('s'))
    }

    #[test]
    fn comparisons_reject_nulls() {
        assert!(rejects(col("s").eq(lit(1))));
        assert!(rejects(col("o").lt(col("s"))));
        assert!(rejects(col("s").is_not_null()));
        assert!(rejects(not(col("s").eq(lit(1)))));
        assert!(rejects(col("s").between(lit(1), lit(2))));
        assert!(rejects(col("s").not_between(lit(1), lit(2))));
        assert!(rejects(in_list(col("s"), vec![lit(1)], true)));
        assert!(rejects(col("s").like(lit("x%"))));
        assert!(rejects(abs(col("s")).gt(lit(1)).and(col("o").gt(lit(1)))));
        assert!(rejects(col("s").eq(lit(1)).or(col("s2").eq(lit(2)))));
        assert!(rejects(binary_expr(col("s"), Operator::IsNotDistinctFrom, lit(1))));
        assert!(rejects(when(col("s").gt(lit(1)), lit(true)).otherwise(lit(false)).unwrap()));
        assert!(rejects(coalesce(vec![col("s").gt(lit(1)), lit(false)])));
        assert!(rejects(col("s").eq(lit(1)).is_true()));
        assert!(rejects(col("s").is_null().is_false()));
    }

    #[test]
    fn what_is_true_of_null_does_not() {
        assert!(!rejects(col("s").is_null()));
        assert!(!rejects(col("s").eq(lit(1)).or(col("o").eq(lit(2)))));
        assert!(!rejects(col("s").eq(lit(1)).is_not_true()));
        assert!(!rejects(not(col("s").eq(lit(1)).is_true())));
        assert!(!rejects(coalesce(vec![col("s"), lit(0)]).lt(lit(3))));
        assert!(!rejects(coalesce(vec![col("s").gt(lit(1)), lit(true)])));
        assert!(!rejects(binary_expr(col("s"), Operator::IsDistinctFrom, lit(1))));
        assert!(!rejects(binary_expr(col("s"), Operator::IsNotDistinctFrom, col("o"))));
        assert!(!rejects(when(col("s").gt(lit(1)), lit(false)).otherwise(lit(true)).unwrap()));
        assert!(!rejects(not(col("s").between(lit(1), lit(2))).or(col("o").is_null())));
        assert!(!rejects(lit(1).not_between(col("s"), lit(2))));
        // NULL AND false is false, so NOT of it is true.
        assert!(!rejects(not(col("s").eq(lit(1)).and(col("o").eq(lit(1))))));
        assert!(!rejects(col("o").eq(lit(1))));
    }

    #[test]
    fn an_empty_list_is_false_even_for_null() {
        assert!(!rejects(in_list(col("s"), vec![], true)));
    }
}

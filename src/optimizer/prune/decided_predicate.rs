//! Predicates that always hold, and predicates that never do
//!
//! ```sql
//! SELECT * FROM orders WHERE o_year >= 1992 AND o_total > 5    -- the files say: o_year is never NULL, and 1992 to 1998
//! SELECT * FROM orders WHERE o_total > 5
//!
//! SELECT * FROM orders WHERE o_year = 2003
//! SELECT * FROM orders WHERE false
//! ```
//!
//! A comparison is decided by the values that its columns can have: constants, minimum and maximum from the files, ranges from filters
//! below. Safe to drop if it can be neither false nor NULL; safe to take for false if it cannot be true.
//! Not safe:
//!
//! - to drop `o_year >= 1992` if `o_year` can be NULL: the rows without it go;
//! - to drop the negation of what never holds, without a look at NULL: `NOT (o_year = 2003)` is NULL where `o_year` is;
//! - with floats: NaN is outside of every minimum and maximum;
//! - in the ON of an outer join, to take the join away: its left rows stay, with NULLs. That is why only conditions that
//!   always hold are dropped there.

use std::sync::Arc;

use datafusion::common::{DFSchema, JoinType};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{BinaryExpr, EmptyRelation, Expr, Filter, Join, LogicalPlan, Operator};

use super::exprs::{also, position};
use super::value_range::Range;
use super::{Context, Needs, PruneRule};
use crate::optimizer::facts::{Because, Facts};
use crate::optimizer::trace::{Change, Clause, Event};

#[derive(Debug)]
pub struct DecidedPredicate;

impl PruneRule for DecidedPredicate {
    fn name(&self) -> &'static str {
        "decided_predicate"
    }

    fn rewrite(&self, plan: &LogicalPlan, _needs: &Needs, context: &Context<'_>) -> Result<Option<LogicalPlan>> {
        let (predicate, inputs) = match plan {
            LogicalPlan::Filter(filter) => (&filter.predicate, vec![&filter.input]),
            LogicalPlan::Join(Join { filter: Some(filter), left, right, .. }) => (filter, vec![left, right]),
            _ => return Ok(None),
        };
        let inputs: Vec<(&DFSchema, Arc<Facts>)> =
            inputs.into_iter().map(|input| (input.schema().as_ref(), context.facts.of_input(input))).collect();
        let known = Known { inputs };
        let mut kept = vec![];
        let mut events = vec![];
        let mut never = false;
        for part in split_conjunction(predicate) {
            let (can, because) = known.outcomes(part);
            // What is a constant already is for others to fold.
            if matches!(part, Expr::Literal(..)) || (can.be_true && (can.be_false || can.be_null)) {
                kept.push(part.clone());
                continue;
            }
            never |= !can.be_true;
            let word = if can.be_true { "always holds" } else { "never holds" };
            events.push(Event {
                rule: self.name(),
                change: Change::Clause(Clause::Predicate),
                because: format!("{} {word}", part.human_display()),
                constraints: because,
                added_filter: None,
            });
        }
        let rewritten = match plan {
            _ if events.is_empty() => return Ok(None),
            LogicalPlan::Join(join) if never => {
                if join.join_type != JoinType::Inner {
                    return Ok(None);
                }
                empty(plan)
            }
            _ if never => empty(plan),
            LogicalPlan::Filter(filter) => match conjunction(kept) {
                Some(predicate) => LogicalPlan::Filter(Filter::try_new(predicate, Arc::clone(&filter.input))?),
                None => filter.input.as_ref().clone(),
            },
            LogicalPlan::Join(join) => LogicalPlan::Join(Join::try_new(
                Arc::clone(&join.left),
                Arc::clone(&join.right),
                join.on.clone(),
                conjunction(kept),
                join.join_type,
                join.join_constraint,
                join.null_equality,
                join.null_aware,
            )?),
            _ => return Ok(None),
        };
        for event in events {
            context.trace.record(event);
        }
        Ok(Some(rewritten))
    }
}

fn empty(plan: &LogicalPlan) -> LogicalPlan {
    LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::clone(plan.schema()) })
}

/// What a predicate can come to.
#[derive(Debug, Clone, Copy)]
struct Outcomes {
    be_true: bool,
    be_false: bool,
    be_null: bool,
}

impl Outcomes {
    const ANY: Outcomes = Outcomes { be_true: true, be_false: true, be_null: true };

    fn not(self) -> Outcomes {
        Outcomes { be_true: self.be_false, be_false: self.be_true, be_null: self.be_null }
    }

    fn and(self, other: Outcomes) -> Outcomes {
        Outcomes {
            be_true: self.be_true && other.be_true,
            be_false: self.be_false || other.be_false,
            be_null: (self.be_null && (other.be_null || other.be_true)) || (other.be_null && self.be_true),
        }
    }

    fn or(self, other: Outcomes) -> Outcomes {
        self.not().and(other.not()).not()
    }
}

/// What is known of the columns that a predicate reads.
struct Known<'a> {
    inputs: Vec<(&'a DFSchema, Arc<Facts>)>,
}

impl Known<'_> {
    /// What the predicate can come to, and what that rests on. One that is not understood can come to anything.
    fn outcomes(&self, expr: &Expr) -> (Outcomes, Because) {
        let mut because = Because::new();
        let outcomes = self.outcomes_of(expr, &mut because);
        (outcomes, because)
    }

    fn outcomes_of(&self, expr: &Expr, because: &mut Because) -> Outcomes {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.outcomes_of(left, because).and(self.outcomes_of(right, because))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                self.outcomes_of(left, because).or(self.outcomes_of(right, because))
            }
            Expr::Not(inner) => self.outcomes_of(inner, because).not(),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => self.comparison(left, *op, right, because),
            Expr::Between(Between { expr, negated, low, high }) => {
                let within = self.comparison(expr, Operator::GtEq, low, because).and(self.comparison(
                    expr,
                    Operator::LtEq,
                    high,
                    because,
                ));
                if *negated { within.not() } else { within }
            }
            Expr::InList(InList { expr, list, negated }) => {
                let equals = list.iter().map(|value| self.comparison(expr, Operator::Eq, value, because));
                match equals.reduce(Outcomes::or) {
                    Some(any) if *negated => any.not(),
                    Some(any) => any,
                    None => Outcomes::ANY,
                }
            }
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                let Some(range) = self.range(inner).filter(|range| !range.can_be_null) else { return Outcomes::ANY };
                also(because, &range.because);
                let is_null = matches!(expr, Expr::IsNull(_));
                Outcomes { be_true: !is_null, be_false: is_null, be_null: false }
            }
            _ => Outcomes::ANY,
        }
    }

    fn comparison(&self, left: &Expr, op: Operator, right: &Expr, because: &mut Because) -> Outcomes {
        let (Some(one), Some(other)) = (self.range(left), self.range(right)) else { return Outcomes::ANY };
        let outcomes = |always: bool, never: bool| Outcomes {
            be_true: !never,
            be_false: !always,
            be_null: one.can_be_null || other.can_be_null,
        };
        let found = match op {
            Operator::Lt => outcomes(one.is_below(&other), other.is_at_most(&one)),
            Operator::LtEq => outcomes(one.is_at_most(&other), other.is_below(&one)),
            Operator::Gt => outcomes(other.is_below(&one), one.is_at_most(&other)),
            Operator::GtEq => outcomes(other.is_at_most(&one), one.is_below(&other)),
            Operator::Eq => outcomes(one.is_the_value_of(&other), one.is_below(&other) || other.is_below(&one)),
            Operator::NotEq => outcomes(one.is_below(&other) || other.is_below(&one), one.is_the_value_of(&other)),
            _ => Outcomes::ANY,
        };
        if !(found.be_true && found.be_false) {
            also(because, &one.because);
            also(because, &other.because);
        }
        found
    }

    /// The values that the expression can have: of columns and literals only.
    fn range(&self, expr: &Expr) -> Option<Range> {
        match expr {
            Expr::Literal(value, _) => Range::of_value(value),
            Expr::Column(_) => self.inputs.iter().find_map(|(schema, facts)| {
                let column = position(expr, schema)?;
                Range::of(facts, column)
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcomes;
    use crate::optimizer::prune::testing::{fires, stays};
    use crate::optimizer::testing::{Lab, lab};

    const RULE: &str = "decided_predicate";

    fn lab_with_facts() -> Lab {
        lab().with_file_facts()
    }

    #[test]
    fn what_always_holds_goes() {
        let lab = lab_with_facts();
        let said = fires(&lab, RULE, "SELECT id FROM region WHERE size >= 10 AND id > 1");
        assert!(said.starts_with("region.size >= 10 always holds [region: "), "{said}");
        fires(&lab, RULE, "SELECT id FROM region WHERE size BETWEEN 0 AND 40");
        fires(&lab, RULE, "SELECT id FROM region WHERE NOT (size > 40)");
        fires(&lab, RULE, "SELECT id FROM region WHERE size > 5 OR name = 'x'");
        fires(&lab, RULE, "SELECT o.id, r.id FROM orders o LEFT JOIN region r ON o.amount = r.size AND r.size < 100");
    }

    #[test]
    fn what_never_holds_leaves_nothing() {
        let lab = lab_with_facts();
        let said = fires(&lab, RULE, "SELECT id FROM orders WHERE amount > 1000 AND note = 'a'");
        assert!(said.starts_with("orders.amount > 1000 never holds"), "{said}");
        fires(&lab, RULE, "SELECT id FROM region WHERE size IN (1, 2, 3)");
        fires(&lab, RULE, "SELECT count(*), sum(size) FROM region WHERE size = 41");
        fires(&lab, RULE, "SELECT id FROM orders WHERE day < DATE '2000-01-01'");
        fires(&lab, RULE, "SELECT r.id, l.price FROM region r JOIN line l ON r.size < l.price");
    }

    #[test]
    fn filters_below_decide_without_files() {
        let lab = lab();
        fires(&lab, RULE, "SELECT * FROM (SELECT a, b FROM loose WHERE a = 2 LIMIT 5) WHERE a > 1");
        fires(&lab, RULE, "SELECT * FROM (SELECT a, b FROM loose WHERE a = 2 LIMIT 5) WHERE a = 3");
    }

    #[test]
    fn null_is_neither() {
        let lab = lab_with_facts();
        stays(&lab, RULE, "SELECT id FROM orders WHERE amount >= 50");
        stays(&lab, RULE, "SELECT id FROM customer WHERE NOT (age = 1000)");
        stays(&lab, RULE, "SELECT id FROM customer WHERE age <> 1000");
        fires(&lab, RULE, "SELECT id FROM customer WHERE age = 1000");
    }

    #[test]
    fn what_may_hold_stays() {
        let lab = lab_with_facts();
        stays(&lab, RULE, "SELECT id FROM region WHERE size >= 11");
        stays(&lab, RULE, "SELECT id FROM region WHERE size = 40");
        stays(&lab, RULE, "SELECT a FROM loose WHERE x > 100");
        stays(
            &lab,
            RULE,
            "SELECT o.id, r.id FROM orders o LEFT JOIN region r ON o.id = r.id WHERE r.size >= 10 OR o.id = 6",
        );
    }

    /// DataFusion has made a filter of the side out of it by then; the left rows stay.
    #[test]
    fn an_outer_join_without_partners_keeps_its_left_rows() {
        let lab = lab_with_facts();
        fires(&lab, RULE, "SELECT o.id, r.id FROM orders o LEFT JOIN region r ON o.id = r.id AND r.size > 100");
        fires(
            &lab,
            RULE,
            "SELECT o.id, r.id FROM orders o FULL JOIN (SELECT id FROM region WHERE size > 100) r ON o.id = r.id",
        );
        stays(
            &lab,
            RULE,
            "SELECT o.id, r.id FROM orders o FULL JOIN region r ON o.amount = r.size AND o.amount > r.size + 1000",
        );
    }

    #[test]
    fn without_facts_nothing_is_decided() {
        let lab = lab();
        stays(&lab, RULE, "SELECT id FROM region WHERE size >= 10");
        stays(&lab, RULE, "SELECT id FROM orders WHERE amount > 1000");
    }

    /// Outcomes against SQL's three values.
    #[test]
    fn outcomes_follow_three_valued_logic() {
        let values = [Some(true), Some(false), None];
        let only = |value: Option<bool>| Outcomes {
            be_true: value == Some(true),
            be_false: value == Some(false),
            be_null: value.is_none(),
        };
        let and = |a: Option<bool>, b: Option<bool>| match (a, b) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
        for a in values {
            for b in values {
                let found = only(a).and(only(b));
                let wanted = only(and(a, b));
                assert_eq!(
                    (found.be_true, found.be_false, found.be_null),
                    (wanted.be_true, wanted.be_false, wanted.be_null),
                    "{a:?} AND {b:?}"
                );
                let found = only(a).or(only(b));
                let wanted = only(and(a.map(|v| !v), b.map(|v| !v)).map(|v| !v));
                assert_eq!(
                    (found.be_true, found.be_false, found.be_null),
                    (wanted.be_true, wanted.be_false, wanted.be_null),
                    "{a:?} OR {b:?}"
                );
            }
        }
    }
}

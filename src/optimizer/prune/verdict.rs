//! Why the joins that are left are needed.
//!
//! After the rules have come to their fixpoint, each join of the plan is looked at once more with what is needed of it. The first
//! condition that failed is the answer: a column that is read, a filter that drops rows, or a constraint that is not known. Only the last
//! can be helped by declaring it, and it is named only if the side would go then: conditions that no constraint can meet are
//! tried first, and of several missing constraints all are named.
//!
//! The conditions are those that the rules themselves ask.

use datafusion::error::Result;
use datafusion::logical_expr::{JoinType, LogicalPlan};

use super::conditions::{Candidate, Obstacle, Side, inner_parent_goes, join_of, outer_parent_goes, outer_side_goes};
use super::plans::tables;
use super::{Needs, inputs, needs};
use crate::optimizer::facts::FactsCache;
use crate::optimizer::trace::Kept;

/// For each join, from the top, the sides that could go and what stopped it.
pub fn kept(plan: &LogicalPlan, facts: &FactsCache) -> Result<Vec<Kept>> {
    let mut found = Vec::new();
    visit(plan, &Needs::everything(plan.schema()), facts, &mut found)?;
    Ok(found)
}

fn visit(plan: &LogicalPlan, needs: &Needs, facts: &FactsCache, found: &mut Vec<Kept>) -> Result<()> {
    if let LogicalPlan::Join(join) = plan {
        match join_of(plan) {
            Some(join) => found
                .extend(sides(&[Side::Right, Side::Left].map(|side| Candidate::explained(join, side, facts)), needs)),
            None => found.push(Kept {
                join: join.join_type,
                tables: tables(&join.right),
                because: "a LATERAL side is computed for each row".to_owned(),
                missing: vec![],
            }),
        }
    }
    for (input, needs) in inputs::inputs(plan).iter().zip(needs::of_inputs(plan, needs)?) {
        visit(input, &needs, facts, found)?;
    }
    plan.apply_subqueries(|subquery| {
        // What its place needs of a subquery is not looked at: all of it.
        visit(subquery, &Needs::everything(subquery.schema()), facts, found)?;
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// What to say of a join: of each side that could go for the want of a constraint; else of each single table at its sides.
fn sides(candidates: &[Candidate<'_>; 2], needs: &Needs) -> Vec<Kept> {
    let judged: Vec<(&Candidate<'_>, Kept)> = candidates
        .iter()
        .filter_map(|candidate| obstacle(candidate, needs).map(|obstacle| (candidate, kept_for(candidate, obstacle))))
        .collect();
    let helped: Vec<Kept> =
        judged.iter().filter(|(_, kept)| !kept.missing.is_empty()).map(|(_, kept)| kept.clone()).collect();
    if !helped.is_empty() {
        return helped;
    }
    let single: Vec<Kept> =
        judged.iter().filter(|(_, kept)| kept.tables.len() == 1).map(|(_, kept)| kept.clone()).collect();
    if !single.is_empty() {
        return single;
    }
    judged.into_iter().map(|(_, kept)| kept).collect()
}

fn kept_for(candidate: &Candidate<'_>, obstacle: Obstacle) -> Kept {
    Kept {
        join: candidate.join.join_type,
        tables: tables(candidate.gone),
        because: obstacle.because,
        missing: obstacle.missing,
    }
}

/// What stops a side from going; `None`: it is not one that could.
fn obstacle(candidate: &Candidate<'_>, needs: &Needs) -> Option<Obstacle> {
    let went = || Obstacle::new("another rule of the optimizer brought the join back");
    match candidate.kind() {
        JoinType::Inner => Some(inner_parent_goes(candidate, needs).err().unwrap_or_else(went)),
        JoinType::Left => match outer_side_goes(candidate, needs) {
            Ok(_) => Some(went()),
            // If its key is read, a foreign key could let it go still.
            Err(unread) => match outer_parent_goes(candidate, needs) {
                Err(by_key) if unread.missing.is_empty() && !by_key.missing.is_empty() => Some(by_key),
                _ => Some(unread),
            },
        },
        JoinType::Full if candidate.side == Side::Right => {
            Some(Obstacle::new("FULL JOIN gives the rows of both sides that find no partner"))
        }
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
            Some(candidate.finds_its_parent().err().unwrap_or_else(went))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::testing::{Lab, lab};

    /// Each join that is left: the tables of the side, why it stays, and what to declare.
    fn verdict(lab: &Lab, sql: &str) -> Vec<String> {
        let kept = kept(&lab.pruned(sql), &FactsCache::default()).unwrap();
        let line = |kept: &Kept| {
            let tables: Vec<_> = kept.tables.iter().flatten().map(|tag| tag.alias.clone()).collect();
            let ddl: String = kept.missing.iter().map(|missing| format!("; {}", missing.ddl())).collect();
            format!("{}: {}{ddl}", tables.join(", "), kept.because)
        };
        kept.iter().map(line).collect()
    }

    #[test]
    fn needed() {
        let lab = lab();
        let of = |sql: &str| verdict(&lab, sql);
        assert_eq!(
            of("SELECT o.id, c.name FROM orders o LEFT JOIN customer c ON o.referrer_id = c.id"),
            ["customer: column c.name is read"]
        );
        let inner = of("SELECT o.id FROM orders o JOIN customer c ON o.customer_id = c.id WHERE c.vip");
        assert!(
            inner.iter().any(|line| line == "customer: filter customer.vip may drop rows of customer"),
            "{inner:#?}"
        );
        assert_eq!(
            of("SELECT o.id FROM orders o FULL JOIN customer c ON o.referrer_id = c.id"),
            ["customer: FULL JOIN gives the rows of both sides that find no partner"]
        );
        assert_eq!(
            of("SELECT o.id FROM orders o WHERE o.referrer_id NOT IN (SELECT id FROM customer)"),
            ["customer: NOT IN is also decided by NULLs in the subquery"]
        );
    }

    #[test]
    fn removable_if_declared() {
        let lab = lab();
        let of = |sql: &str| verdict(&lab, sql);
        assert_eq!(
            of("SELECT o.id FROM orders o LEFT JOIN loose l ON o.id = l.a"),
            ["loose: l.a is not known to be unique, so loose may repeat rows; ALTER TABLE \"default\".loose ADD UNIQUE (a) VALIDATE"
                .replace("\"default\"", "default")]
        );
        let fk = of("SELECT l.b FROM loose l JOIN customer c ON l.a = c.id");
        assert!(
            fk.iter().any(|line| line
                .ends_with("ALTER TABLE default.loose ADD FOREIGN KEY (a) REFERENCES default.customer (id) VALIDATE")),
            "{fk:#?}"
        );
        // Both a key and a foreign key.
        let both = of("SELECT o.id FROM orders o JOIN loose l ON o.id = l.a");
        assert!(
            both.iter().any(|line| line.ends_with(
                "; ALTER TABLE default.loose ADD UNIQUE (a) VALIDATE; \
                 ALTER TABLE default.orders ADD FOREIGN KEY (id) REFERENCES default.loose (a) VALIDATE"
            )),
            "{both:#?}"
        );
    }

    /// What is advised is what helps: with the constraint, the join goes.
    #[test]
    fn nothing_is_advised_that_would_not_help() {
        let lab = lab();
        for sql in [
            "SELECT o.id, l.c FROM orders o LEFT JOIN loose l ON o.id = l.a",
            "SELECT o.id FROM orders o JOIN loose l ON o.id = l.a WHERE l.c = 'p'",
            "SELECT o.id FROM orders o JOIN loose l ON o.id = l.a + 0",
            "SELECT o.id FROM orders o JOIN (SELECT a FROM loose LIMIT 3) l ON o.id = l.a",
            "SELECT o.id FROM orders o LEFT JOIN (SELECT l.a FROM loose l CROSS JOIN region) l ON o.id = l.a",
        ] {
            let kept = kept(&lab.pruned(sql), &FactsCache::default()).unwrap();
            let of_loose = |kept: &&Kept| kept.tables.iter().flatten().any(|tag| tag.alias == "loose");
            let advice: Vec<_> = kept.iter().filter(of_loose).collect();
            assert!(!kept.is_empty(), "{sql}");
            assert!(advice.iter().all(|kept| kept.missing.is_empty()), "{sql}\n{advice:#?}");
        }
    }
}

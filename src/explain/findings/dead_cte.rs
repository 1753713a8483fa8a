//! A CTE that nothing reads.
//!
//! ```sql
//! WITH recent AS (SELECT …), old AS (SELECT … FROM recent) SELECT … FROM orders     -- nobody reads old, and so nobody reads recent
//! ```
//!
//! It costs no time, but the next reader. A name that is mentioned anywhere outside of the CTE itself counts as read, so that with a
//! table or another CTE of the same name nothing is said.

use std::ops::ControlFlow;

use sqlparser::ast::{Cte, ObjectName, Query, SetExpr, Visit, Visitor};

use super::{Check, QueryText, Subject, places, words};
use crate::explain::report::{Finding, Severity};
use crate::sql::visit::visit;

#[derive(Debug)]
pub struct DeadCte;

impl Check for DeadCte {
    fn code(&self) -> &'static str {
        "OST013"
    }

    fn look(&self, subject: &Subject<'_>) -> Vec<Finding> {
        subject.queries.iter().flat_map(in_query).collect()
    }
}

fn in_query(text: &QueryText) -> Vec<Finding> {
    let mut ctes = Ctes::default();
    let _ = visit(&*text.query, &mut ctes);
    let everything = names_in(&*text.query);
    let mut dead: Vec<&Cte> = Vec::new();
    loop {
        let next = ctes.found.iter().find(|cte| {
            let reads = |names: &[String]| names.iter().filter(|read| **read == name_of(cte)).count();
            // Its own body, and those of dead ones that lie outside of it.
            let mut uncounted = reads(&names_in(&*cte.query));
            uncounted += dead.iter().map(|other| reads(&names_in(&*other.query))).sum::<usize>();
            !dead.contains(cte) && !dead.iter().any(|other| lies_in(cte, other)) && reads(&everything) == uncounted
        });
        match next {
            Some(cte) => dead.push(cte),
            None => break,
        }
    }
    dead.iter()
        .map(|cte| {
            let mut reads = names_in(&*cte.query);
            reads.sort_unstable();
            reads.dedup();
            let reads = if reads.is_empty() { String::new() } else { format!("; it reads {}", words::list(&reads)) };
            Finding {
                code: "OST013",
                severity: Severity::Advice,
                span: places::of_ident(&cte.alias.name, text),
                message: format!("nothing reads the CTE {}{reads}", cte.alias.name),
                fix: Some(format!("drop {} from WITH", cte.alias.name)),
                saved_rows: 0.0,
            }
        })
        .collect()
}

/// The CTEs of a query, in the order of the text.
#[derive(Default)]
struct Ctes {
    found: Vec<Cte>,
}

impl Visitor for Ctes {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.found.extend(query.with.iter().flat_map(|with| with.cte_tables.iter().cloned()));
        ControlFlow::Continue(())
    }
}

fn name_of(cte: &Cte) -> String {
    cte.alias.name.value.to_lowercase()
}

/// Whether a CTE stands in the body of another.
fn lies_in(cte: &Cte, other: &Cte) -> bool {
    let mut inner = Ctes::default();
    let _ = visit(&*other.query, &mut inner);
    inner.found.contains(cte)
}

/// The names in FROM, in any case alike: whether two names that differ in case are the same is not asked here.
fn names_in(part: &impl Visit) -> Vec<String> {
    let mut names = Names::default();
    let _ = visit(part, &mut names);
    names.found
}

#[derive(Default)]
struct Names {
    found: Vec<String>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.found.extend(relation.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    /// `TABLE t` names a table without a relation.
    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        tables_of(&query.body, &mut self.found);
        ControlFlow::Continue(())
    }
}

fn tables_of(body: &SetExpr, into: &mut Vec<String>) {
    match body {
        SetExpr::Table(table) => into.extend(table.table_name.as_ref().map(|name| name.to_lowercase())),
        SetExpr::SetOperation { left, right, .. } => {
            tables_of(left, into);
            tables_of(right, into);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{look, text_at};
    use super::DeadCte;

    fn dead(sql: &str) -> Vec<String> {
        let found = look(&DeadCte, "CREATE TABLE t (id BIGINT)", sql);
        found.iter().map(|finding| text_at(finding, sql).unwrap()).collect()
    }

    #[test]
    fn what_nobody_reads_is_told_with_what_only_it_reads() {
        assert_eq!(dead("WITH a AS (SELECT id FROM t), b AS (SELECT id FROM a) SELECT id FROM t"), ["b", "a"]);
        assert_eq!(
            dead("WITH a AS (SELECT id FROM t) SELECT s.id FROM (WITH b AS (SELECT 1) SELECT id FROM a) s"),
            ["b"]
        );
        assert_eq!(dead("WITH a AS (WITH inner_one AS (SELECT 1) SELECT id FROM t) SELECT id FROM t"), ["a"]);
    }

    #[test]
    fn what_is_read_somewhere_is_not() {
        assert!(dead("WITH a AS (SELECT id FROM t) SELECT id FROM a").is_empty());
        assert!(dead("WITH a AS (SELECT id FROM t) SELECT id FROM t WHERE id IN (SELECT id FROM A)").is_empty());
        assert!(dead("WITH a AS (SELECT id FROM t), b AS (SELECT id FROM a) SELECT id FROM b").is_empty());
        assert!(dead("WITH a AS (SELECT id FROM t) SELECT id FROM t UNION ALL SELECT id FROM a").is_empty());
    }
}

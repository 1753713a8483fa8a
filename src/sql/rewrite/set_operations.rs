//! `a MINUS b` → `a EXCEPT b`, `a UNION DISTINCT BY NAME b` → `a UNION BY NAME b`
//!
//! INTERSECT ALL and EXCEPT ALL are made to count when they are planned: see `optimizer/counted_rows.rs`.

use sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, Spanned};

use sqlparser::tokenizer::Span;

use super::Refusal;

pub(super) fn to_datafusion(query: &mut Query) -> Result<(), Refusal> {
    in_body(&mut query.body, Span::empty())
}

/// The queries in parentheses below are visited on their own. `before` is the place in front of `body`.
fn in_body(body: &mut SetExpr, before: Span) -> Result<(), Refusal> {
    match body {
        SetExpr::SetOperation { op, set_quantifier, left, right } => {
            match op {
                SetOperator::Union => {
                    if *set_quantifier == SetQuantifier::DistinctByName {
                        *set_quantifier = SetQuantifier::ByName;
                    }
                }
                SetOperator::Minus => *op = SetOperator::Except,
                SetOperator::Intersect | SetOperator::Except => {}
            }
            in_body(left, before)?;
            let end = left.span().end;
            in_body(right, Span::new(end, end))
        }
        SetExpr::Table(table) => {
            let name = table.table_name.as_deref().unwrap_or("t");
            Err(Refusal::new(format!("behind TABLE {name} come only ORDER BY, LIMIT or another query"), before)
                .help(format!("write SELECT * FROM {name}")))
        }
        SetExpr::Insert(insert) => Err(Refusal::new("WITH cannot stand in front of INSERT", insert.span())
            .help("put it behind the table: INSERT INTO t WITH … SELECT …")),
        SetExpr::Update(statement) | SetExpr::Delete(statement) | SetExpr::Merge(statement) => {
            Err(Refusal::new("rows in files cannot be changed in place", statement.span())
                .help("write a new table with CREATE TABLE … AS"))
        }
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn operators_are_spelt_as_datafusion_knows_them() {
        assert_eq!(
            rewritten("SELECT a FROM t MINUS SELECT a FROM u MINUS ALL SELECT 1"),
            "SELECT a FROM t EXCEPT SELECT a FROM u EXCEPT ALL SELECT 1"
        );
        assert_eq!(
            rewritten("SELECT a FROM t UNION DISTINCT BY NAME SELECT k, a FROM u"),
            "SELECT a FROM t UNION BY NAME SELECT k, a FROM u"
        );
        unchanged("SELECT a FROM t UNION ALL BY NAME SELECT k, a FROM u");
        unchanged("SELECT a FROM t UNION ALL SELECT a FROM u INTERSECT SELECT 1 EXCEPT DISTINCT SELECT 2");
    }

    #[test]
    fn bodies_that_are_no_queries_are_refused() {
        let help = refused(
            "SELECT a, b, s FROM t▸ UNION ALL TABLE t u",
            "behind TABLE t come only ORDER BY, LIMIT or another query",
        );
        assert_eq!(help, "write SELECT * FROM t");
        refused("WITH x AS (SELECT 1) ▸INSERT INTO e SELECT * FROM x", "WITH cannot stand in front of INSERT");
    }
}

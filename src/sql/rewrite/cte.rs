//! WITH as DataFusion plans it.
//!
//! - `WITH RECURSIVE r AS (SELECT … UNION ALL SELECT … ORDER BY a LIMIT 2)` → `… AS ((SELECT … ORDER BY a LIMIT 2))`, if r
//!   does not read itself. In a recursive WITH the planner takes the two sides of UNION and leaves WITH, ORDER BY and LIMIT
//!   around them unread. In parentheses the query is planned as a whole. If r does read itself, they are refused.
//! - `WITH x AS (…) FROM x SELECT a` → `WITH x AS (…) SELECT a FROM x`. The parser may take FROM for a part of the last
//!   definition, where the planner does not look.
//! - `WITH x(a TEXT) AS …`: the type would be dropped; refused.
//! - A name that an outer WITH has already: DataFusion cannot plan it, and says that it was specified twice; refused.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Cte, Ident, ObjectName, Query, SetExpr, SetOperator, SetQuantifier, Spanned, TableAlias, TableWithJoins, Visitor,
    With,
};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{bare, folded, is_only_body, no_rows, parenthesize, query_of, same_name, table_of};
use crate::sql::visit::visit;

pub(super) fn to_datafusion(query: &mut Query) -> Result<(), Refusal> {
    let Some(with) = &mut query.with else { return Ok(()) };
    for cte in &mut with.cte_tables {
        refuse_column_types(&cte.alias)?;
        if with.recursive {
            plan_whole(cte)?;
        }
    }
    from_behind_select(with, &mut query.body)
}

/// `AS x(a INT)`: the planner reads the name only.
pub(super) fn refuse_column_types(alias: &TableAlias) -> Result<(), Refusal> {
    let Some(column) = alias.columns.iter().find(|column| column.data_type.is_some()) else { return Ok(()) };
    Err(Refusal::new(format!("a type behind column {} is not supported here", column.name), column.name.span)
        .help("CAST the column where it is selected"))
}

fn from_behind_select(with: &mut With, body: &mut SetExpr) -> Result<(), Refusal> {
    let Some(from) = with.cte_tables.iter_mut().find_map(|cte| cte.from.take()) else { return Ok(()) };
    match body {
        SetExpr::Select(select) if select.from.is_empty() => {
            select.from.push(TableWithJoins { relation: table_of(from), joins: Vec::new() });
            Ok(())
        }
        _ => Err(Refusal::new(format!("FROM {from} in front of this query is not supported"), from.span)
            .help(format!("write SELECT … FROM {from}"))),
    }
}

fn plan_whole(cte: &mut Cte) -> Result<(), Refusal> {
    strip_parentheses(&mut cte.query);
    let SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, left, right } = cte.query.body.as_ref() else {
        return Ok(());
    };
    let by_name =
        matches!(set_quantifier, SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName);
    let name = &cte.alias.name;
    if let Some(span) = reads(left.as_ref(), name) {
        return Err(Refusal::new(format!("{name} cannot be read in front of UNION, where it begins"), span)
            .help("the query behind UNION [ALL] is the one that may read it"));
    }
    if reads(right.as_ref(), name).is_none() {
        if by_name || !is_only_body(&cte.query) {
            parenthesize(&mut cte.query);
        }
        return Ok(());
    }
    let refuse = |clause: &str, span, help: String| {
        Err(Refusal::new(format!("{clause} of a recursive query is not supported"), span).help(help))
    };
    let outside =
        |clause: &str| format!("end the recursion with WHERE, and put {clause} into the query that reads {name}");
    if let Some(with) = &cte.query.with {
        let span = with.cte_tables.first().map_or(Span::empty(), |cte| cte.alias.name.span);
        return refuse("WITH inside", span, format!("define it in front of {name}, in the same WITH"));
    }
    if let Some(order_by) = &cte.query.order_by {
        return refuse("ORDER BY", order_by.span(), outside("ORDER BY"));
    }
    if let Some(limit) = &cte.query.limit_clause {
        return refuse("LIMIT or OFFSET", limit.span(), outside("LIMIT"));
    }
    if let Some(fetch) = &cte.query.fetch {
        let span = fetch.quantity.as_ref().map_or(name.span, Spanned::span);
        return refuse("FETCH", span, outside("FETCH"));
    }
    if by_name {
        return refuse("UNION BY NAME", right.span(), "put the columns into the same order on both sides".to_string());
    }
    Ok(())
}

/// `((a UNION b))` → `a UNION b`: in parentheses DataFusion would not see the recursion, and read a table of that name.
fn strip_parentheses(query: &mut Query) {
    while is_only_body(query)
        && let SetExpr::Query(inner) = query.body.as_mut()
    {
        let inner = std::mem::replace(inner.as_mut(), query_of(no_rows()));
        *query = inner;
    }
}

/// Where a part of a query reads the table `name`.
fn reads(part: &SetExpr, name: &Ident) -> Option<Span> {
    match visit(part, &mut Reads { name }) {
        ControlFlow::Break(span) => Some(span),
        ControlFlow::Continue(()) => None,
    }
}

struct Reads<'a> {
    name: &'a Ident,
}

impl Visitor for Reads<'_> {
    type Break = Span;

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Span> {
        match bare(relation) {
            Some(name) if same_name(name, self.name) => ControlFlow::Break(name.span),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The names that WITH has given to the query that is being visited and to those around it.
#[derive(Default)]
pub(super) struct WithNames {
    queries: Vec<Names>,
}

#[derive(Default)]
struct Names {
    visible: Vec<String>,
    /// Names whose queries are still to be visited, the next one last.
    pending: Vec<String>,
}

impl WithNames {
    pub(super) fn enter(&mut self, query: &Query) -> Result<(), Refusal> {
        let mut names = Names::default();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = folded(&cte.alias.name);
            if names.pending.contains(&name) {
                return Err(Refusal::new(format!("WITH defines {name} twice"), cte.alias.name.span));
            }
            if self.queries.iter().any(|outer| outer.visible.contains(&name)) {
                return Err(Refusal::new(
                    format!("WITH defines {name}, and so does the WITH around it"),
                    cte.alias.name.span,
                )
                .help("give one of them another name"));
            }
            names.pending.push(name);
        }
        names.pending.reverse();
        self.queries.push(names);
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.queries.pop();
        // The first queries inside a query are those of its WITH; each is known to the ones behind it.
        if let Some(outer) = self.queries.last_mut()
            && let Some(name) = outer.pending.pop()
        {
            outer.visible.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn what_stands_around_a_union_in_a_recursive_with_is_kept() {
        assert_eq!(
            rewritten(
                "WITH RECURSIVE x AS (SELECT a FROM t UNION ALL SELECT a FROM u ORDER BY 1 DESC LIMIT 2) SELECT * FROM x"
            ),
            "WITH RECURSIVE x AS ((SELECT a FROM t UNION ALL SELECT a FROM u ORDER BY 1 DESC LIMIT 2)) SELECT * FROM x"
        );
        assert_eq!(
            rewritten("WITH RECURSIVE x(n) AS (WITH t AS (SELECT 1) SELECT * FROM t UNION SELECT 2) SELECT * FROM x"),
            "WITH RECURSIVE x (n) AS ((WITH t AS (SELECT 1) SELECT * FROM t UNION SELECT 2)) SELECT * FROM x"
        );
        assert_eq!(
            rewritten("WITH RECURSIVE x AS (SELECT 1 AS p UNION BY NAME SELECT 2 AS p) SELECT * FROM x"),
            "WITH RECURSIVE x AS ((SELECT 1 AS p UNION BY NAME SELECT 2 AS p)) SELECT * FROM x"
        );
    }

    #[test]
    fn plain_recursion_and_other_withs_are_left_alone() {
        unchanged(
            "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r LIMIT 3",
        );
        unchanged("WITH RECURSIVE x AS (SELECT a FROM t ORDER BY a LIMIT 2) SELECT * FROM x");
        unchanged("WITH x AS (SELECT a FROM t UNION ALL SELECT a FROM u ORDER BY 1 LIMIT 2) SELECT * FROM x");
    }

    #[test]
    fn parentheses_do_not_hide_the_recursion() {
        assert_eq!(
            rewritten("WITH RECURSIVE r(n) AS ((SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5)) SELECT * FROM r"),
            "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r"
        );
        refused(
            "WITH RECURSIVE r(n) AS ((SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT ▸3)) SELECT * FROM r",
            "LIMIT or OFFSET of a recursive query is not supported",
        );
    }

    #[test]
    fn what_a_recursion_cannot_keep_is_refused() {
        let help = refused(
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r LIMIT ▸10) SELECT * FROM r",
            "LIMIT or OFFSET of a recursive query is not supported",
        );
        assert_eq!(help, "end the recursion with WHERE, and put LIMIT into the query that reads r");
        refused(
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM R WHERE n < 5 ORDER BY ▸1) SELECT * FROM r",
            "ORDER BY of a recursive query is not supported",
        );
        refused(
            "WITH RECURSIVE r(n) AS (WITH ▸t AS (SELECT 1) SELECT * FROM t UNION ALL SELECT n+1 FROM r) SELECT * FROM r",
            "WITH inside of a recursive query is not supported",
        );
        refused(
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL BY NAME ▸SELECT n+1 AS n FROM r) SELECT * FROM r",
            "UNION BY NAME of a recursive query is not supported",
        );
        refused(
            "WITH RECURSIVE r AS (SELECT a FROM ▸r UNION ALL SELECT a FROM t) SELECT * FROM r",
            "r cannot be read in front of UNION, where it begins",
        );
    }

    #[test]
    fn a_type_behind_a_column_is_refused() {
        refused("WITH x(p, ▸a TEXT) AS (SELECT 1, 2) SELECT a FROM x", "a type behind column a is not supported here");
    }

    #[test]
    fn a_name_is_given_once() {
        refused("WITH x AS (SELECT 1), ▸X AS (SELECT 2) SELECT * FROM x", "WITH defines x twice");
        let outer = "WITH defines x, and so does the WITH around it";
        refused("WITH x AS (SELECT 1) SELECT * FROM (WITH ▸x AS (SELECT 2) SELECT * FROM x) y", outer);
        refused("WITH x AS (SELECT 1), y AS (WITH ▸x AS (SELECT 2) SELECT * FROM x) SELECT * FROM y", outer);
        // The inner one is gone where the outer one begins, and two subqueries do not see each other.
        unchanged("WITH x AS (WITH x AS (SELECT 2) SELECT * FROM x) SELECT * FROM x");
        unchanged("SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) y, (WITH x AS (SELECT 2) SELECT * FROM x) z");
    }
}

//! `sum(b) OVER (w ORDER BY b) … WINDOW w AS (PARTITION BY a)` → `sum(b) OVER (PARTITION BY a ORDER BY b)`
//!
//! DataFusion's planner never reads the name inside `OVER (w …)`, so the window would lose w's PARTITION BY. It knows
//! `OVER w` in the SELECT list only; in ORDER BY, HAVING and QUALIFY the call would be planned as a plain aggregate. And it
//! looks names up inside subqueries, which have windows of their own. So every named window is written out here, in the
//! SELECT it belongs to.

use std::collections::HashMap;

use sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, OrderBy, Select, Spanned, WindowSpec, WindowType,
};
use sqlparser::tokenizer::Span;

use super::Refusal;
use super::ast::{each_expr, folded};

/// Writes out the named windows of a SELECT, and of the ORDER BY behind it.
pub(super) fn inline(select: &mut Select, order_by: Option<&mut OrderBy>) -> Result<(), Refusal> {
    let windows = Windows::define(std::mem::take(&mut select.named_window))?;
    windows.inline_in(select)?;
    match order_by {
        Some(order_by) => windows.inline_in(order_by),
        None => Ok(()),
    }
}

/// ORDER BY behind a set operation: the windows of its SELECTs are unknown there.
pub(super) fn inline_none(order_by: &mut OrderBy) -> Result<(), Refusal> {
    Windows::default().inline_in(order_by)
}

#[derive(Default)]
struct Windows {
    by_name: HashMap<String, WindowSpec>,
}

impl Windows {
    fn define(definitions: Vec<NamedWindowDefinition>) -> Result<Self, Refusal> {
        let mut windows = Windows::default();
        for NamedWindowDefinition(name, definition) in definitions {
            let spec = match definition {
                NamedWindowExpr::NamedWindow(other) => windows.get(&other)?.clone(),
                NamedWindowExpr::WindowSpec(spec) => windows.complete(spec)?,
            };
            if windows.by_name.insert(folded(&name), spec).is_some() {
                return Err(Refusal::new(format!("window {name} is defined twice"), name.span));
            }
        }
        Ok(windows)
    }

    fn get(&self, name: &Ident) -> Result<&WindowSpec, Refusal> {
        self.by_name.get(&folded(name)).ok_or_else(|| {
            Refusal::new(format!("window {name} is not defined"), name.span).help(format!(
                "WINDOW {name} AS (PARTITION BY … ORDER BY …) defines it, behind FROM, WHERE and GROUP BY"
            ))
        })
    }

    /// The window that `(w ORDER BY … frame)` means: what w has, and what is added to it.
    fn complete(&self, mut spec: WindowSpec) -> Result<WindowSpec, Refusal> {
        let Some(name) = spec.window_name.take() else { return Ok(spec) };
        let base = self.get(&name)?.clone();
        if spec.partition_by.is_empty() && spec.order_by.is_empty() && spec.window_frame.is_none() {
            return Ok(base);
        }
        if let Some(own) = spec.partition_by.first() {
            return Err(Refusal::new(format!("PARTITION BY cannot be added to window {name}"), own.span())
                .help("only ORDER BY and a frame can be added to a named window"));
        }
        if !base.order_by.is_empty() && !spec.order_by.is_empty() {
            let span = spec.order_by.first().map_or(name.span, Spanned::span);
            return Err(Refusal::new(format!("window {name} has an ORDER BY already"), span));
        }
        if base.window_frame.is_some() {
            return Err(Refusal::new(format!("window {name} has a frame, so nothing can be added to it"), name.span)
                .help(format!("OVER {name} uses it as it is")));
        }
        if spec.order_by.is_empty() {
            spec.order_by = base.order_by;
        }
        spec.partition_by = base.partition_by;
        Ok(spec)
    }

    fn inline_in(&self, part: &mut impl sqlparser::ast::VisitMut) -> Result<(), Refusal> {
        each_expr(part, |expr| {
            let Expr::Function(function) = expr else { return Ok(()) };
            function.over = match function.over.take() {
                Some(WindowType::NamedWindow(name)) => Some(WindowType::WindowSpec(self.get(&name)?.clone())),
                Some(WindowType::WindowSpec(spec)) => Some(WindowType::WindowSpec(self.complete(spec)?)),
                None => None,
            };
            Ok(())
        })
    }
}

/// Window functions where none can stand: they are computed behind WHERE, GROUP BY and HAVING. DataFusion finds out when the
/// plan is run, and then prints it.
pub(super) fn refuse_misplaced(select: &mut Select) -> Result<(), Refusal> {
    const FILTER: &str = "QUALIFY filters by them: QUALIFY row_number() OVER (…) = 1";
    const GROUP: &str = "compute them in a subquery and group outside of it";
    let refuse = |part: &mut Option<Expr>, clause, help| match part {
        Some(expr) => refuse_in(expr, clause, help),
        None => Ok(()),
    };
    refuse(&mut select.selection, "WHERE", FILTER)?;
    refuse(&mut select.having, "HAVING", FILTER)?;
    refuse_in(&mut select.group_by, "GROUP BY", GROUP)?;
    if let sqlparser::ast::GroupByExpr::All(_) = select.group_by {
        let mut span = None;
        each_expr(&mut select.projection, |expr| {
            span = span.or(window_in(expr));
            Ok::<(), Refusal>(())
        })?;
        if let Some(span) = span {
            return Err(Refusal::new("GROUP BY ALL cannot tell what to group by beside a window function", span)
                .help("name the columns: GROUP BY a, b"));
        }
    }
    select.from.iter_mut().flat_map(|from| &mut from.joins).try_for_each(|join| {
        match super::ast::constraint(&mut join.join_operator) {
            Some(sqlparser::ast::JoinConstraint::On(condition)) => refuse_in(condition, "ON", FILTER),
            _ => Ok(()),
        }
    })
}

fn refuse_in(part: &mut impl sqlparser::ast::VisitMut, clause: &str, help: &'static str) -> Result<(), Refusal> {
    each_expr(part, |expr| match window_in(expr) {
        Some(span) => Err(Refusal::new(format!("window functions cannot stand in {clause}"), span).help(help)),
        None => Ok(()),
    })
}

fn window_in(expr: &Expr) -> Option<Span> {
    match expr {
        Expr::Function(function) if function.over.is_some() => Some(function.name.span()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn what_is_added_to_a_named_window_keeps_its_partitions() {
        assert_eq!(
            rewritten("SELECT sum(b) OVER (w ORDER BY b) FROM t WINDOW w AS (PARTITION BY a)"),
            "SELECT sum(b) OVER (PARTITION BY a ORDER BY b) FROM t"
        );
        assert_eq!(
            rewritten("SELECT sum(b) OVER (w ROWS 2 PRECEDING) FROM t WINDOW W AS (PARTITION BY a ORDER BY b)"),
            "SELECT sum(b) OVER (PARTITION BY a ORDER BY b ROWS 2 PRECEDING) FROM t"
        );
        assert_eq!(
            rewritten("SELECT sum(b) OVER (w) FROM t WINDOW w AS (ORDER BY b ROWS 2 PRECEDING)"),
            "SELECT sum(b) OVER (ORDER BY b ROWS 2 PRECEDING) FROM t"
        );
    }

    #[test]
    fn windows_are_defined_by_earlier_ones() {
        assert_eq!(
            rewritten("SELECT sum(b) OVER w3 FROM t WINDOW w AS (PARTITION BY a), w2 AS (w ORDER BY b), w3 AS w2"),
            "SELECT sum(b) OVER (PARTITION BY a ORDER BY b) FROM t"
        );
    }

    #[test]
    fn windows_are_known_in_every_clause_that_may_have_them() {
        assert_eq!(
            rewritten(
                "SELECT DISTINCT ON (max(b) OVER w) a FROM t WINDOW w AS (PARTITION BY a) \
                 QUALIFY rank() OVER w = 1 ORDER BY sum(b) OVER w"
            ),
            "SELECT DISTINCT ON (max(b) OVER (PARTITION BY a)) a FROM t \
             QUALIFY rank() OVER (PARTITION BY a) = 1 ORDER BY sum(b) OVER (PARTITION BY a)"
        );
        assert_eq!(
            rewritten("SELECT rank() OVER w FROM t WINDOW w AS (ORDER BY a) UNION ALL SELECT 1"),
            "SELECT rank() OVER (ORDER BY a) FROM t UNION ALL SELECT 1"
        );
    }

    #[test]
    fn a_subquery_has_windows_of_its_own() {
        assert_eq!(
            rewritten(
                "SELECT (SELECT max(x) FROM (SELECT sum(k) OVER w AS x FROM u WINDOW w AS (PARTITION BY a)) z) \
                 FROM v WINDOW w AS ()"
            ),
            "SELECT (SELECT max(x) FROM (SELECT sum(k) OVER (PARTITION BY a) AS x FROM u) z) FROM v"
        );
        refused("SELECT (SELECT sum(k) OVER ▸w FROM u) FROM v WINDOW w AS ()", "window w is not defined");
    }

    #[test]
    fn other_windows_are_left_alone() {
        unchanged("SELECT sum(b) OVER (PARTITION BY a ORDER BY b) AS w FROM t QUALIFY w > 1");
    }

    #[test]
    fn names_and_additions_that_cannot_be_meant_are_refused() {
        refused("SELECT sum(b) OVER (▸nosuch ORDER BY b) FROM t", "window nosuch is not defined");
        refused("SELECT a FROM t ORDER BY sum(a) OVER ▸nosuch", "window nosuch is not defined");
        refused(
            "SELECT a FROM t WINDOW w AS (ORDER BY a) UNION SELECT 1 ORDER BY rank() OVER ▸w",
            "window w is not defined",
        );
        refused("SELECT 1 FROM t WINDOW w AS (ORDER BY a), ▸W AS ()", "window W is defined twice");
        refused("SELECT 1 FROM t WINDOW w2 AS (▸w), w AS ()", "window w is not defined");
        refused(
            "SELECT sum(b) OVER (w PARTITION BY ▸s) FROM t WINDOW w AS (ORDER BY b)",
            "PARTITION BY cannot be added to window w",
        );
        refused(
            "SELECT sum(b) OVER (w ORDER BY ▸s) FROM t WINDOW w AS (ORDER BY b)",
            "window w has an ORDER BY already",
        );
        refused(
            "SELECT sum(b) OVER (▸w ORDER BY s) FROM t WINDOW w AS (ROWS 2 PRECEDING)",
            "window w has a frame, so nothing can be added to it",
        );
    }

    #[test]
    fn window_functions_stand_behind_filters_and_groups() {
        refused("SELECT a FROM t WHERE ▸row_number() OVER (ORDER BY b) = 1", "window functions cannot stand in WHERE");
        refused("SELECT a FROM t GROUP BY a HAVING 1 < ▸rank() OVER ()", "window functions cannot stand in HAVING");
        refused("SELECT 1 FROM t GROUP BY ▸rank() OVER ()", "window functions cannot stand in GROUP BY");
        refused("SELECT 1 FROM t JOIN u ON ▸rank() OVER () = k", "window functions cannot stand in ON");
        refused(
            "SELECT a, ▸rank() OVER () FROM t GROUP BY ALL",
            "GROUP BY ALL cannot tell what to group by beside a window function",
        );
        unchanged("SELECT a FROM t WHERE a = (SELECT max(r) FROM (SELECT rank() OVER () AS r FROM t) x)");
        unchanged("SELECT a, count(*) FROM t GROUP BY ALL");
    }
}

//! `SELECT a + 1 AS b FROM t WHERE b > 2` → `SELECT a + 1 AS b FROM t WHERE (a + 1) > 2`
//!
//! Tajo's WHERE sees the names of the SELECT list. Only where no table of the statement has a column of the name, and FROM has nothing but
//! tables: then the name cannot mean anything else. Done when the columns are known.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement};
use sqlparser::ast::{Expr, Query, Select, SelectItem, TableFactor, VisitMut, Visitor, VisitorMut};

use super::ColumnSpellings;
use super::ast::{bare, each_expr, folded};
use crate::sql::visit::{visit, visit_mut};

pub(crate) fn resolve_where_aliases(statement: &mut Statement, columns: &ColumnSpellings) {
    match statement {
        Statement::Statement(ast) => in_part(ast.as_mut(), columns),
        Statement::Explain(explain) => resolve_where_aliases(&mut explain.statement, columns),
        Statement::CopyTo(copy) => {
            if let CopyToSource::Query(query) = &mut copy.source {
                in_part(query.as_mut(), columns);
            }
        }
        _ => {}
    }
}

fn in_part<T: sqlparser::ast::Visit + VisitMut>(part: &mut T, columns: &ColumnSpellings) {
    let mut queries = WithNames::default();
    let _ = visit(part, &mut queries);
    let _ = visit_mut(part, &mut Aliases { columns, queries: queries.names });
}

/// What WITH names: queries whose columns are not known here.
#[derive(Default)]
struct WithNames {
    names: HashSet<String>,
}

impl Visitor for WithNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.names.extend(tables.map(|cte| folded(&cte.alias.name)));
        ControlFlow::Continue(())
    }
}

struct Aliases<'a> {
    columns: &'a ColumnSpellings,
    queries: HashSet<String>,
}

impl Aliases<'_> {
    fn is_table(&self, factor: &TableFactor) -> bool {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let names_columns = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
                !names_columns && !bare(name).is_some_and(|name| self.queries.contains(&folded(name)))
            }
            _ => false,
        }
    }
}

impl VisitorMut for Aliases<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let Select { projection, selection: Some(condition), from, .. } = select else {
            return ControlFlow::Continue(());
        };
        let tables_only = from
            .iter()
            .all(|from| self.is_table(&from.relation) && from.joins.iter().all(|join| self.is_table(&join.relation)));
        if !tables_only {
            return ControlFlow::Continue(());
        }
        let named: Vec<_> = projection
            .iter()
            .filter_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if !has_window(expr) => Some((folded(alias), expr)),
                _ => None,
            })
            .collect();
        let _ = each_expr(condition, |expr| {
            if let Expr::Identifier(name) = expr {
                let name = folded(name);
                if !self.columns.has(&name)
                    && let Some((_, meant)) = named.iter().find(|(alias, _)| *alias == name)
                {
                    *expr = Expr::Nested(Box::new((*meant).clone()));
                }
            }
            Ok::<(), ()>(())
        });
        ControlFlow::Continue(())
    }
}

fn has_window(expr: &Expr) -> bool {
    struct Windows;
    impl Visitor for Windows {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if function.over.is_some() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    visit(expr, &mut Windows).is_break()
}

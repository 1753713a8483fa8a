//! `SELECT CustId` finds the column `CustId`
//!
//! Unquoted names are the same in any case, and DataFusion makes them lower case before it looks. A column that a file
//! spells with capitals would only be found in quotes. So an unquoted name whose lower-case form no column has, but which
//! one column has in another spelling, is given that spelling. Where the statement itself defines the name (an alias), it
//! means that one.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::Schema;
use datafusion::sql::parser::{CopyToSource, Statement};
use sqlparser::ast::{
    Cte, Expr, Ident, JoinConstraint, JoinOperator, Query, Select, SelectItem, TableAlias, TableFactor, Visit,
    VisitMut, Visitor, VisitorMut,
};

/// How the columns of a statement's tables are spelt, by their lower-case form.
#[derive(Debug, Default)]
pub(crate) struct ColumnSpellings {
    by_lower: HashMap<String, HashSet<String>>,
}

impl ColumnSpellings {
    pub(crate) fn add(&mut self, schema: &Schema) {
        for field in schema.fields() {
            self.by_lower.entry(field.name().to_lowercase()).or_default().insert(field.name().clone());
        }
    }

    /// The one spelling of `name`, if it is not lower case.
    fn of(&self, name: &str) -> Option<&str> {
        let lower = name.to_lowercase();
        let spellings = self.by_lower.get(&lower)?;
        let mut spellings = spellings.iter();
        match (spellings.next(), spellings.next()) {
            (Some(one), None) if *one != lower => Some(one),
            _ => None,
        }
    }

    fn all_lower(&self) -> bool {
        self.by_lower.iter().all(|(lower, spellings)| spellings.len() == 1 && spellings.contains(lower))
    }
}

/// Gives unquoted column names the spelling that their files have.
pub(crate) fn fold_column_case(statement: &mut Statement, spellings: &ColumnSpellings) {
    if spellings.all_lower() {
        return;
    }
    match statement {
        Statement::Statement(ast) => fold(ast.as_mut(), spellings),
        Statement::Explain(explain) => fold_column_case(&mut explain.statement, spellings),
        Statement::CopyTo(copy) => {
            if let CopyToSource::Query(query) = &mut copy.source {
                fold(query.as_mut(), spellings);
            }
        }
        _ => {}
    }
}

fn fold<T: Visit + VisitMut>(part: &mut T, spellings: &ColumnSpellings) {
    let mut aliases = Aliases::default();
    let _ = Visit::visit(part, &mut aliases);
    let _ = VisitMut::visit(part, &mut Folder { spellings, aliases: aliases.names });
}

/// Column names that the statement defines itself, in lower case.
#[derive(Default)]
struct Aliases {
    names: HashSet<String>,
}

impl Aliases {
    fn add(&mut self, name: &Ident) {
        self.names.insert(name.value.to_lowercase());
    }

    fn add_columns(&mut self, alias: Option<&TableAlias>) {
        for column in alias.iter().flat_map(|alias| &alias.columns) {
            self.add(&column.name);
        }
    }
}

impl Visitor for Aliases {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.add(alias);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes: &[Cte] = query.with.as_ref().map_or(&[], |with| &with.cte_tables);
        for cte in ctes {
            self.add_columns(Some(&cte.alias));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::UNNEST { alias, .. } => {
                self.add_columns(alias.as_ref());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

struct Folder<'a> {
    spellings: &'a ColumnSpellings,
    aliases: HashSet<String>,
}

impl Folder<'_> {
    fn fold(&self, name: &mut Ident) {
        if name.quote_style.is_some() || self.aliases.contains(&name.value.to_lowercase()) {
            return;
        }
        if let Some(spelling) = self.spellings.of(&name.value) {
            name.value = spelling.to_string();
            name.quote_style = Some('"');
        }
    }
}

impl VisitorMut for Folder<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => self.fold(name),
            Expr::CompoundIdentifier(parts) => {
                // `t.a` and `t.a.b`: what comes first may be a table, whose name is not a column's.
                parts.iter_mut().skip(1).for_each(|part| self.fold(part));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            if let Some(JoinConstraint::Using(names)) = constraint(&mut join.join_operator) {
                for part in names.iter_mut().flat_map(|name| &mut name.0) {
                    if let sqlparser::ast::ObjectNamePart::Identifier(name) = part {
                        self.fold(name);
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::RightAnti(constraint) => Some(constraint),
        _ => None,
    }
}

//! `SELECT CustId` finds the column `CustId`
//!
//! Unquoted names are the same in any case, and DataFusion makes them lower case before it looks. A column that a file
//! spells with capitals would only be found in quotes. So an unquoted name whose lower-case form no column has, but which
//! one column has in another spelling, is given that spelling. Where the statement itself defines the name (an alias), it
//! means that one.
//!
//! Here the columns are known for the first time, so a name behind `* REPLACE` that no table has is made an error: DataFusion
//! would replace nothing.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::Schema;
use datafusion::sql::parser::{CopyToSource, Statement};
use sqlparser::ast::{
    Cte, ExcludeSelectItem, Expr, Ident, JoinConstraint, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    TableAlias, TableFactor, TableWithJoins, Visit, VisitMut, Visitor, VisitorMut, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::Span;

use super::ast::{bare, constraint};
use super::wildcards::names_in;
use crate::sql::visit::{visit, visit_mut};

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

    /// Whether a table has a column of this name, in any case.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_lower.contains_key(&name.to_lowercase())
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
}

/// Gives unquoted column names the spelling that their files have.
pub(crate) fn fold_column_case(statement: &mut Statement, spellings: &ColumnSpellings) {
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
    let _ = visit(part, &mut aliases);
    let _ = visit_mut(part, &mut Folder { spellings, aliases });
}

/// Names that the statement defines itself, in lower case.
#[derive(Default)]
struct Aliases {
    /// Columns.
    names: HashSet<String>,
    /// Results of WITH.
    queries: HashSet<String>,
}

/// Whether a column only keeps its own name, which a rule has written behind it: it then stands where the column stands.
fn keeps_name(expr: &Expr, alias: &Ident) -> bool {
    visit(expr, &mut SamePlace { alias }).is_break()
}

/// Ends at a column with the name and the place of the alias.
struct SamePlace<'a> {
    alias: &'a Ident,
}

impl Visitor for SamePlace<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let name = match expr {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(names) => names.last(),
            _ => None,
        };
        let same = name.is_some_and(|name| {
            name.span == self.alias.span && name.value == self.alias.value && name.span != Span::empty()
        });
        if same { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
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
            if let SelectItem::ExprWithAlias { expr, alias } = item
                && !keeps_name(expr, alias)
            {
                self.add(alias);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes: &[Cte] = query.with.as_ref().map_or(&[], |with| &with.cte_tables);
        for cte in ctes {
            self.queries.insert(cte.alias.name.value.to_lowercase());
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
    aliases: Aliases,
}

impl Folder<'_> {
    fn fold(&self, name: &mut Ident) {
        if name.quote_style.is_some() || self.aliases.names.contains(&name.value.to_lowercase()) {
            return;
        }
        if let Some(spelling) = self.spellings.of(&name.value) {
            name.value = spelling.to_string();
            name.quote_style = Some('"');
        }
    }
}

impl Folder<'_> {
    fn fold_using(&self, table: &mut TableWithJoins) {
        for join in &mut table.joins {
            if let Some(JoinConstraint::Using(names)) = constraint(&mut join.join_operator) {
                for part in names.iter_mut().flat_map(|name| &mut name.0) {
                    if let ObjectNamePart::Identifier(name) = part {
                        self.fold(name);
                    }
                }
            }
        }
    }

    /// Whether all columns of a FROM item are those of tables.
    fn is_tables_only(&self, table: &TableWithJoins) -> bool {
        let is_table = |factor: &TableFactor| match factor {
            TableFactor::Table { name, args: None, alias, .. } => {
                alias.as_ref().is_none_or(|alias| alias.columns.is_empty())
                    && !bare(name).is_some_and(|name| self.aliases.queries.contains(&name.value.to_lowercase()))
            }
            _ => false,
        };
        is_table(&table.relation) && table.joins.iter().all(|join| is_table(&join.relation))
    }

    /// DataFusion would not miss a column behind REPLACE that is not there. It does behind EXCLUDE.
    fn refuse_unknown(&self, options: &mut WildcardAdditionalOptions) {
        let replaced = options.opt_replace.iter().flat_map(|replace| &replace.items);
        let unknown = replaced
            .map(|item| &item.column_name)
            .find(|name| !self.spellings.by_lower.contains_key(&name.value.to_lowercase()));
        if let Some(name) = unknown.cloned()
            && options.opt_exclude.is_none()
            && options.opt_except.is_none()
        {
            let name = ObjectName(vec![ObjectNamePart::Identifier(name)]);
            options.opt_exclude = Some(ExcludeSelectItem::Multiple(vec![name]));
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
        select.from.iter_mut().for_each(|table| self.fold_using(table));
        let tables_only = select.from.iter().all(|table| self.is_tables_only(table));
        for item in &mut select.projection {
            if let SelectItem::ExprWithAlias { expr, alias } = item
                && keeps_name(expr, alias)
            {
                self.fold(alias);
            }
            if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = item {
                names_in(options).for_each(|name| self.fold(name));
                if tables_only {
                    self.refuse_unknown(options);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            self.fold_using(table_with_joins);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;
    use crate::sql::dialect::Dialect;
    use crate::sql::parser;
    use crate::sql::source::Source;
    use crate::sql::splitter;
    use crate::sql::variables::Variables;

    /// The statement over a file with the columns CustId, Amount and name.
    fn folded(sql: &str) -> String {
        let fields = ["CustId", "Amount", "name"].map(|name| Field::new(name, DataType::Utf8, true));
        let mut spellings = ColumnSpellings::default();
        spellings.add(&Schema::new(fields.to_vec()));
        let source: Arc<Source> = Source::new("q.sql", sql);
        let pieces = splitter::split(&source, Dialect::Ansi);
        let [piece] = pieces.as_slice() else { panic!("not one statement: {sql}") };
        let parsed = parser::parse(piece, Dialect::Ansi, &Variables::default());
        let Ok(crate::sql::statement::Statement::Query(ast)) = parsed.map(|parsed| parsed.statement) else {
            panic!("not a query: {sql}")
        };
        let mut statement = Statement::Statement(ast);
        fold_column_case(&mut statement, &spellings);
        statement.to_string()
    }

    #[test]
    fn unquoted_names_have_the_spelling_of_the_file() {
        assert_eq!(
            folded("SELECT custid, t.AMOUNT, Name FROM t WHERE \"custid\" = 1"),
            "SELECT \"CustId\", t.\"Amount\", Name FROM t WHERE \"custid\" = 1"
        );
        assert_eq!(
            folded("SELECT amount AS custid FROM t ORDER BY custid"),
            "SELECT \"Amount\" AS custid FROM t ORDER BY custid"
        );
    }

    #[test]
    fn names_behind_a_star_and_in_joins_are_columns() {
        assert_eq!(
            folded("SELECT * EXCLUDE (custid) REPLACE (1 AS AMOUNT), t.* EXCEPT (name, custid) FROM t"),
            "SELECT * EXCLUDE (\"CustId\") REPLACE (1 AS \"Amount\"), t.* EXCEPT (name, \"CustId\") FROM t"
        );
        assert_eq!(
            folded("SELECT * FROM t JOIN u USING (custid)"),
            "SELECT t.\"CustId\", t.* EXCLUDE (\"CustId\"), u.* EXCLUDE (\"CustId\") FROM t JOIN u ON t.\"CustId\" = u.\"CustId\""
        );
        assert_eq!(
            folded("SELECT name FROM (t CROSS JOIN u JOIN w USING (custid))"),
            "SELECT name FROM (t CROSS JOIN u JOIN w USING(\"CustId\"))"
        );
    }

    #[test]
    fn a_column_that_keeps_its_name_keeps_its_spelling() {
        assert_eq!(
            folded("SELECT CAST(custid AS VARCHAR(3)) FROM t ORDER BY custid"),
            "SELECT substr(CAST(\"CustId\" AS VARCHAR), 1, 3) AS \"CustId\" FROM t ORDER BY \"CustId\""
        );
        assert_eq!(
            folded("SELECT custid FROM t FULL JOIN u USING (custid) ORDER BY custid"),
            "SELECT coalesce(t.\"CustId\", u.\"CustId\") AS \"CustId\" \
             FROM t FULL JOIN u ON t.\"CustId\" = u.\"CustId\" ORDER BY \"CustId\""
        );
    }

    #[test]
    fn replacing_a_column_that_no_table_has_is_an_error_of_planning() {
        assert_eq!(
            folded("SELECT * REPLACE (1 AS nosuch) FROM t"),
            "SELECT * EXCLUDE (nosuch) REPLACE (1 AS nosuch) FROM t"
        );
        // Columns of subqueries and functions are not known here.
        let unknown = "SELECT * REPLACE (1 AS column1) FROM (VALUES (1)) AS v";
        assert_eq!(folded(unknown), unknown);
        let unknown = "WITH x AS (SELECT count(*)) SELECT * REPLACE (1 AS \"count(*)\") FROM x";
        assert_eq!(folded(unknown), unknown);
    }
}

//! DELETE and UPDATE. What is kept of them is a query for the rows that they are about.

use sqlparser::ast::{
    AssignmentTarget, Expr, FromTable, Ident, ObjectNamePart, Query, Select, SelectItem, SetExpr, Spanned,
    Statement as Ast, TableAlias, TableFactor, TableWithJoins,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Span;

use super::{Parsed, words};
use crate::sql::rewrite::{query_of, select_of, table_of};
use crate::sql::statement::{ChangeRows, Statement};

/// What the table is called in the query. As a path, it is in no catalog.
pub(crate) const TARGET: &str = "ostrich/target";

/// The column that numbers the rows.
pub(crate) const ROW: &str = "ostrich:row";

/// What the new value of an assigned column is called in the query.
pub(crate) fn value_name(number: usize) -> String {
    format!("ostrich:value{number}")
}

pub(super) fn delete_or_update(parser: &mut Parser) -> Parsed<Statement> {
    let span = parser.peek_token_ref().span;
    match parser.parse_statement()? {
        Ast::Delete(delete) => {
            let refused = [
                (!delete.tables.is_empty(), "names of tables in front of FROM"),
                (delete.using.is_some(), "USING"),
                (delete.returning.is_some() || delete.output.is_some(), "RETURNING"),
                (!delete.order_by.is_empty(), "ORDER BY"),
                (delete.limit.is_some(), "LIMIT"),
            ];
            refuse_clauses("DELETE", &refused, span)?;
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = delete.from;
            change(from, Vec::new(), delete.selection, false, span)
        }
        Ast::Update(update) => {
            let refused = [
                (update.from.is_some(), "FROM"),
                (update.returning.is_some() || update.output.is_some(), "RETURNING"),
                (!update.order_by.is_empty(), "ORDER BY"),
                (update.limit.is_some(), "LIMIT"),
                (update.or.is_some(), "OR"),
            ];
            refuse_clauses("UPDATE", &refused, span)?;
            let mut assigned: Vec<(Ident, Expr)> = Vec::new();
            for assignment in update.assignments {
                let at = assignment.value.span();
                let AssignmentTarget::ColumnName(name) = &assignment.target else {
                    return words::refuse("SET assigns one column at a time: SET a = 1, b = 2", at);
                };
                let Some(column) = name.0.last().and_then(ObjectNamePart::as_ident) else {
                    return words::refuse("SET assigns to columns", at);
                };
                assigned.push((column.clone(), assignment.value));
            }
            change(vec![update.table], assigned, update.selection, true, span)
        }
        _ => words::refuse("this statement is not supported", span),
    }
}

fn refuse_clauses(statement: &str, clauses: &[(bool, &str)], span: Span) -> Parsed<()> {
    match clauses.iter().find(|(is_there, _)| *is_there) {
        Some((_, clause)) => {
            words::refuse(&format!("{statement} takes no {clause} here; a subquery in WHERE or SET may say it"), span)
        }
        None => Ok(()),
    }
}

fn change(
    from: Vec<TableWithJoins>,
    assigned: Vec<(Ident, Expr)>,
    condition: Option<Expr>,
    is_update: bool,
    span: Span,
) -> Parsed<Statement> {
    let only = match from.as_slice() {
        [TableWithJoins { relation, joins }] if joins.is_empty() => relation,
        _ => return words::refuse("rows of one table are changed at a time; a subquery may read others", span),
    };
    let TableFactor::Table { name, alias, args: None, sample: None, .. } = only else {
        return words::refuse("only rows of a table can be changed", span);
    };
    let Some(own_name) = name.0.last().and_then(ObjectNamePart::as_ident) else {
        return words::refuse("only rows of a table can be changed", span);
    };
    let alias = alias.as_ref().map_or_else(|| own_name.clone(), |alias| alias.name.clone());
    let quoted = |name: &str| Ident::with_quote('"', name);
    let mut projection = vec![SelectItem::UnnamedExpr(Expr::Identifier(quoted(ROW)))];
    let mut columns = Vec::new();
    for (number, (column, value)) in assigned.into_iter().enumerate() {
        columns.push(column);
        projection.push(SelectItem::ExprWithAlias { expr: value, alias: quoted(&value_name(number)) });
    }
    let rows = query(projection, target(alias), condition);
    Ok(Statement::ChangeRows(Box::new(ChangeRows { table: name.clone(), is_update, columns, rows: Box::new(rows) })))
}

fn target(alias: Ident) -> TableFactor {
    let mut target = table_of(Ident::with_quote('"', TARGET));
    if let TableFactor::Table { alias: name, .. } = &mut target {
        *name = Some(TableAlias { explicit: true, name: alias, columns: Vec::new(), at: None });
    }
    target
}

fn query(projection: Vec<SelectItem>, from: TableFactor, selection: Option<Expr>) -> Query {
    let select = Select { selection, ..select_of(projection, Some(from)) };
    query_of(SetExpr::Select(Box::new(select)))
}

//! Small steps on sqlparser's AST that several rules share.

use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr,
    Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select, SelectFlavor, SelectItem, SetExpr,
    TableFactor, TableWithJoins, Value, Values, VisitMut, VisitorMut, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::Span;

use crate::sql::visit::visit_mut;

/// What a name means: unquoted ones are the same in any case.
pub(super) fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

pub(super) fn same_name(left: &Ident, right: &Ident) -> bool {
    folded(left) == folded(right)
}

/// The name, quoted if it would not be found otherwise.
pub(super) fn quoted_if_needed(name: String) -> Ident {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match name.chars().all(is_plain) {
        true => Ident::new(name),
        false => Ident::with_quote('"', name),
    }
}

/// The name, if it has no schema in front.
pub(super) fn bare(name: &ObjectName) -> Option<&Ident> {
    match name.0.as_slice() {
        [part] => part.as_ident(),
        _ => None,
    }
}

/// Whether this is the unquoted word `word`, in any case.
pub(super) fn is_word(name: &Ident, word: &str) -> bool {
    name.quote_style.is_none() && name.value.eq_ignore_ascii_case(word)
}

/// The text of a string literal.
pub(super) fn string_literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Nested(inner) => string_literal(inner),
        Expr::Value(value) => string_value(&value.value),
        _ => None,
    }
}

pub(super) fn string_value(value: &Value) -> Option<&str> {
    match value {
        Value::SingleQuotedString(text)
        | Value::DoubleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text) => Some(text),
        Value::DollarQuotedString(text) => Some(&text.value),
        _ => None,
    }
}

pub(super) fn string(text: impl Into<String>, span: Span) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.into()).with_span(span))
}

pub(super) fn number(value: impl ToString, span: Span) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).with_span(span))
}

pub(super) fn boolean(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).with_empty_span())
}

/// `name(arguments)`
pub(super) fn call(name: &str, arguments: Vec<Expr>, span: Span) -> Expr {
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::with_span(span, name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `name(*)`
pub(super) fn call_of_all_rows(name: &str, span: Span) -> Expr {
    let mut function = call(name, Vec::new(), span);
    if let Expr::Function(function) = &mut function
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
    }
    function
}

/// All of them, joined by `operator` as a balanced tree: a chain of thousands would nest too deep. `None` without any.
pub(super) fn joined(mut expressions: Vec<Expr>, operator: BinaryOperator) -> Option<Expr> {
    match expressions.len() {
        0 => None,
        1 => expressions.pop(),
        count => {
            let right = expressions.split_off(count / 2);
            let (left, right) = (joined(expressions, operator.clone())?, joined(right, operator.clone())?);
            Some(Expr::BinaryOp { left: Box::new(left), op: operator, right: Box::new(right) })
        }
    }
}

/// A query that is only its body.
pub(in crate::sql) fn query_of(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// A body that stands where another one has been taken away.
pub(super) fn no_rows() -> SetExpr {
    SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows: Vec::new() })
}

/// `a ORDER BY b` → `(a ORDER BY b)`, as a query of its own.
pub(super) fn parenthesize(query: &mut Query) {
    let whole = std::mem::replace(query, query_of(no_rows()));
    *query.body = SetExpr::Query(Box::new(whole));
}

/// `SELECT projection FROM from`
pub(in crate::sql) fn select_of(projection: Vec<SelectItem>, from: Option<TableFactor>) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from: from.into_iter().map(|relation| TableWithJoins { relation, joins: Vec::new() }).collect(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

/// A table in FROM.
pub(in crate::sql) fn table_of(name: Ident) -> TableFactor {
    TableFactor::Table {
        name: ObjectName(vec![ObjectNamePart::Identifier(name)]),
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// `*`
pub(super) fn all_columns() -> SelectItem {
    SelectItem::Wildcard(WildcardAdditionalOptions::default())
}

/// Whether a query is only its body.
pub(super) fn is_only_body(query: &Query) -> bool {
    query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.pipe_operators.is_empty()
}

/// ON, USING or NATURAL of a join; `None` for joins that have none of them.
pub(crate) fn constraint_of(operator: &JoinOperator) -> Option<&JoinConstraint> {
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

/// The same, to be changed.
pub(super) fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
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

/// Calls `step` with every expression of `part`, children first, but not with those of the queries inside it: names there
/// have another scope.
pub(super) fn each_expr<E>(part: &mut impl VisitMut, step: impl FnMut(&mut Expr) -> Result<(), E>) -> Result<(), E> {
    match visit_mut(part, &mut SameScope { depth: 0, step, error: std::marker::PhantomData }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct SameScope<F, E> {
    depth: usize,
    step: F,
    error: std::marker::PhantomData<E>,
}

impl<E, F: FnMut(&mut Expr) -> Result<(), E>> VisitorMut for SameScope<F, E> {
    type Break = E;

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<E> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<E> {
        self.depth = self.depth.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<E> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        match (self.step)(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

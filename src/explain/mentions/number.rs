//! Numbers the tables of a query, in the order in which it names them.
//!
//! Scopes are followed as far as names need it: a name that a WITH around it defines is no table. The query is the one that
//! DataFusion's planner is going to get; what has been rewritten before keeps its places in the text.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Spanned, TableAlias, TableFactor, TableWithJoins, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;

use super::{Joined, Mention, MentionKind, Mentions, catalog_of};
use crate::catalog::model::TableName;
use crate::sql::rewrite::constraint_of;
use crate::sql::source::Source;
use crate::sql::visit::visit_mut;

/// Where a query stands.
pub struct Numbering<'a> {
    pub source: &'a Arc<Source>,
    /// The view whose text it is.
    pub view: Option<&'a TableName>,
    /// The mention of that view.
    pub parent: Option<usize>,
    /// The table that a name in FROM means; `None`: it is none.
    pub resolve: &'a dyn Fn(&ObjectName) -> Option<TableName>,
}

impl Numbering<'_> {
    /// Numbers all tables in `query` and puts the numbers into their names.
    pub fn number(&self, query: &mut Query, mentions: &mut Mentions) {
        let mut walk = Walk { place: self, mentions, ctes: Vec::new(), parent: self.parent, froms: 0 };
        walk.froms = walk.mentions.iter().map(|(_, mention)| mention.from + 1).max().unwrap_or(0);
        walk.query(query, Joined::First);
    }
}

struct Walk<'a> {
    place: &'a Numbering<'a>,
    mentions: &'a mut Mentions,
    /// The names that the WITHs around define, innermost last, with the mentions in their queries.
    ctes: Vec<HashMap<String, Vec<usize>>>,
    parent: Option<usize>,
    /// FROMs so far.
    froms: usize,
}

/// A table in FROM whose name was given a number, and the name that its columns can have in front.
struct Marked {
    written: Vec<String>,
    marked: ObjectName,
}

impl Walk<'_> {
    /// `first`: how the first table of the query's FROM is joined, if the query is a test.
    fn query(&mut self, query: &mut Query, first: Joined) {
        let has_with = query.with.is_some();
        if let Some(with) = &mut query.with {
            self.ctes.push(HashMap::new());
            for cte in &mut with.cte_tables {
                let name = folded(&cte.alias.name);
                // While its own query is read, it is what a recursive one reads.
                if with.recursive {
                    self.define(&name, Vec::new());
                }
                let before = self.mentions.len();
                self.query(&mut cte.query, Joined::First);
                self.define(&name, (before..self.mentions.len()).collect());
            }
        }
        self.body(&mut query.body, first);
        self.subqueries(&mut query.order_by);
        self.subqueries(&mut query.limit_clause);
        if has_with {
            self.ctes.pop();
        }
    }

    fn define(&mut self, name: &str, mentions: Vec<usize>) {
        if let Some(scope) = self.ctes.last_mut() {
            scope.insert(name.to_string(), mentions);
        }
    }

    fn body(&mut self, body: &mut SetExpr, first: Joined) {
        match body {
            SetExpr::Select(select) => self.select(select, first),
            SetExpr::Query(query) => self.query(query, first),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, first);
                self.body(right, first);
            }
            SetExpr::Values(values) => self.subqueries(values),
            _ => {}
        }
    }

    fn select(&mut self, select: &mut Select, first: Joined) {
        let from_number = self.froms;
        self.froms += 1;
        let mut from = std::mem::take(&mut select.from);
        let mut marked = Vec::new();
        for (position, table) in from.iter_mut().enumerate() {
            let joined = match (position, &select.selection) {
                (0, _) => first,
                (_, Some(_)) => Joined::Inner,
                (_, None) => Joined::Cross,
            };
            self.table(table, joined, from_number, &mut marked);
        }
        for item in &mut select.projection {
            if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item {
                mark_wildcard(name, &marked);
            }
        }
        self.subqueries(select);
        select.from = from;
    }

    fn table(&mut self, table: &mut TableWithJoins, first: Joined, from: usize, marked: &mut Vec<Marked>) {
        self.factor(&mut table.relation, first, None, from, marked);
        for join in &mut table.joins {
            let joined = kind_of(&join.join_operator);
            let condition = condition_span(join, self.place.source);
            self.factor(&mut join.relation, joined, condition, from, marked);
            self.subqueries(&mut join.join_operator);
        }
    }

    fn factor(
        &mut self,
        factor: &mut TableFactor,
        joined: Joined,
        condition: Option<Span>,
        from: usize,
        marked: &mut Vec<Marked>,
    ) {
        let span = match factor {
            TableFactor::Derived { .. } => with_opening(factor.span(), self.place.source),
            _ => factor.span(),
        };
        let mut mention = Mention {
            kind: MentionKind::Function,
            alias: String::new(),
            joined,
            factor: span,
            join: condition.map_or(span, |condition| up_to(span, condition)),
            source: Arc::clone(self.place.source),
            view: self.place.view.cloned(),
            parent: self.parent,
            from,
        };
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                mention.alias = alias_of(alias.as_ref())
                    .or_else(|| name.0.last().and_then(ObjectNamePart::as_ident).map(folded))
                    .unwrap_or_default();
                if let Some((cte, mentions)) = self.cte(name) {
                    mention.kind = MentionKind::Cte { name: cte, mentions };
                    self.mentions.add(mention);
                } else if let Some(table) = (self.place.resolve)(name) {
                    mention.kind = MentionKind::Table(table.clone());
                    let number = self.mentions.add(mention);
                    let written = name.0.iter().filter_map(ObjectNamePart::as_ident).map(folded).collect();
                    mark(name, number, &table);
                    if alias.is_none() {
                        marked.push(Marked { written, marked: name.clone() });
                    }
                }
            }
            TableFactor::Derived { subquery, alias, .. } => {
                mention.kind = MentionKind::Derived;
                mention.alias = alias_of(alias.as_ref()).unwrap_or_default();
                let number = self.mentions.add(mention);
                let outer = self.parent.replace(number);
                self.query(subquery, Joined::First);
                self.parent = outer;
            }
            // Its tables are joined as those around it are.
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.table(table_with_joins, joined, from, marked);
            }
            TableFactor::Table { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::Function { alias, .. } => {
                mention.alias = alias_of(alias.as_ref()).unwrap_or_default();
                self.mentions.add(mention);
                self.subqueries(factor);
            }
            _ => self.subqueries(factor),
        }
    }

    /// The CTE that a name means.
    fn cte(&self, name: &ObjectName) -> Option<(String, Vec<usize>)> {
        let [part] = name.0.as_slice() else { return None };
        let name = folded(part.as_ident()?);
        let mentions = self.ctes.iter().rev().find_map(|scope| scope.get(&name))?.clone();
        Some((name, mentions))
    }

    /// The queries inside of expressions.
    fn subqueries(&mut self, part: &mut impl VisitMut) {
        let mut found = Subqueries { walk: self, depth: 0, tested: None };
        let _: ControlFlow<()> = visit_mut(part, &mut found);
    }
}

/// Hands the outermost queries of a part to the walk.
struct Subqueries<'w, 'a> {
    walk: &'w mut Walk<'a>,
    depth: usize,
    /// EXISTS or IN, whose query comes next.
    tested: Option<bool>,
}

impl VisitorMut for Subqueries<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Exists { negated, .. } | Expr::InSubquery { negated, .. } = expr
        {
            self.tested = Some(*negated);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.depth == 0 {
            let first = self.tested.take().map_or(Joined::First, |negated| Joined::Tested { negated });
            self.walk.query(query, first);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth = self.depth.saturating_sub(1);
        ControlFlow::Continue(())
    }
}

fn kind_of(operator: &JoinOperator) -> Joined {
    match operator {
        JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => Joined::Left,
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => Joined::Right,
        JoinOperator::FullOuter(_) => Joined::Full,
        JoinOperator::CrossJoin(_) | JoinOperator::CrossApply => Joined::Cross,
        JoinOperator::Semi(_) | JoinOperator::LeftSemi(_) | JoinOperator::RightSemi(_) => Joined::Semi,
        JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) | JoinOperator::RightAnti(_) => Joined::Anti,
        _ => Joined::Inner,
    }
}

fn condition_span(join: &Join, source: &Source) -> Option<Span> {
    match constraint_of(&join.join_operator)? {
        constraint @ (JoinConstraint::On(_) | JoinConstraint::Using(_)) => {
            Some(with_closing(constraint.span(), source))
        }
        JoinConstraint::Natural | JoinConstraint::None => None,
    }
}

/// The place of a query with the parenthesis in front of it, which has no place of its own.
fn with_opening(span: Span, source: &Source) -> Span {
    if span == Span::empty() {
        return span;
    }
    let before = source.text().get(..source.offset(span.start)).unwrap_or_default().trim_end();
    match before.strip_suffix('(') {
        Some(outside) => Span::new(source.location(outside.len()), span.end),
        None => span,
    }
}

/// The place of the columns of USING with the parenthesis behind it. USING may have been written out as ON by now.
fn with_closing(span: Span, source: &Source) -> Span {
    let text = source.text();
    let before = text.get(..source.offset(span.start)).unwrap_or_default().trim_end();
    let keyword = before.strip_suffix('(').map(str::trim_end).unwrap_or_default();
    let start = keyword.len().saturating_sub("using".len());
    if span == Span::empty() || !keyword.get(start..).is_some_and(|word| word.eq_ignore_ascii_case("using")) {
        return span;
    }
    let rest = text.get(source.offset(span.end)..).unwrap_or_default().trim_start();
    match rest.strip_prefix(')') {
        Some(behind) => Span::new(span.start, source.location(text.len() - behind.len())),
        None => span,
    }
}

/// From the start of one place to the end of the other, if that lies behind it.
fn up_to(from: Span, to: Span) -> Span {
    if from == Span::empty() || to == Span::empty() || to.end < from.end {
        return from;
    }
    Span::new(from.start, to.end)
}

fn alias_of(alias: Option<&TableAlias>) -> Option<String> {
    alias.map(|alias| folded(&alias.name))
}

fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

/// Puts a number into a table's name.
fn mark(name: &mut ObjectName, number: usize, table: &TableName) {
    let span = name.span();
    let part =
        |value: &str| ObjectNamePart::Identifier(Ident { value: value.to_string(), quote_style: Some('"'), span });
    *name = ObjectName(vec![part(&catalog_of(number)), part(&table.database), part(&table.name)]);
}

/// `orders.*`: the planner compares its qualifier with the whole name of the table.
fn mark_wildcard(name: &mut ObjectName, marked: &[Marked]) {
    let written: Vec<String> = name.0.iter().filter_map(ObjectNamePart::as_ident).map(folded).collect();
    let mut tables = marked.iter().filter(|table| table.written == written);
    if let (Some(table), None) = (tables.next(), tables.next()) {
        *name = table.marked.clone();
    }
}

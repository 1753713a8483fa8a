//! Predicates and scalar subqueries.

use crate::generate::{Col, Generator, Rel, Source};
use crate::query::{Item, Query, Select, Sql};

impl Generator<'_> {
    /// A literal that the column may well hold.
    pub fn constant(&mut self, col: &Col) -> String {
        let mut code = self.rng.below(4) as i64;
        if let Some((table, column)) = col.origin {
            let rows = &self.data[table];
            if !rows.is_empty() && self.rng.percent(75) {
                code = self.rng.pick(rows)[column].unwrap_or(code);
            }
        }
        col.ty.literal(code)
    }

    /// One without subqueries.
    pub fn simple_predicate(&mut self, rels: &[Rel]) -> String {
        let col = self.column_of(rels);
        let (name, literal) = (col.sql(), self.constant(&col));
        match self.rng.below(40) {
            0..=12 => {
                let operator = *self.rng.pick(&["=", "=", "=", "<>", "<", ">=", ">", "<="]);
                format!("{name} {operator} {literal}")
            }
            13..=17 => format!("{name} IS NULL"),
            18..=23 => format!("{name} IS NOT NULL"),
            24..=27 => match self.key_of(rels).into_iter().next() {
                Some(key) => format!("{} = {}", key.sql(), self.constant(&key)),
                None => format!("{name} = {literal}"),
            },
            28..=30 => {
                let other = self.column_of(rels);
                if other.ty.compares_with(col.ty) {
                    format!("({name} {} {})", self.rng.pick(&["=", "=", "<>", "<", "IS DISTINCT FROM"]), other.sql())
                } else {
                    format!("({name} IS NOT DISTINCT FROM {literal})")
                }
            }
            31 => format!("{name} IN ({literal}, {})", self.constant(&col)),
            32 => format!("{name} NOT IN ({literal}, {})", self.constant(&col)),
            33 => format!("{name} BETWEEN {literal} AND {}", self.constant(&col)),
            34 | 35 => format!("({} OR {})", self.simple_predicate(rels), self.simple_predicate(rels)),
            36 => format!("NOT ({})", self.simple_predicate(rels)),
            37 => format!("coalesce({name}, {literal}) = {}", self.constant(&col)),
            38 => format!("CASE WHEN {name} IS NULL THEN TRUE ELSE {name} = {literal} END"),
            _ => self.rng.pick(&["1 = 1", "random() < 2", "1 = 0"]).to_string(),
        }
    }

    pub fn predicate(&mut self, rels: &[Rel], depth: usize) -> Sql {
        if depth == 0 || !self.rng.percent(28) {
            return Sql::text(self.simple_predicate(rels));
        }
        let predicate = self.subquery_predicate(rels);
        if self.rng.percent(12) {
            let other = self.simple_predicate(rels);
            return predicate.wrapped("(", &format!(" OR {other})"));
        }
        predicate
    }

    /// Equalities along a constraint, or of any columns.
    pub fn correlation(&mut self, inner: &[Rel], outer: &[Rel]) -> Vec<Sql> {
        let (left, right) = (self.column_of(inner), self.column_of(outer));
        if left.ty.compares_with(right.ty) {
            vec![Sql::text(format!("{} = {}", left.sql(), right.sql()))]
        } else {
            vec![]
        }
    }

    /// FROM and WHERE of a subquery over something that a constraint connects with `outer`, and the pair of columns to compare.
    fn connected(&mut self, outer: &[Rel]) -> Option<(Source, Vec<(Col, Col)>)> {
        let edges = self.edges(outer);
        if edges.is_empty() {
            return None;
        }
        let edge = &edges[self.rng.below(edges.len())];
        let mut source = self.source_over(edge.table);
        let rel = &source.rels[0];
        let pairs = edge
            .pairs
            .iter()
            .filter_map(|(left, column)| {
                let right = rel.cols.iter().find(|col| col.origin == Some((edge.table, *column)))?;
                Some((left.clone(), right.clone()))
            })
            .collect();
        for _ in 0..self.rng.weighted(&[70, 22, 8]) {
            let filter = self.simple_predicate(&source.rels);
            source.filters.push(Sql::text(filter));
        }
        Some((source, pairs))
    }

    fn subquery_predicate(&mut self, outer: &[Rel]) -> Sql {
        let Some((source, pairs)) = self.connected(outer) else {
            return Sql::text(self.simple_predicate(outer));
        };
        let mut filters = source.filters.clone();
        let equals = |(left, right): &(Col, Col)| Sql::text(format!("{} = {}", right.sql(), left.sql()));
        let item = self.name("x");
        let select = |sql: String, filters: Vec<Sql>| Select {
            items: vec![Item { sql: Sql::text(sql), alias: item.clone() }],
            from: Some(source.from.clone()),
            filters,
            ..Select::default()
        };
        match self.rng.weighted(&[34, 22, 22, 8, 10, 4]) {
            kind @ (0 | 1) => {
                if self.rng.percent(94) {
                    filters.extend(pairs.iter().map(equals));
                }
                let mut select = select("1".to_string(), filters);
                select.distinct = self.rng.percent(8);
                Sql::around(if kind == 0 { "EXISTS " } else { "NOT EXISTS " }, Query::of(select), "")
            }
            kind @ (2 | 3) => {
                let (left, right) = pairs[0].clone();
                filters.extend(pairs[1..].iter().map(equals));
                let mut select = select(right.sql(), filters);
                select.distinct = self.rng.percent(15);
                let word = if kind == 2 { "IN" } else { "NOT IN" };
                Sql::around(format!("{} {word} ", left.sql()), Query::of(select), "")
            }
            4 => {
                filters.extend(pairs.iter().map(equals));
                let column = self.column_of(&source.rels);
                let compared = self.column_of(outer);
                let (function, name) = (*self.rng.pick(&["min", "max", "count"]), column.sql());
                if function != "count" && !column.ty.compares_with(compared.ty)
                    || column.ty == crate::schema::Type::Bool
                {
                    return Sql::around("1 <= ", Query::of(select("count(*)".to_string(), filters)), "");
                }
                let query = Query::of(select(format!("{function}({name})"), filters));
                let left = if function == "count" { "1".to_string() } else { compared.sql() };
                Sql::around(format!("{left} {} ", self.rng.pick(&["=", "<=", ">="])), query, "")
            }
            _ => {
                filters.extend(pairs.iter().map(equals));
                Sql::around("EXISTS ", Query::of(select("count(*)".to_string(), filters)), "")
            }
        }
    }

    /// A scalar subquery of at most one row.
    pub fn scalar(&mut self, outer: &[Rel]) -> Sql {
        let Some((source, pairs)) = self.connected(outer) else {
            return Sql::text("NULL");
        };
        let mut filters = source.filters.clone();
        if self.rng.percent(75) {
            filters.extend(pairs.iter().map(|(left, right)| Sql::text(format!("{} = {}", left.sql(), right.sql()))));
        }
        let column = self.column_of(&source.rels);
        let call = match self.rng.below(3) {
            0 => "count(*)".to_string(),
            1 => format!("count({})", column.sql()),
            _ if column.ty == crate::schema::Type::Bool => format!("bool_or({})", column.sql()),
            _ => format!("max({})", column.sql()),
        };
        let item = Item { sql: Sql::text(call), alias: self.name("x") };
        Sql::around(
            "",
            Query::of(Select { items: vec![item], from: Some(source.from), filters, ..Select::default() }),
            "",
        )
    }
}

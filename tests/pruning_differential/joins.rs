//! FROM clauses: joins along keys and foreign keys most of the time, others now and then.

use std::collections::HashSet;

use crate::generate::{Col, Generator, Rel, Source};
use crate::query::{Body, From, Item, Order, Query, Select, Sql};
use crate::schema::Type;

/// A table that can be joined along a constraint, and the columns that are equated.
pub struct Edge {
    pub table: usize,
    pub pairs: Vec<(Col, usize)>,
}

/// More rows than this are not worth the time.
const MOST_ROWS: f64 = 2500.0;

impl Generator<'_> {
    pub fn source(&mut self, depth: usize, joins: usize) -> Source {
        let (from, rel) = self.relation(depth);
        let mut source = Source { from, rows: rel.rows.max(1.0), rels: vec![rel], filters: vec![], joined: vec![] };
        // Comma joins bind loosest, so they come last.
        let commas = if self.rng.percent(15) { self.rng.between(0, joins) } else { 0 };
        for number in 0..joins {
            self.attach(&mut source, depth, number >= joins - commas);
        }
        source
    }

    /// FROM of a subquery: a table, now and then joined with another.
    pub fn source_over(&mut self, table: usize) -> Source {
        let (from, rel) = self.base(table);
        let mut source = Source { from, rows: rel.rows.max(1.0), rels: vec![rel], filters: vec![], joined: vec![] };
        if self.rng.percent(20) {
            self.attach(&mut source, 0, false);
        }
        source
    }

    fn attach(&mut self, source: &mut Source, depth: usize, comma: bool) {
        let edges = self.edges(&source.rels);
        if edges.is_empty() || self.rng.percent(12) {
            self.attach_any(source, depth, comma);
            return;
        }
        let edge = &edges[self.rng.below(edges.len())];
        let needed: Vec<usize> = edge.pairs.iter().map(|(_, column)| *column).collect();
        let (from, rel) = self.relation_over(edge.table, &needed, depth);
        let pairs: Vec<(Col, Col)> = edge
            .pairs
            .iter()
            .filter_map(|(left, column)| {
                let right = rel.cols.iter().find(|col| col.origin == Some((edge.table, *column)))?;
                Some((left.clone(), right.clone()))
            })
            .collect();
        self.join(source, from, rel, pairs, depth, comma);
    }

    fn attach_any(&mut self, source: &mut Source, depth: usize, comma: bool) {
        let (from, rel) = if self.rng.percent(6) { self.unnested() } else { self.relation(depth) };
        let left = self.column_of(&source.rels);
        let fitting: Vec<&Col> = rel.cols.iter().filter(|col| col.ty.compares_with(left.ty)).collect();
        let pairs = if fitting.is_empty() || self.rng.percent(25) {
            vec![]
        } else {
            vec![(left, (*self.rng.pick(&fitting)).clone())]
        };
        self.join(source, from, rel, pairs, depth, comma);
    }

    fn unnested(&mut self) -> (From, Rel) {
        let (alias, name) = (self.name("u"), self.name("x"));
        let list = *self.rng.pick(&["1, 2, 2", "1", "NULL, 0", "1, NULL, NULL, 3"]);
        let from = From::Plain(format!("unnest(make_array({list})) AS {alias}({name})"));
        let cols = vec![Col { rel: alias.clone(), name, ty: Type::Int, origin: None }];
        (from, Rel { alias, cols, rows: 3.0 })
    }

    fn join(
        &mut self,
        source: &mut Source,
        from: From,
        rel: Rel,
        mut pairs: Vec<(Col, Col)>,
        depth: usize,
        comma: bool,
    ) {
        let matches = self.rows_per_match(&rel, &pairs);
        // A comma join is a cross join until something makes it an inner join.
        let rows = source.rows * if comma { rel.rows.max(1.0) } else { matches };
        if rows > MOST_ROWS {
            return;
        }
        if pairs.len() > 1 && self.rng.percent(8) {
            let at = self.rng.below(pairs.len());
            pairs.remove(at);
        }
        let base_rows = rel.rows.max(1.0);
        let mut right = Source { from, rows: base_rows, rels: vec![rel], filters: vec![], joined: vec![] };
        if !comma && depth > 1 && source.rows * right.rows < MOST_ROWS / 4.0 && self.rng.percent(10) {
            self.attach(&mut right, depth - 1, false);
        }
        // An unnested list stands in for LATERAL, which other joins do not take.
        let lateral = matches!(&right.from, From::Plain(text) if text.starts_with("unnest"));
        let word = if comma {
            ","
        } else if pairs.is_empty() && lateral {
            "CROSS JOIN"
        } else if pairs.is_empty() {
            *self.rng.pick(&["CROSS JOIN", "INNER JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        } else if lateral {
            *self.rng.pick(&["INNER JOIN", "LEFT JOIN"])
        } else {
            match self.rng.weighted(&[33, 37, 10, 7, 4, 3]) {
                0 => "INNER JOIN",
                1 => "LEFT JOIN",
                2 => "RIGHT JOIN",
                3 => "FULL JOIN",
                4 => "LEFT SEMI JOIN",
                _ => "LEFT ANTI JOIN",
            }
        };
        let once =
            |name: &str| source.rels.iter().flat_map(|rel| &rel.cols).filter(|col| col.name == name).count() == 1;
        let same_names =
            !pairs.is_empty() && pairs.iter().all(|(left, right)| left.name == right.name && once(&left.name));
        let single = right.rels.len() == 1;
        let mut using = vec![];
        let mut on: Vec<Sql> = vec![];
        if same_names && single && !comma && self.rng.percent(70) {
            using = pairs.iter().map(|(left, _)| left.name.clone()).collect();
        } else {
            for (left, right) in &pairs {
                let equals = if self.rng.percent(7) { "IS NOT DISTINCT FROM" } else { "=" };
                let (left, right) = (left.sql(), right.sql());
                let swapped = self.rng.percent(30);
                let (left, right) = if swapped { (right, left) } else { (left, right) };
                // Parentheses: the parser takes all that follows for the right operand.
                on.push(Sql::text(format!("({left} {equals} {right})")));
            }
            if !matches!(word, "," | "CROSS JOIN") {
                if self.rng.percent(18) {
                    on.push(Sql::text(self.simple_predicate(&right.rels)));
                }
                if self.rng.percent(10) {
                    on.push(Sql::text(self.simple_predicate(&source.rels)));
                }
                if self.rng.percent(3) {
                    let (left, right) = (self.column_of(&source.rels), self.column_of(&right.rels));
                    if left.ty.compares_with(right.ty) {
                        on.push(Sql::text(format!("{} <= {}", left.sql(), right.sql())));
                    }
                }
            }
        }
        if word == "," {
            source.filters.append(&mut on);
        }
        let left = Box::new(source.from.clone());
        source.from = From::Join { word, left, right: Box::new(right.from), on, using };
        if !word.contains("SEMI") && !word.contains("ANTI") {
            source.joined.extend(pairs.into_iter().flat_map(|(left, right)| [left, right]));
            source.rels.extend(right.rels);
            source.rows = rows.max(1.0) * (right.rows / base_rows).max(1.0);
        }
    }

    /// How many rows of `rel` match one on the left, roughly.
    fn rows_per_match(&self, rel: &Rel, pairs: &[(Col, Col)]) -> f64 {
        let mut distinct = 1usize;
        let origins: Option<Vec<(usize, usize)>> = pairs.iter().map(|(_, right)| right.origin).collect();
        if let Some(origins) = origins.filter(|origins| !origins.is_empty()) {
            let table = origins[0].0;
            let values: HashSet<Vec<Option<i64>>> = self.data[table]
                .iter()
                .map(|row| origins.iter().map(|(_, column)| row.get(*column).copied().flatten()).collect())
                .collect();
            distinct = values.len().max(1);
        }
        (rel.rows / distinct as f64).max(1.0)
    }

    /// A table, a CTE, or a derived table.
    fn relation(&mut self, depth: usize) -> (From, Rel) {
        if !self.ctes.is_empty() && self.rng.percent(40) {
            let cte = self.rng.pick(&self.ctes).clone();
            let alias = self.name("t");
            let from = From::Plain(format!("{} AS {alias}", cte.alias));
            let cols = cte.cols.into_iter().map(|col| Col { rel: alias.clone(), ..col }).collect();
            return (from, Rel { alias, cols, rows: cte.rows });
        }
        if depth > 0 && self.rng.percent(10) {
            let made = self.query(depth - 1, &[], None);
            return self.derived(made.query, made.cols, made.rows);
        }
        let table = self.rng.below(self.schema.tables.len());
        self.base(table)
    }

    fn base(&mut self, table: usize) -> (From, Rel) {
        let alias = self.name("t");
        let schema = self.schema;
        let from = From::Plain(format!("{} AS {alias}", schema.tables[table].name));
        let columns = schema.tables[table].columns.iter().enumerate();
        let cols = columns
            .map(|(at, c)| Col { rel: alias.clone(), name: c.name.clone(), ty: c.ty, origin: Some((table, at)) })
            .collect();
        (from, Rel { alias, cols, rows: self.data[table].len() as f64 })
    }

    fn derived(&mut self, query: Query, cols: Vec<Col>, rows: f64) -> (From, Rel) {
        let alias = self.name("d");
        let cols = cols.into_iter().map(|col| Col { rel: alias.clone(), ..col }).collect();
        (From::Derived { query: Box::new(query), alias: alias.clone() }, Rel { alias, cols, rows })
    }

    /// The table itself, or something that has `needed` of its columns.
    fn relation_over(&mut self, table: usize, needed: &[usize], depth: usize) -> (From, Rel) {
        if depth == 0 || !self.rng.percent(22) {
            return self.base(table);
        }
        let (from, rel) = self.base(table);
        let mut columns = needed.to_vec();
        let further = self.rng.below(rel.cols.len());
        let all: Vec<String> = rel.cols.iter().map(Col::sql).collect();
        let mut select = Select { from: Some(from), ..Select::default() };
        let form = self.rng.below(8);
        if self.rng.percent(25) {
            let filter = self.predicate(std::slice::from_ref(&rel), 0);
            select.filters.push(filter);
        }
        if !columns.contains(&further) && form != 1 {
            columns.push(further);
        }
        let mut cols = vec![];
        for column in &columns {
            let col = &rel.cols[*column];
            let alias = self.name("x");
            select.items.push(Item { sql: Sql::text(col.sql()), alias: alias.clone() });
            cols.push(Col { rel: String::new(), name: alias, ty: col.ty, origin: col.origin });
        }
        let names = |select: &Select| select.items.iter().map(|item| item.alias.clone()).collect::<Vec<_>>();
        let mut query = match form {
            0 => {
                select.distinct = true;
                Query::of(select)
            }
            1 => {
                select.group = columns.iter().map(|c| rel.cols[*c].sql()).collect();
                if self.rng.percent(60) {
                    let alias = self.name("x");
                    let sql = Sql::text(*self.rng.pick(&["count(*)", "bool_and(TRUE)"]));
                    select.items.push(Item { sql, alias: alias.clone() });
                    cols.push(Col { rel: String::new(), name: alias, ty: Type::Other, origin: None });
                }
                match self.rng.below(8) {
                    0 => select.grouping = "ROLLUP",
                    1 => {
                        let all = format!("({})", select.group.join(", "));
                        select.grouping = "GROUPING SETS";
                        select.group = vec![all.clone(), all];
                    }
                    _ => {}
                }
                Query::of(select)
            }
            2 => {
                let mut other = select.clone();
                other.filters = vec![self.predicate(std::slice::from_ref(&rel), 0)];
                let word = *self.rng.pick(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]);
                let (left, right) = (Box::new(Query::of(select)), Box::new(Query::of(other)));
                Query { ctes: vec![], body: Body::Set { word, left, right }, order: vec![], limit: None, offset: None }
            }
            3 => {
                // One row per value of the needed columns.
                let number = self.name("x");
                let function = *self.rng.pick(&["row_number", "row_number", "rank"]);
                let partition: Vec<String> = needed.iter().map(|c| rel.cols[*c].sql()).collect();
                let over = format!("PARTITION BY {} ORDER BY {}", partition.join(", "), all.join(", "));
                let outer_items = names(&select);
                let sql = Sql::text(format!("{function}() OVER ({over})"));
                select.items.push(Item { sql, alias: number.clone() });
                let alias = self.name("d");
                let items = outer_items.into_iter();
                let outer = Select {
                    items: items.map(|name| Item { sql: Sql::text(format!("{alias}.{name}")), alias: name }).collect(),
                    filters: vec![Sql::text(format!("{alias}.{number} {} 1", self.rng.pick(&["=", "=", "<=", ">"])))],
                    from: Some(From::Derived { query: Box::new(Query::of(select)), alias }),
                    ..Select::default()
                };
                Query::of(outer)
            }
            4 => {
                let order = names(&select).into_iter().map(|key| Order { key, direction: "" }).collect();
                let mut query = Query::of(select);
                query.order = order;
                query.limit = if self.rng.percent(70) { Some(self.rng.below(4)) } else { None };
                query
            }
            5 => {
                let mut inner = Source {
                    from: select.from.take().unwrap_or(From::Plain(String::new())),
                    rows: rel.rows.max(1.0),
                    rels: vec![rel.clone()],
                    filters: vec![],
                    joined: vec![],
                };
                self.attach(&mut inner, 0, false);
                // A right join may leave nothing of it but NULLs; the columns are there all the same.
                select.from = Some(inner.from);
                Query::of(select)
            }
            _ => Query::of(select),
        };
        if matches!(form, 6) && self.rng.percent(30) {
            query.order = query.names().into_iter().take(1).map(|key| Order { key, direction: "" }).collect();
        }
        self.derived(query, cols, rel.rows)
    }

    /// All tables that a constraint connects with what is in FROM.
    pub fn edges(&self, rels: &[Rel]) -> Vec<Edge> {
        let mut edges = vec![];
        let tables = &self.schema.tables;
        for rel in rels {
            let find = |table: usize, columns: &[usize]| -> Option<Vec<Col>> {
                let find = |c: &usize| rel.cols.iter().find(|col| col.origin == Some((table, *c))).cloned();
                columns.iter().map(find).collect()
            };
            let mut push = |table: usize, left: Vec<Col>, right: &[usize]| {
                edges.push(Edge { table, pairs: left.into_iter().zip(right.iter().copied()).collect() });
            };
            for (index, table) in tables.iter().enumerate() {
                for key in &table.foreign_keys {
                    if let Some(left) = find(index, &key.columns) {
                        // To the parent, twice as often; and to its other children.
                        push(key.parent, left.clone(), &key.parent_columns);
                        push(key.parent, left.clone(), &key.parent_columns);
                        for (other_index, other) in tables.iter().enumerate() {
                            for sibling in other.foreign_keys.iter().filter(|other| {
                                other.parent == key.parent && other.parent_columns == key.parent_columns
                            }) {
                                push(other_index, left.clone(), &sibling.columns);
                            }
                        }
                    }
                    if let Some(left) = find(key.parent, &key.parent_columns) {
                        push(index, left, &key.columns);
                    }
                }
                for unique in &table.uniques {
                    if let Some(left) = find(index, &unique.columns) {
                        push(index, left, &unique.columns);
                    }
                }
            }
        }
        edges
    }

    /// The columns of a key of one of `rels`, or none.
    pub fn key_of(&mut self, rels: &[Rel]) -> Vec<Col> {
        let mut keys: Vec<Vec<Col>> = vec![];
        for rel in rels {
            for (index, table) in self.schema.tables.iter().enumerate() {
                for unique in &table.uniques {
                    let find = |c: &usize| rel.cols.iter().find(|col| col.origin == Some((index, *c))).cloned();
                    keys.extend(unique.columns.iter().map(find).collect::<Option<Vec<Col>>>());
                }
            }
        }
        if keys.is_empty() { vec![] } else { self.rng.pick(&keys).clone() }
    }
}

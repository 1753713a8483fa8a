//! Random queries over a schema. They prefer what pruning is about: joins along keys and foreign keys of which little is read.
//! The rows of each are determined: LIMIT comes with a total order, windows count peers or have one, too.

use crate::data::Data;
use crate::query::{Body, From, Item, Order, Query, Select, Sql};
use crate::rng::Rng;
use crate::schema::{Schema, Type};

/// A column that can be referred to.
#[derive(Debug, Clone)]
pub struct Col {
    pub rel: String,
    pub name: String,
    pub ty: Type,
    /// Table and column that it is, unchanged, of some row.
    pub origin: Option<(usize, usize)>,
}

impl Col {
    pub fn sql(&self) -> String {
        format!("{}.{}", self.rel, self.name)
    }
}

/// Something in FROM.
#[derive(Debug, Clone)]
pub struct Rel {
    pub alias: String,
    pub cols: Vec<Col>,
    /// Rows, roughly.
    pub rows: f64,
}

/// A FROM clause as it grows.
pub struct Source {
    pub from: From,
    pub rels: Vec<Rel>,
    pub rows: f64,
    /// Join conditions of comma joins.
    pub filters: Vec<Sql>,
    /// Columns that joins are on.
    pub joined: Vec<Col>,
}

pub struct Generated {
    pub query: Query,
    pub cols: Vec<Col>,
    pub rows: f64,
    /// Columns of FROM that ORDER BY may use although they are not selected.
    hidden: Vec<Col>,
}

pub struct Generator<'a> {
    pub rng: &'a mut Rng,
    pub schema: &'a Schema,
    pub data: &'a Data,
    pub ctes: Vec<Rel>,
    names: usize,
}

const DIRECTIONS: [&str; 5] = ["", "", "DESC", "NULLS FIRST", "DESC NULLS LAST"];

pub fn random(rng: &mut Rng, schema: &Schema, data: &Data) -> Query {
    Generator { rng, schema, data, ctes: vec![], names: 0 }.statement()
}

impl Generator<'_> {
    pub fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    fn statement(&mut self) -> Query {
        let mut ctes = vec![];
        if self.rng.percent(25) {
            for _ in 0..self.rng.between(1, 2) {
                let made = self.query(1, &[], None);
                let name = self.name("w");
                self.ctes.push(Rel { alias: name.clone(), cols: made.cols, rows: made.rows });
                ctes.push((name, made.query));
            }
        }
        let mut made = self.query(2, &[], None);
        if made.query.order.is_empty() && self.rng.percent(35) {
            let mut names = made.query.names();
            self.rng.shuffle(&mut names);
            names.truncate(self.rng.between(1, 3));
            if !made.hidden.is_empty() && self.rng.percent(20) {
                let at = self.rng.below(names.len() + 1);
                names.insert(at, self.rng.pick(&made.hidden).sql());
            }
            made.query.order = self.directed(names);
        }
        made.query.ctes = ctes;
        made.query
    }

    fn directed(&mut self, keys: Vec<String>) -> Vec<Order> {
        keys.into_iter().map(|key| Order { key, direction: self.rng.pick::<&str>(&DIRECTIONS) }).collect()
    }

    /// A query whose subqueries nest at most `depth` deep. `outer`: what it may be correlated with. `want`: the types that its
    /// output must have.
    pub fn query(&mut self, depth: usize, outer: &[Rel], want: Option<&[Type]>) -> Generated {
        let mut made = if depth > 0 && self.rng.percent(12) {
            self.set_operation(depth - 1, want)
        } else {
            self.select(depth, outer, want)
        };
        let limit = if depth > 1 { 12 } else { 7 };
        if self.rng.percent(limit) {
            self.limit(&mut made);
        }
        made
    }

    /// With a total order, so that which rows are left is determined.
    pub fn limit(&mut self, made: &mut Generated) {
        let mut names = made.query.names();
        self.rng.shuffle(&mut names);
        made.query.order = self.directed(names);
        made.query.limit = if self.rng.percent(90) { Some(*self.rng.pick(&[0, 1, 1, 1, 2, 3, 10])) } else { None };
        made.query.offset = if self.rng.percent(25) { Some(self.rng.below(3)) } else { None };
    }

    fn set_operation(&mut self, depth: usize, want: Option<&[Type]>) -> Generated {
        let own: Vec<Type>;
        let types = match want {
            Some(types) => types,
            None => {
                own = (0..self.rng.between(1, 2)).map(|_| *self.rng.pick(&Type::STORED)).collect();
                &own
            }
        };
        let left = self.query(depth, &[], Some(types));
        let right = self.query(depth, &[], Some(types));
        let word =
            *self.rng.pick(&["UNION ALL", "UNION", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"]);
        let (left_query, right_query) = (Box::new(left.query), Box::new(right.query));
        let body = Body::Set { word, left: left_query, right: right_query };
        let query = Query { ctes: vec![], body, order: vec![], limit: None, offset: None };
        let cols = left.cols.into_iter().map(|col| Col { origin: None, ..col }).collect();
        Generated { query, cols, rows: left.rows + right.rows, hidden: vec![] }
    }

    fn select(&mut self, depth: usize, outer: &[Rel], want: Option<&[Type]>) -> Generated {
        let joins =
            if depth > 1 { self.rng.weighted(&[6, 24, 28, 20, 12, 7, 3]) } else { self.rng.weighted(&[45, 40, 15]) };
        let mut source = self.source(depth, joins);
        let read = self.read_of(&source.rels);
        let mut filters = std::mem::take(&mut source.filters);
        for _ in 0..self.rng.weighted(&[40, 38, 17, 5]) {
            let rels = if self.rng.percent(70) { &read } else { &source.rels };
            filters.push(self.predicate(rels, depth));
        }
        if !outer.is_empty() && self.rng.percent(50) {
            filters.extend(self.correlation(&source.rels, outer));
        }
        let mut select = Select { from: Some(source.from.clone()), filters, ..Select::default() };
        let shape = self.rng.weighted(&[46, 16, 30, 8]);
        let aggregated = shape == 2;
        let mut cols = match (shape, want) {
            (2, _) => self.aggregate(&mut select, &source, &read, want),
            (_, Some(types)) => types.iter().map(|ty| self.item_of(&mut select, &read, *ty)).collect(),
            (_, None) => {
                let count = self.rng.weighted(&[0, 35, 35, 20, 10]);
                (0..count).map(|_| self.item(&mut select, &source, &read, depth)).collect()
            }
        };
        if shape == 3 && want.is_none() {
            let col = self.window(&mut select, &source.rels, &read);
            cols.push(col);
        }
        // Totals repeat the NULLs of the keys: DISTINCT has something to do.
        let often = if select.grouping.is_empty() { 8 } else { 40 };
        select.distinct = shape == 1 || (aggregated && self.rng.percent(often));
        let hidden =
            if select.distinct || aggregated { vec![] } else { read.into_iter().flat_map(|rel| rel.cols).collect() };
        Generated { query: Query::of(select), cols, rows: source.rows, hidden }
    }

    /// The relations that the select list and most filters read: few, so that the others' joins may be unneeded.
    fn read_of(&mut self, rels: &[Rel]) -> Vec<Rel> {
        if rels.len() < 2 || self.rng.percent(20) {
            return rels.to_vec();
        }
        let mut read = vec![self.rng.pick(rels).clone()];
        if self.rng.percent(30) {
            let second = self.rng.pick(rels).clone();
            if second.alias != read[0].alias {
                read.push(second);
            }
        }
        read
    }

    pub fn column_of(&mut self, rels: &[Rel]) -> Col {
        let cols: Vec<&Col> = rels.iter().flat_map(|rel| &rel.cols).collect();
        (*self.rng.pick(&cols)).clone()
    }

    fn add(&mut self, select: &mut Select, sql: Sql, ty: Type, origin: Option<(usize, usize)>) -> Col {
        let name = self.name("x");
        select.items.push(Item { sql, alias: name.clone() });
        Col { rel: String::new(), name, ty, origin }
    }

    fn item_of(&mut self, select: &mut Select, rels: &[Rel], ty: Type) -> Col {
        let fitting: Vec<&Col> = rels.iter().flat_map(|rel| &rel.cols).filter(|col| col.ty == ty).collect();
        if fitting.is_empty() || self.rng.percent(8) {
            let code = self.rng.below(4) as i64;
            let sql = if self.rng.percent(25) { format!("CAST(NULL AS {})", ty.sql()) } else { ty.literal(code) };
            let sql = if ty == Type::Small { format!("CAST({sql} AS INT)") } else { sql };
            return self.add(select, Sql::text(sql), ty, None);
        }
        let col = (*self.rng.pick(&fitting)).clone();
        self.add(select, Sql::text(col.sql()), ty, col.origin)
    }

    fn item(&mut self, select: &mut Select, source: &Source, read: &[Rel], depth: usize) -> Col {
        let col = if !source.joined.is_empty() && self.rng.percent(12) {
            self.rng.pick(&source.joined).clone()
        } else {
            self.column_of(read)
        };
        let name = col.sql();
        let literal = self.constant(&col);
        match self.rng.below(50) {
            0 => self.add(select, Sql::text(format!("coalesce({name}, {literal})")), Type::Other, None),
            1 => self.add(select, Sql::text(format!("CASE WHEN {name} IS NULL THEN 1 ELSE 2 END")), Type::Int, None),
            2 => self.add(select, Sql::text(format!("{name} IS NOT NULL")), Type::Bool, None),
            3 => self.add(select, Sql::text("'k'"), Type::Text, None),
            4 => self.add(select, Sql::text(format!("unnest(make_array({name}, {literal}))")), Type::Other, None),
            5..=7 if depth > 0 => {
                let sql = self.scalar(read);
                self.add(select, sql, Type::Other, None)
            }
            8 if col.ty.is_number() => self.add(select, Sql::text(format!("{name} + 1")), Type::Other, None),
            _ => self.add(select, Sql::text(name), col.ty, col.origin),
        }
    }

    fn aggregate(&mut self, select: &mut Select, source: &Source, read: &[Rel], want: Option<&[Type]>) -> Vec<Col> {
        let mut keys: Vec<Col> = vec![];
        match want {
            Some(types) => {
                for ty in types {
                    let fitting: Vec<&Col> =
                        read.iter().flat_map(|rel| &rel.cols).filter(|col| col.ty == *ty).collect();
                    if fitting.is_empty() {
                        return types.iter().map(|ty| self.item_of(select, read, *ty)).collect();
                    }
                    keys.push((*self.rng.pick(&fitting)).clone());
                }
            }
            None => {
                for _ in 0..self.rng.weighted(&[20, 40, 30, 10]) {
                    keys.push(self.column_of(read));
                }
                if self.rng.percent(30) {
                    keys.extend(self.key_of(read));
                }
            }
        }
        let mut seen = std::collections::HashSet::new();
        if want.is_none() {
            keys.retain(|key| seen.insert(key.sql()));
        }
        select.group = keys.iter().map(Col::sql).collect();
        let sets = want.is_none() && (1..=3).contains(&keys.len()) && self.rng.percent(14);
        if sets {
            select.grouping = *self.rng.pick(&["ROLLUP", "CUBE", "GROUPING SETS"]);
            if select.grouping == "GROUPING SETS" {
                let all = format!("({})", select.group.join(", "));
                let first = format!("({})", select.group[0]);
                select.group = match self.rng.below(3) {
                    0 => vec![all, first],
                    1 => vec![all.clone(), all],
                    _ => vec![all, "()".to_string()],
                };
            }
        } else if self.rng.percent(8) {
            let at = self.rng.below(select.group.len() + 1);
            select.group.insert(at, self.rng.pick(&["'k'", "1 + 1"]).to_string());
        }
        let mut cols = vec![];
        for key in &keys {
            if want.is_some() || self.rng.percent(75) {
                let origin = if sets { None } else { key.origin };
                cols.push(self.add(select, Sql::text(key.sql()), key.ty, origin));
            }
        }
        let only_extremes = self.rng.percent(30);
        if want.is_none() {
            let least = usize::from(cols.is_empty());
            for _ in 0..self.rng.between(least, 2) {
                let (sql, ty) = self.aggregate_call(source, read, only_extremes);
                cols.push(self.add(select, Sql::text(sql), ty, None));
            }
        }
        if self.rng.percent(15) {
            let having = match self.rng.below(3) {
                0 => "count(*) > 1".to_string(),
                1 => format!("{} IS NOT NULL", self.aggregate_call(source, read, true).0),
                _ => match keys.first() {
                    Some(key) => format!("{} IS NOT NULL", key.sql()),
                    None => "count(*) > 0".to_string(),
                },
            };
            select.having.push(Sql::text(having));
        }
        cols
    }

    fn aggregate_call(&mut self, source: &Source, read: &[Rel], only_extremes: bool) -> (String, Type) {
        let rels = if self.rng.percent(85) { read } else { &source.rels };
        let mut col = self.column_of(rels);
        if self.rng.percent(20)
            && let Some(key) = self.key_of(read).into_iter().next()
        {
            col = key;
        }
        let name = col.sql();
        let distinct = if self.rng.percent(30) { "DISTINCT " } else { "" };
        let extreme = |word: &str| {
            if col.ty == Type::Bool {
                (format!("bool_{}({name})", if word == "min" { "and" } else { "or" }), col.ty)
            } else {
                (format!("{word}({name})"), col.ty)
            }
        };
        let (call, ty) = match self.rng.below(if only_extremes { 4 } else { 11 }) {
            0 | 1 => extreme("min"),
            2 => extreme("max"),
            3 => (format!("bool_or({name} IS NULL)"), Type::Bool),
            4 | 5 => ("count(*)".to_string(), Type::Int),
            6 | 7 => (format!("count({distinct}{name})"), Type::Int),
            _ if !col.ty.is_number() => (format!("count({distinct}{name})"), Type::Int),
            8 => (format!("avg({name})"), Type::Other),
            _ => (format!("sum({distinct}{name})"), Type::Other),
        };
        if !self.rng.percent(10) {
            return (call, ty);
        }
        let condition = self.simple_predicate(read);
        (format!("{call} FILTER (WHERE {condition})"), ty)
    }

    fn window(&mut self, select: &mut Select, all: &[Rel], read: &[Rel]) -> Col {
        let (col, by) = (self.column_of(read), self.column_of(read));
        let name = col.sql();
        let partition = if self.rng.percent(60) { format!("PARTITION BY {} ", by.sql()) } else { String::new() };
        let direction = *self.rng.pick(&DIRECTIONS);
        let order = self.column_of(read).sql();
        let sql = match self.rng.below(6) {
            0 => {
                // Rows that are the same in every column may change places: nobody can tell.
                let total: Vec<String> = all.iter().flat_map(|rel| &rel.cols).map(Col::sql).collect();
                format!("row_number() OVER ({partition}ORDER BY {order} {direction}, {})", total.join(", "))
            }
            1 => format!("rank() OVER ({partition}ORDER BY {order} {direction})"),
            2 => format!("count(*) OVER ({partition})"),
            3 => format!("max({name}) OVER ({partition}ORDER BY {order} {direction})"),
            4 if col.ty.is_number() => format!("sum({name}) OVER ({partition})"),
            _ => format!("dense_rank() OVER ({partition}ORDER BY {order}, {name})"),
        };
        self.add(select, Sql::text(sql), Type::Other, None)
    }
}

//! A query as a tree: printed as SQL, and made smaller one piece at a time.

use std::fmt::{self, Display, Formatter};

#[derive(Debug, Clone)]
pub struct Query {
    pub ctes: Vec<(String, Query)>,
    pub body: Body,
    pub order: Vec<Order>,
    pub limit: Option<usize>,
    pub offset: Option<usize>,
}

#[derive(Debug, Clone)]
pub enum Body {
    Select(Box<Select>),
    Set { word: &'static str, left: Box<Query>, right: Box<Query> },
}

#[derive(Debug, Clone)]
pub struct Order {
    pub key: String,
    /// `DESC`, `NULLS FIRST`, …
    pub direction: &'static str,
}

#[derive(Debug, Clone, Default)]
pub struct Select {
    pub distinct: bool,
    pub items: Vec<Item>,
    pub from: Option<From>,
    /// Joined by AND, as are all lists of predicates here.
    pub filters: Vec<Sql>,
    /// `ROLLUP`, `CUBE`, `GROUPING SETS` or nothing.
    pub grouping: &'static str,
    pub group: Vec<String>,
    pub having: Vec<Sql>,
}

#[derive(Debug, Clone)]
pub struct Item {
    pub sql: Sql,
    pub alias: String,
}

#[derive(Debug, Clone)]
pub enum From {
    /// A table or an unnested list, with its alias.
    Plain(String),
    Derived {
        query: Box<Query>,
        alias: String,
    },
    Join {
        word: &'static str,
        left: Box<From>,
        right: Box<From>,
        on: Vec<Sql>,
        using: Vec<String>,
    },
}

/// Text with subqueries in it.
#[derive(Debug, Clone)]
pub struct Sql(pub Vec<Part>);

#[derive(Debug, Clone)]
pub enum Part {
    Text(String),
    Query(Box<Query>),
}

impl Sql {
    pub fn text(text: impl Into<String>) -> Self {
        Sql(vec![Part::Text(text.into())])
    }

    /// `before (query) after`
    pub fn around(before: impl Into<String>, query: Query, after: impl Into<String>) -> Self {
        Sql(vec![Part::Text(before.into()), Part::Query(Box::new(query)), Part::Text(after.into())])
    }

    pub fn wrapped(mut self, before: &str, after: &str) -> Self {
        self.0.insert(0, Part::Text(before.to_string()));
        self.0.push(Part::Text(after.to_string()));
        self
    }
}

impl Query {
    pub fn of(select: Select) -> Self {
        Query { ctes: vec![], body: Body::Select(Box::new(select)), order: vec![], limit: None, offset: None }
    }

    /// The output columns' names.
    pub fn names(&self) -> Vec<String> {
        match &self.body {
            Body::Select(select) => select.items.iter().map(|item| item.alias.clone()).collect(),
            Body::Set { left, .. } => left.names(),
        }
    }

    /// The sort keys that are output columns, up to the first that is none, as positions.
    pub fn visible_order(&self) -> Vec<usize> {
        let names = self.names();
        self.order.iter().map_while(|order| names.iter().position(|name| *name == order.key)).collect()
    }

    /// Makes the `n`-th possible piece smaller. False: there are not that many.
    pub fn shrink(&mut self, n: &mut usize) -> bool {
        for at in 0..self.ctes.len() {
            if take(n) {
                self.ctes.remove(at);
                return true;
            }
            if self.ctes[at].1.shrink(n) {
                return true;
            }
        }
        // Without LIMIT first: with it, the order must stay total.
        if self.limit.is_some() && take(n) {
            self.limit = None;
            self.offset = None;
            return true;
        }
        if self.offset.is_some() && take(n) {
            self.offset = None;
            return true;
        }
        if self.limit.is_none() && self.offset.is_none() {
            for at in 0..self.order.len() {
                if take(n) {
                    self.order.remove(at);
                    return true;
                }
            }
        }
        match &mut self.body {
            Body::Select(select) => select.shrink(n),
            Body::Set { left, right, .. } => {
                if take(n) {
                    self.body = left.body.clone();
                    return true;
                }
                if take(n) {
                    self.body = right.body.clone();
                    return true;
                }
                left.shrink(n) || right.shrink(n)
            }
        }
    }
}

fn take(n: &mut usize) -> bool {
    if *n == 0 {
        true
    } else {
        *n -= 1;
        false
    }
}

fn shrink_list(list: &mut Vec<Sql>, n: &mut usize) -> bool {
    for at in 0..list.len() {
        if take(n) {
            list.remove(at);
            return true;
        }
        if list[at].shrink(n) {
            return true;
        }
    }
    false
}

impl Sql {
    fn shrink(&mut self, n: &mut usize) -> bool {
        self.0.iter_mut().any(|part| match part {
            Part::Text(_) => false,
            Part::Query(query) => query.shrink(n),
        })
    }
}

impl Select {
    fn shrink(&mut self, n: &mut usize) -> bool {
        if self.distinct && take(n) {
            self.distinct = false;
            return true;
        }
        for at in 0..self.items.len() {
            if self.items.len() > 1 && take(n) {
                self.items.remove(at);
                return true;
            }
            if self.items[at].sql.shrink(n) {
                return true;
            }
        }
        if !self.grouping.is_empty() && take(n) {
            self.grouping = "";
            return true;
        }
        for at in 0..self.group.len() {
            if take(n) {
                self.group.remove(at);
                return true;
            }
        }
        if shrink_list(&mut self.filters, n) || shrink_list(&mut self.having, n) {
            return true;
        }
        self.from.as_mut().is_some_and(|from| from.shrink(n))
    }
}

impl From {
    fn shrink(&mut self, n: &mut usize) -> bool {
        match self {
            From::Plain(_) => false,
            From::Derived { query, .. } => query.shrink(n),
            From::Join { left, right, on, .. } => {
                if take(n) {
                    let side = left.as_ref().clone();
                    *self = side;
                    return true;
                }
                if take(n) {
                    let side = right.as_ref().clone();
                    *self = side;
                    return true;
                }
                shrink_list(on, n) || left.shrink(n) || right.shrink(n)
            }
        }
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, before: &str, items: &[T], between: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if at == 0 { before } else { between })?;
    }
    Ok(())
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, (name, query)) in self.ctes.iter().enumerate() {
            write!(f, "{}{name} AS ({query})", if at == 0 { "WITH " } else { ", " })?;
        }
        if !self.ctes.is_empty() {
            f.write_str(" ")?;
        }
        match &self.body {
            Body::Select(select) => write!(f, "{select}")?,
            Body::Set { word, left, right } => write!(f, "({left}) {word} ({right})")?,
        }
        list(f, " ORDER BY ", &self.order, ", ")?;
        if let Some(limit) = self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " OFFSET {offset}")?;
        }
        Ok(())
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.key, if self.direction.is_empty() { "" } else { " " }, self.direction)
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.distinct { "SELECT DISTINCT" } else { "SELECT" })?;
        list(f, " ", &self.items, ", ")?;
        if let Some(from) = &self.from {
            write!(f, " FROM {from}")?;
        }
        list(f, " WHERE ", &self.filters, " AND ")?;
        if !self.group.is_empty() {
            if self.grouping.is_empty() {
                list(f, " GROUP BY ", &self.group, ", ")?;
            } else {
                write!(f, " GROUP BY {} ({})", self.grouping, self.group.join(", "))?;
            }
        }
        list(f, " HAVING ", &self.having, " AND ")
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} AS {}", self.sql, self.alias)
    }
}

impl Display for From {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            From::Plain(text) => f.write_str(text),
            From::Derived { query, alias } => write!(f, "({query}) AS {alias}"),
            From::Join { word, left, right, on, using } => {
                write!(f, "{left}{}{word} ", if *word == "," { "" } else { " " })?;
                match right.as_ref() {
                    From::Join { .. } => write!(f, "({right})")?,
                    _ => write!(f, "{right}")?,
                }
                if !using.is_empty() {
                    write!(f, " USING ({})", using.join(", "))
                } else if matches!(*word, "," | "CROSS JOIN") {
                    Ok(())
                } else if on.is_empty() {
                    f.write_str(" ON TRUE")
                } else {
                    list(f, " ON ", on, " AND ")
                }
            }
        }
    }
}

impl Display for Sql {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Query(query) => write!(f, "({query})"),
        })
    }
}

//! The columns that FROM gives, and what a name among them means.

use sqlparser::ast::{Expr, Ident, ObjectName};
use sqlparser::tokenizer::Span;

use crate::sql::rewrite::Refusal;
use crate::sql::rewrite::ast::same_name;

/// The columns of a FROM item, in the order of `SELECT *`.
#[derive(Default)]
pub(super) struct Columns {
    pub parts: Vec<Part>,
}

pub(super) enum Part {
    Key(Key),
    Table(Table),
}

/// A column that USING made of two.
pub(super) struct Key {
    pub name: Ident,
    pub value: Box<Expr>,
}

/// All columns of a table but those that went into keys.
pub(super) struct Table {
    /// What stands in front of its columns.
    pub name: Option<ObjectName>,
    /// `None` if they are not known here.
    pub columns: Option<Vec<Ident>>,
    pub without: Vec<Ident>,
}

impl Table {
    /// Whether it gives a column of this name; `None` if that is not known.
    fn has(&self, name: &Ident) -> Option<bool> {
        if holds(&self.without, name) {
            return Some(false);
        }
        self.columns.as_ref().map(|columns| holds(columns, name))
    }

    /// `table.name`
    fn column(&self, name: &Ident) -> Result<Expr, Refusal> {
        let Some(table) = &self.name else {
            return Err(Refusal::new(
                format!("column {name} of the join is from a table that cannot be named"),
                name.span,
            ));
        };
        let mut parts: Vec<Ident> = table.0.iter().filter_map(|part| part.as_ident()).cloned().collect();
        for part in &mut parts {
            part.span = name.span;
        }
        parts.push(name.clone());
        Ok(Expr::CompoundIdentifier(parts))
    }
}

fn holds(names: &[Ident], name: &Ident) -> bool {
    names.iter().any(|other| same_name(other, name))
}

/// That a question cannot be answered because columns are not known here.
fn not_known(name: &Ident) -> Refusal {
    Refusal::new(format!("which table column {name} of USING is from cannot be told here"), name.span)
        .help(format!("write ON, with the tables' names: ON a.{name} = b.{name}"))
}

impl Columns {
    pub fn of_table(table: Table) -> Self {
        Columns { parts: vec![Part::Table(table)] }
    }

    pub fn append(&mut self, other: Columns) {
        self.parts.extend(other.parts);
    }

    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.parts.iter().filter_map(|part| match part {
            Part::Key(key) => Some(key),
            Part::Table(_) => None,
        })
    }

    /// What `name` stands for on the side of a join that is called `side`.
    pub fn meaning(&self, name: &Ident, side: &str) -> Result<Box<Expr>, Refusal> {
        // No other can have it.
        if let [Part::Table(table)] = self.parts.as_slice()
            && table.has(name).is_none()
        {
            return table.column(name).map(Box::new);
        }
        let mut found = Vec::new();
        for part in &self.parts {
            match part {
                Part::Key(key) if same_name(&key.name, name) => found.push(key.value.clone()),
                Part::Key(_) => {}
                Part::Table(table) => match table.has(name) {
                    Some(true) => found.push(Box::new(table.column(name)?)),
                    Some(false) => {}
                    None => return Err(not_known(name)),
                },
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some(value), true) => Ok(value),
            (None, _) => {
                Err(Refusal::new(format!("no table on the {side} of the join has a column {name}"), name.span))
            }
            (Some(_), false) => {
                Err(Refusal::new(format!("several tables on the {side} of the join have a column {name}"), name.span)
                    .help(format!("write ON, with the table's name: ON a.{name} = b.{name}")))
            }
        }
    }

    /// The names that both sides have, in the order of the left one; each stands at `place`.
    pub fn shared_names(&self, right: &Columns, place: Span) -> Result<Vec<Ident>, Refusal> {
        let not_known = || {
            Refusal::new("the columns that NATURAL JOIN compares are not known here", place)
                .help("write USING and the columns that both tables have: JOIN t USING (a, b)")
        };
        let right = right.names().ok_or_else(not_known)?;
        let left = self.names().ok_or_else(not_known)?;
        let mut shared: Vec<Ident> = Vec::new();
        for name in left.iter().filter(|name| holds(&right, name)) {
            if !holds(&shared, name) {
                shared.push(Ident { span: place, ..name.clone() });
            }
        }
        Ok(shared)
    }

    fn names(&self) -> Option<Vec<Ident>> {
        let mut names = Vec::new();
        for part in &self.parts {
            match part {
                Part::Key(key) => names.push(key.name.clone()),
                Part::Table(table) => {
                    let columns = table.columns.as_ref()?;
                    names.extend(columns.iter().filter(|name| !holds(&table.without, name)).cloned());
                }
            }
        }
        Some(names)
    }

    /// Takes a column out that [`Self::meaning`] found, because it goes into a key.
    pub fn remove(&mut self, name: &Ident) {
        let before = self.parts.len();
        self.parts.retain(|part| !matches!(part, Part::Key(key) if same_name(&key.name, name)));
        if self.parts.len() < before {
            return;
        }
        let owner = self.parts.iter_mut().find_map(|part| match part {
            Part::Table(table) if table.has(name) != Some(false) => Some(table),
            _ => None,
        });
        if let Some(table) = owner {
            table.without.push(name.clone());
        }
    }
}

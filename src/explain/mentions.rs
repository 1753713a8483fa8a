//! Which table in the plan is which in the text.
//!
//! A verdict on a join names its place, but a plan has no places: after views and CTEs are expanded and rules have run, a scan says
//! only which table it reads, and a table may be read five times. So every table in FROM gets a number before planning, and its scans
//! bear it ([`InstanceTag`]).
//!
//! The number travels in the catalog's part of the table's name: `FROM orders` becomes `FROM "ostrich#3"."default"."orders"`. Names of
//! columns (`orders.id`, `default.orders.id`) mean the same as before, aliases stay, and no node is added to the plan. Whoever shows
//! something of such a plan takes the marks out again ([`without_marks`]).

mod number;

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlparser::tokenizer::Span;

pub use number::Numbering;

use crate::catalog::model::TableName;
use crate::optimizer::facts::InstanceTag;
use crate::sql::source::Source;

/// What stands in FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MentionKind {
    Table(TableName),
    View(TableName),
    /// A CTE; `mentions` are those in its query.
    Cte {
        name: String,
        mentions: Vec<usize>,
    },
    Derived,
    /// `unnest`, a table function: it reads no table.
    Function,
}

/// How it is joined to what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Joined {
    /// It is the first in a FROM.
    First,
    /// It is the first in the FROM of a subquery in EXISTS or IN; `negated`: NOT EXISTS, NOT IN.
    Tested {
        negated: bool,
    },
    Inner,
    Left,
    Right,
    Full,
    Cross,
    Semi,
    Anti,
}

/// One table factor of the text.
#[derive(Debug, Clone)]
pub struct Mention {
    pub kind: MentionKind,
    /// The name that its columns can be qualified by.
    pub alias: String,
    pub joined: Joined,
    /// The factor alone: `customer AS c`.
    pub factor: Span,
    /// The factor with its condition: `customer AS c ON o.custkey = c.custkey`.
    pub join: Span,
    pub source: Arc<Source>,
    /// The view in whose text it stands.
    pub view: Option<TableName>,
    /// The view or derived table that it stands in.
    pub parent: Option<usize>,
    /// The factors of one FROM share this number.
    pub from: usize,
}

/// All of a statement, in the order of the text; a mention's number is its position.
#[derive(Debug, Clone, Default)]
pub struct Mentions {
    all: Vec<Mention>,
}

impl Mentions {
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Mention)> {
        self.all.iter().enumerate()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn add(&mut self, mention: Mention) -> usize {
        self.all.push(mention);
        self.all.len() - 1
    }

    /// A name turned out to be that of a view.
    pub fn is_view(&mut self, number: usize) {
        if let Some(mention) = self.all.get_mut(number)
            && let MentionKind::Table(name) = &mention.kind
        {
            mention.kind = MentionKind::View(name.clone());
        }
    }

    pub fn get(&self, number: usize) -> Option<&Mention> {
        self.all.get(number)
    }

    pub fn of_tag(&self, tag: &InstanceTag) -> Option<&Mention> {
        self.get(tag.mention)
    }

    /// The tables that a mention reads: itself, or those in its view, CTE or query, however deep.
    pub fn tables_of(&self, number: usize) -> BTreeSet<usize> {
        let mut tables = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![number];
        while let Some(number) = open.pop() {
            if !seen.insert(number) {
                continue;
            }
            let Some(mention) = self.get(number) else { continue };
            match &mention.kind {
                MentionKind::Table(_) => {
                    tables.insert(number);
                }
                MentionKind::Cte { mentions, .. } => open.extend(mentions),
                MentionKind::View(_) | MentionKind::Derived | MentionKind::Function => {
                    open.extend(
                        self.iter().filter(|(_, inner)| inner.parent == Some(number)).map(|(number, _)| number),
                    );
                }
            }
        }
        tables
    }
}

/// What a catalog's name looks like that carries the number of a mention.
const MARK: &str = "ostrich#";

/// The catalog in the name of a numbered table.
pub fn catalog_of(number: usize) -> String {
    format!("{MARK}{number}")
}

/// The number in a catalog's name.
pub fn number_of(catalog: &str) -> Option<usize> {
    catalog.strip_prefix(MARK)?.parse().ok()
}

/// A text out of a numbered plan, with the tables called as the user does: `ostrich#3.default.orders.id` → `orders.id`.
pub fn without_marks(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let (before, marked) = rest.split_at(at);
        let quoted = before.ends_with('"');
        let number = marked.get(MARK.len()..).unwrap_or_default();
        let behind = number.trim_start_matches(|c: char| c.is_ascii_digit());
        let tail = if quoted { behind.strip_prefix('"') } else { Some(behind) };
        match tail.and_then(|tail| tail.strip_prefix('.')).and_then(behind_name) {
            Some(table) => {
                clean.push_str(before.strip_suffix('"').filter(|_| quoted).unwrap_or(before));
                rest = table;
            }
            None => {
                clean.push_str(before);
                clean.push_str(MARK);
                rest = number;
            }
        }
    }
    clean.push_str(rest);
    clean
}

/// What comes behind a name and a dot.
fn behind_name(text: &str) -> Option<&str> {
    match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once("\".").map(|(_, behind)| behind),
        None => text.split_once('.').map(|(_, behind)| behind),
    }
}

#[cfg(test)]
mod tests;

//! Random tables with constraints: keys of one and two columns, UNIQUE over nullable columns, foreign keys to both, to the
//! table itself, and out of columns that are part of a key.

use std::fmt::Write;

use crate::rng::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Int,
    Small,
    Text,
    Decimal,
    Date,
    Bool,
    /// A computed value that nothing is joined on.
    Other,
}

impl Type {
    pub const STORED: [Type; 6] = [Type::Int, Type::Small, Type::Text, Type::Decimal, Type::Date, Type::Bool];

    /// A value is stored as a small number; the order of numbers is the order of the values.
    pub fn literal(self, code: i64) -> String {
        match self {
            Type::Int | Type::Small | Type::Other => code.to_string(),
            Type::Text => format!("'{}'", text(code)),
            Type::Decimal => format!("CAST('{}.{}' AS DECIMAL(9,2))", code / 2, code % 2 * 5),
            Type::Date => format!("DATE '2020-{:02}-{:02}'", 1 + code / 28, 1 + code % 28),
            Type::Bool => if code & 1 == 1 { "TRUE" } else { "FALSE" }.to_string(),
        }
    }

    pub fn sql(self) -> &'static str {
        match self {
            Type::Int | Type::Other => "BIGINT",
            Type::Small => "INT",
            Type::Text => "VARCHAR",
            Type::Decimal => "DECIMAL(9,2)",
            Type::Date => "DATE",
            Type::Bool => "BOOLEAN",
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Small | Type::Decimal)
    }

    /// Whether a join may compare the two.
    pub fn compares_with(self, other: Type) -> bool {
        let integer = |of: Type| matches!(of, Type::Int | Type::Small);
        self != Type::Other && (self == other || integer(self) && integer(other))
    }
}

pub fn text(code: i64) -> String {
    if code == 0 { String::new() } else { format!("v{code:02}") }
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    pub not_null: bool,
    /// Values are 0 to this, less one.
    pub domain: i64,
    /// Percent of NULLs, where they are allowed.
    pub nulls: usize,
    /// What the files tell of it: null count, minimum, maximum.
    pub told: [bool; 3],
}

#[derive(Debug, Clone)]
pub struct Unique {
    pub columns: Vec<usize>,
    pub primary: bool,
}

#[derive(Debug, Clone)]
pub struct ForeignKey {
    pub columns: Vec<usize>,
    pub parent: usize,
    pub parent_columns: Vec<usize>,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub uniques: Vec<Unique>,
    pub foreign_keys: Vec<ForeignKey>,
    /// Rows that the data aims at.
    pub size: usize,
    /// The files tell how many rows there are.
    pub rows_told: bool,
    pub partitions: usize,
}

#[derive(Debug, Clone)]
pub struct Schema {
    pub tables: Vec<Table>,
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

impl Schema {
    pub fn random(rng: &mut Rng) -> Schema {
        let mut schema = Schema { tables: vec![] };
        for index in 0..rng.between(3, 6) {
            let table = table(rng, &schema, index);
            schema.tables.push(table);
        }
        schema
    }

    pub fn ddl(&self) -> String {
        let mut out = String::new();
        let names = |table: &Table, columns: &[usize]| {
            columns.iter().map(|c| table.columns[*c].name.as_str()).collect::<Vec<_>>().join(", ")
        };
        for table in &self.tables {
            let mut lines: Vec<String> = table
                .columns
                .iter()
                .map(|c| format!("{} {}{}", c.name, c.ty.sql(), if c.not_null { " NOT NULL" } else { "" }))
                .collect();
            for unique in &table.uniques {
                let word = if unique.primary { "PRIMARY KEY" } else { "UNIQUE" };
                lines.push(format!("{word} ({})", names(table, &unique.columns)));
            }
            for key in &table.foreign_keys {
                let parent = &self.tables[key.parent];
                let (columns, referenced) = (names(table, &key.columns), names(parent, &key.parent_columns));
                lines.push(format!("FOREIGN KEY ({columns}) REFERENCES {} ({referenced})", parent.name));
            }
            let told: Vec<String> = table
                .columns
                .iter()
                .filter(|c| c.told != [false; 3])
                .map(|c| format!("{} {:?}", c.name, c.told))
                .collect();
            let rows = if table.rows_told { "rows told" } else { "" };
            let _ = writeln!(out, "CREATE TABLE {} ({}); -- {rows} {}", table.name, lines.join(", "), told.join(", "));
        }
        out
    }
}

fn table(rng: &mut Rng, schema: &Schema, index: usize) -> Table {
    let size = match rng.below(10) {
        0 => 0,
        1 => 1,
        2 => 2,
        3..=7 => rng.between(3, 12),
        _ => rng.between(12, 40),
    };
    let mut table = Table {
        name: NAMES[index].to_string(),
        columns: vec![],
        uniques: vec![],
        foreign_keys: vec![],
        size,
        rows_told: rng.percent(30),
        partitions: rng.between(1, 3),
    };
    if rng.percent(80) {
        let width = if rng.percent(70) { 1 } else { 2 };
        let columns = (0..width).map(|_| key_column(rng, &mut table, true, width)).collect();
        table.uniques.push(Unique { columns, primary: true });
    }
    for _ in 0..rng.weighted(&[25, 45, 25, 5]) {
        foreign_key(rng, schema, &mut table, index);
    }
    if rng.percent(40) {
        let width = if rng.percent(75) { 1 } else { 2 };
        let columns = (0..width)
            .map(|_| {
                let not_null = rng.percent(35);
                key_column(rng, &mut table, not_null, width)
            })
            .collect();
        table.uniques.push(Unique { columns, primary: false });
    }
    for _ in 0..rng.between(1, 3) {
        let ty = *rng.pick(&Type::STORED);
        let (not_null, domain) = (rng.percent(25), rng.between(1, 4) as i64);
        column(rng, &mut table, ty, not_null, domain);
    }
    table
}

fn column(rng: &mut Rng, table: &mut Table, ty: Type, not_null: bool, domain: i64) -> usize {
    let name = format!("{}{}", table.name, table.columns.len());
    let told = if rng.percent(35) { [0; 3].map(|_| rng.percent(60)) } else { [false; 3] };
    let domain = if ty == Type::Bool { 2 } else { domain };
    table.columns.push(Column { name, ty, not_null, domain, nulls: *rng.pick(&[0, 15, 15, 50, 90]), told });
    table.columns.len() - 1
}

/// A column whose domain is wide enough for `size` rows that differ.
fn key_column(rng: &mut Rng, table: &mut Table, not_null: bool, width: usize) -> usize {
    let ty = *rng.pick(&[Type::Int, Type::Int, Type::Int, Type::Small, Type::Text, Type::Date, Type::Decimal]);
    let domain = if width == 1 { table.size + table.size / 3 + 1 } else { table.size / 3 + 2 };
    column(rng, table, ty, not_null, domain as i64)
}

/// To a key of a table before this one, or of this one.
fn foreign_key(rng: &mut Rng, schema: &Schema, table: &mut Table, index: usize) {
    let parent = rng.below(index + 1);
    let referenced = if parent == index { table.clone() } else { schema.tables[parent].clone() };
    if referenced.uniques.is_empty() {
        return;
    }
    let key = rng.pick(&referenced.uniques).clone();
    let mut columns = vec![];
    for &referenced_column in &key.columns {
        let model = &referenced.columns[referenced_column];
        let own: Vec<usize> = (0..table.columns.len())
            .filter(|c| table.columns[*c].ty == model.ty && !columns.contains(c))
            .filter(|c| parent != index || *c != referenced_column)
            .collect();
        // A column that is there already: part of the key, or of another foreign key.
        if !own.is_empty() && rng.percent(30) {
            columns.push(*rng.pick(&own));
            continue;
        }
        let not_null = rng.percent(45);
        let at = column(rng, table, model.ty, not_null, model.domain);
        if rng.percent(40) && table.columns.iter().all(|c| c.name != model.name) {
            table.columns[at].name.clone_from(&model.name);
        }
        columns.push(at);
    }
    table.foreign_keys.push(ForeignKey { columns, parent, parent_columns: key.columns });
}

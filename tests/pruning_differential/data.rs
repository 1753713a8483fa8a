//! Random rows that obey the constraints, and the tables made of them: with what is known, and plain.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use ostrich::catalog::model::TableName;
use ostrich::optimizer::facts::{
    ConstraintRef, FileColumnFacts, KnownConstraint, KnownConstraintKind, KnownTable, TableFacts, Trust,
};

use crate::rng::Rng;
use crate::schema::{Schema, Table, Type, text};

/// `None` is NULL; a number stands for a value of the column's type.
pub type Row = Vec<Option<i64>>;
/// The rows of each table.
pub type Data = Vec<Vec<Row>>;

/// 2020-01-01, in days since 1970.
const FIRST_DAY: i32 = 18262;

pub fn random(rng: &mut Rng, schema: &Schema) -> Data {
    let mut data: Data = vec![];
    for (index, table) in schema.tables.iter().enumerate() {
        data.push(vec![]);
        // Rows that fit are rare where domains are small: the table may stay smaller than it should be.
        for _ in 0..table.size * 3 {
            if data[index].len() >= table.size {
                break;
            }
            let row = row(rng, &data, index, table);
            if fits(schema, &data, index, &row) {
                data[index].push(row);
            }
        }
    }
    data
}

fn row(rng: &mut Rng, data: &Data, index: usize, table: &Table) -> Row {
    let mut row: Row = table
        .columns
        .iter()
        .map(|c| if !c.not_null && rng.percent(c.nulls) { None } else { Some(rng.below(c.domain as usize) as i64) })
        .collect();
    for key in &table.foreign_keys {
        // A NULL in any column exempts the row, whatever the others hold.
        if key.columns.iter().any(|c| row[*c].is_none()) {
            continue;
        }
        let parents = &data[key.parent];
        if parents.is_empty() {
            match key.columns.iter().find(|c| !table.columns[**c].not_null) {
                Some(nullable) => row[*nullable] = None,
                // The first row may only reference itself.
                None if key.parent == index => {
                    for (own, referenced) in key.columns.iter().zip(&key.parent_columns) {
                        row[*own] = row[*referenced];
                    }
                }
                None => {}
            }
            continue;
        }
        let parent = rng.pick(parents);
        for (own, referenced) in key.columns.iter().zip(&key.parent_columns) {
            if parent[*referenced].is_some() || !table.columns[*own].not_null {
                row[*own] = parent[*referenced];
            }
        }
    }
    row
}

/// Whether `row` can be added to table `index`.
fn fits(schema: &Schema, data: &Data, index: usize, row: &Row) -> bool {
    let table = &schema.tables[index];
    let not_null = row.iter().zip(&table.columns).all(|(value, column)| value.is_some() || !column.not_null);
    not_null
        && table.uniques.iter().all(|unique| {
            let values = |row: &Row| unique.columns.iter().map(|c| row[*c]).collect::<Vec<_>>();
            let own = values(row);
            let exempt = own.iter().any(Option::is_none);
            if unique.primary && exempt {
                return false;
            }
            exempt || data[index].iter().all(|other| values(other) != own)
        })
        && table.foreign_keys.iter().all(|key| {
            let own: Vec<_> = key.columns.iter().map(|c| row[*c]).collect();
            let itself = std::iter::once(row).filter(|_| key.parent == index);
            own.iter().any(Option::is_none)
                || data[key.parent]
                    .iter()
                    .chain(itself)
                    .any(|parent| key.parent_columns.iter().map(|c| parent[*c]).collect::<Vec<_>>() == own)
        })
}

/// Whether the data obeys all constraints, for data that the shrinking has made.
pub fn obeys(schema: &Schema, data: &Data) -> bool {
    schema.tables.iter().enumerate().all(|(index, _)| {
        let rows = &data[index];
        (0..rows.len()).all(|at| {
            let mut others = data.clone();
            let row = others[index].remove(at);
            fits(schema, &others, index, &row)
        })
    })
}

fn data_type(ty: Type) -> DataType {
    match ty {
        Type::Int | Type::Other => DataType::Int64,
        Type::Small => DataType::Int32,
        Type::Text => DataType::Utf8,
        Type::Decimal => DataType::Decimal128(9, 2),
        Type::Date => DataType::Date32,
        Type::Bool => DataType::Boolean,
    }
}

fn arrow_schema(table: &Table) -> SchemaRef {
    let fields: Vec<Field> = table.columns.iter().map(|c| Field::new(&c.name, data_type(c.ty), true)).collect();
    Arc::new(ArrowSchema::new(fields))
}

fn array(ty: Type, values: Vec<Option<i64>>) -> ArrayRef {
    let values = values.into_iter();
    match ty {
        Type::Int | Type::Other => Arc::new(values.collect::<Int64Array>()),
        Type::Small => Arc::new(values.map(|v| v.map(|v| v as i32)).collect::<Int32Array>()),
        Type::Text => Arc::new(values.map(|v| v.map(text)).collect::<StringArray>()),
        Type::Decimal => Arc::new(
            values
                .map(|v| v.map(|v| i128::from(v) * 50))
                .collect::<Decimal128Array>()
                .with_data_type(DataType::Decimal128(9, 2)),
        ),
        Type::Date => Arc::new(values.map(|v| v.map(|v| FIRST_DAY + day(v))).collect::<Date32Array>()),
        Type::Bool => Arc::new(values.map(|v| v.map(|v| v & 1 == 1)).collect::<BooleanArray>()),
    }
}

/// Days after the first, as [`Type::literal`] writes them: months of 28 days.
fn day(code: i64) -> i32 {
    const BEFORE_MONTH: [i32; 3] = [0, 31, 60];
    BEFORE_MONTH[(code / 28) as usize % 3] + (code % 28) as i32
}

/// The rows, dealt out over the table's partitions, each in batches of at most five.
pub fn plain(table: &Table, rows: &[Row]) -> Arc<MemTable> {
    let schema = arrow_schema(table);
    let batch = |rows: &[&Row]| {
        let columns = table.columns.iter().enumerate();
        let columns = columns.map(|(at, c)| array(c.ty, rows.iter().map(|row| row[at]).collect())).collect();
        RecordBatch::try_new(Arc::clone(&schema), columns).expect("the columns have the schema's types")
    };
    let partitions = (0..table.partitions)
        .map(|number| {
            let own: Vec<&Row> = rows.iter().skip(number).step_by(table.partitions).collect();
            own.chunks(5).map(batch).collect()
        })
        .collect();
    Arc::new(MemTable::try_new(schema, partitions).expect("the batches have the table's schema"))
}

/// The same rows with everything that is known of them.
pub fn known(schema: &Schema, index: usize, rows: &[Row], trust: Trust) -> KnownTable {
    let table = &schema.tables[index];
    let name = TableName::new("default", &table.name);
    let mut constraints = vec![];
    let mut add = |name_of_constraint: String, kind| {
        let reference = Arc::new(ConstraintRef { table: name.clone(), name: name_of_constraint, trust });
        constraints.push(KnownConstraint { reference, kind });
    };
    for (at, column) in table.columns.iter().enumerate() {
        let in_primary = table.uniques.iter().any(|unique| unique.primary && unique.columns.contains(&at));
        if column.not_null || in_primary {
            add(format!("{}_{}_not_null", table.name, column.name), KnownConstraintKind::NotNull { columns: vec![at] });
        }
    }
    for (number, unique) in table.uniques.iter().enumerate() {
        let kind = KnownConstraintKind::Unique { columns: unique.columns.clone(), primary: unique.primary };
        add(format!("{}_key_{number}", table.name), kind);
    }
    for (number, key) in table.foreign_keys.iter().enumerate() {
        let parent = &schema.tables[key.parent];
        let kind = KnownConstraintKind::ForeignKey {
            columns: key.columns.clone(),
            parent: TableName::new("default", &parent.name),
            parent_columns: key.parent_columns.iter().map(|c| parent.columns[*c].name.clone()).collect(),
        };
        add(format!("{}_fk_{number}", table.name), kind);
    }
    let columns = table.columns.iter().enumerate().map(|(at, column)| {
        let values: Vec<Option<i64>> = rows.iter().map(|row| row[at]).collect();
        let scalar = |value: Option<i64>| {
            let value = value?;
            ScalarValue::try_from_array(&array(column.ty, vec![Some(value)]), 0).ok()
        };
        let [nulls, min, max] = column.told;
        FileColumnFacts {
            nulls: nulls.then(|| values.iter().filter(|value| value.is_none()).count() as u64),
            min: if min { scalar(values.iter().flatten().min().copied()) } else { None },
            max: if max { scalar(values.iter().flatten().max().copied()) } else { None },
        }
    });
    let facts = TableFacts {
        name,
        constraints,
        unused: vec![],
        rows: table.rows_told.then_some(rows.len() as u64),
        columns: columns.collect(),
        distinct: Arc::default(),
        snapshot: index as u64,
    };
    KnownTable::new(plain(table, rows), Arc::new(facts))
}

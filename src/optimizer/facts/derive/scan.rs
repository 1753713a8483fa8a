//! A scan: what the table's constraints and its files say, as far as the scan gives its rows.

use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableScan};

use super::super::{
    ColumnFacts, ColumnSet, Facts, Instance, Key, KnownConstraintKind, KnownTable, Origin, TableFacts, ValueFacts, both,
};
use super::{is_exact, predicate};

pub(super) fn of_scan(scan: &TableScan) -> Facts {
    let mut facts = of_table(scan);
    let fetch = scan.fetch.map(|fetch| fetch as u64);
    if let Some(fetch) = fetch {
        // The source may stop there, but need not.
        for instance in &mut facts.instances {
            instance.complete &= facts.rows.most.is_some_and(|most| most <= fetch);
        }
        facts.rows.least = facts.rows.least.min(fetch);
    }
    if !scan.filters.is_empty() {
        apply_filters(&mut facts, scan);
    }
    match &scan.projection {
        Some(projection) => facts.finished().columns_kept(projection),
        None => facts.finished(),
    }
}

/// The whole table, with all of its columns.
fn of_table(scan: &TableScan) -> Facts {
    let schema = scan.source.schema();
    let Some(known) = KnownTable::of(&scan.source) else { return Facts::nothing(schema.fields().len()) };
    let table = known.facts();
    let mut facts = Facts::nothing(0);
    facts.columns = known.columns(columns).to_vec();
    facts.instances.push(Instance {
        table: table.clone(),
        schema: schema.clone(),
        tag: known.tag().cloned(),
        complete: true,
        null_extended: false,
        at_most_once: true,
    });
    for constraint in &table.constraints {
        let KnownConstraintKind::Unique { columns, .. } = &constraint.kind else { continue };
        let usable = |column: &usize| schema.fields().get(*column).is_some_and(|field| is_exact(field.data_type()));
        if columns.is_empty() || !columns.iter().all(usable) {
            continue;
        }
        let columns: ColumnSet = columns.iter().copied().collect();
        let because = vec![constraint.reference.clone()];
        let strict = columns
            .iter()
            .try_fold(because.clone(), |because, column| Some(both(because, facts.is_not_null(*column)?)));
        if let Some(because) = strict {
            facts.add_key(Key { columns: columns.clone(), strict: true, because });
        }
        // Under `=`, that no column is NULL need not be known.
        facts.add_key(Key { columns, strict: false, because });
    }
    if let Some(rows) = table.rows {
        let because = vec![table.by_files("row count".to_string())];
        facts.rows.least = rows;
        facts.rows.least_because = because.clone();
        facts.at_most(rows, because);
    }
    facts
}

/// What the constraints and the files say of each column of a table.
fn columns(table: &TableFacts, schema: &Schema) -> Vec<ColumnFacts> {
    let of_column = |(position, field): (usize, &FieldRef)| {
        let files = table.columns.get(position);
        let by_files = |what: &str| vec![table.by_files(format!("{what} of {}", field.name()))];
        let mut values = ValueFacts {
            not_null: match table.not_null(position) {
                Some(constraint) => Some(vec![constraint.clone()]),
                None => files.filter(|files| files.nulls == Some(0)).map(|_| by_files("null count")),
            },
            ..ValueFacts::default()
        };
        // NaN is in no minimum or maximum.
        if is_exact(field.data_type())
            && let Some(files) = files
        {
            let bound = |value: &Option<_>, what: &str| {
                let value: &ScalarValue = value.as_ref()?;
                let fits = !value.is_null() && value.data_type() == *field.data_type();
                fits.then(|| (value.clone(), by_files(what)))
            };
            values.min = bound(&files.min, "minimum");
            values.max = bound(&files.max, "maximum");
        }
        ColumnFacts { origin: Some(Origin { instance: 0, column: position }), ..ColumnFacts::from(values) }
    };
    schema.fields().iter().enumerate().map(of_column).collect()
}

/// Filters inside the scan. Those that the source does not apply exactly stand above the scan as well: here they only may have
/// dropped rows.
fn apply_filters(facts: &mut Facts, scan: &TableScan) {
    let Ok(schema) = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema()) else {
        return facts.rows_dropped();
    };
    let filters: Vec<&Expr> = scan.filters.iter().collect();
    let support = scan.source.supports_filters_pushdown(&filters).unwrap_or_default();
    for (index, filter) in filters.into_iter().enumerate() {
        match support.get(index) {
            Some(TableProviderFilterPushDown::Exact) => predicate::apply(facts, &schema, filter),
            _ if predicate::always_holds(facts, &schema, filter) => {}
            _ => facts.rows_dropped(),
        }
    }
}

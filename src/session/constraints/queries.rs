//! Checks as plans: grouping for keys, an anti join for foreign keys. They run like any query, stream, and spill.
//!
//! The plans stand on the bare tables. Were they to know of the constraints, the optimizer might prove the violations away.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type, Int64Type};
use datafusion::common::{Column, JoinType, TableReference, exec_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, col,
    lit,
};

use super::MOST_ROWS;
use crate::error::Result;
use crate::storage::FileTable;

const COUNT: &str = "rows";

/// A plan that reads columns of a table as `k0`, `k1`, …
fn keys(open: &FileTable, places: &[usize], prefix: &str, as_zero: bool) -> Result<LogicalPlanBuilder> {
    use datafusion::catalog::TableProvider as _;
    let source = provider_as_source(Arc::new(open.clone()));
    // A scan yields its columns in the order of the table.
    let mut projection: Vec<usize> = places.to_vec();
    projection.sort_unstable();
    let schema = open.schema();
    let scan = LogicalPlanBuilder::scan(TableReference::bare("t"), source, Some(projection))?;
    let named = places.iter().enumerate().map(|(number, place)| {
        let field = schema.field(*place);
        let column = Expr::Column(Column::new(Some(TableReference::bare("t")), field.name()));
        let column = if as_zero && field.data_type().is_floating() { WITHOUT_SIGN.call(vec![column]) } else { column };
        column.alias(name_of(prefix, number))
    });
    Ok(scan.project(named)?)
}

fn name_of(prefix: &str, number: usize) -> String {
    format!("{prefix}{number}")
}

fn all_not_null(prefix: &str, columns: usize) -> Option<Expr> {
    (0..columns).map(|number| col(name_of(prefix, number)).is_not_null()).reduce(Expr::and)
}

fn key_columns(prefix: &str, columns: usize) -> Vec<Expr> {
    (0..columns).map(|number| col(name_of(prefix, number))).collect()
}

/// The columns as they are.
pub(super) fn plain(open: &FileTable, places: &[usize]) -> Result<LogicalPlanBuilder> {
    keys(open, places, "k", false)
}

/// Keys without a NULL, each with the number of its rows.
fn counted(keys: LogicalPlanBuilder, prefix: &str, columns: usize) -> Result<LogicalPlanBuilder> {
    let keys = match all_not_null(prefix, columns) {
        Some(filter) => keys.filter(filter)?,
        None => keys,
    };
    Ok(keys.aggregate(key_columns(prefix, columns), [count(lit(1_i64)).alias(COUNT)])?)
}

/// Keys that several rows have, each with the number of its rows.
///
/// Zeros of both signs count as one value, and so do all NaN: whichever way an operator compares them, a key that passes has
/// no two equal rows.
pub(super) fn repeated(open: &FileTable, places: &[usize]) -> Result<LogicalPlanBuilder> {
    let counted = counted(keys(open, places, "k", true)?, "k", places.len())?;
    Ok(counted.filter(col(COUNT).gt(lit(1_i64)))?)
}

/// Keys of `one` that also occur in `other`.
pub(super) fn common(one: &FileTable, other: &FileTable, places: &[usize]) -> Result<LogicalPlanBuilder> {
    joined(
        counted(keys(one, places, "k", true)?, "k", places.len())?,
        keys(other, places, "p", true)?,
        JoinType::LeftSemi,
        places.len(),
    )
}

/// Keys of `child` without a NULL that `parent` lacks, each with the number of its rows.
pub(super) fn orphans(
    child: &FileTable,
    places: &[usize],
    parent: &FileTable,
    parent_places: &[usize],
) -> Result<LogicalPlanBuilder> {
    joined(
        counted(keys(child, places, "k", false)?, "k", places.len())?,
        keys(parent, parent_places, "p", false)?,
        JoinType::LeftAnti,
        places.len(),
    )
}

fn joined(
    left: LogicalPlanBuilder,
    right: LogicalPlanBuilder,
    kind: JoinType,
    columns: usize,
) -> Result<LogicalPlanBuilder> {
    let pairs = (0..columns).map(|number| col(name_of("k", number)).eq(col(name_of("p", number))));
    Ok(left.join_on(right.build()?, kind, pairs)?)
}

/// How many rows have a NULL in one of the columns.
pub(super) fn count_nulls(open: &FileTable, places: &[usize]) -> Result<LogicalPlanBuilder> {
    let any_null = (0..places.len()).map(|number| col(name_of("k", number)).is_null()).reduce(Expr::or);
    let keys = plain(open, places)?;
    let nulls = match any_null {
        Some(filter) => keys.filter(filter)?,
        None => keys,
    };
    Ok(nulls.aggregate(Vec::<Expr>::new(), [count(lit(1_i64)).alias(COUNT)])?)
}

/// What came of counting: the rows of all keys together, and the first few keys.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub rows: u64,
    pub keys: Option<RecordBatch>,
}

impl Counted {
    /// Adds keys with their numbers of rows in the last column.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some((counts, keys)) = batch.columns().split_last() else { return Ok(()) };
        if let Some(counts) = counts.as_primitive_opt::<Int64Type>() {
            self.rows += counts.iter().flatten().map(|count| u64::try_from(count).unwrap_or(0)).sum::<u64>();
        }
        let places: Vec<usize> = (0..keys.len()).collect();
        let keys = batch.project(&places).map_err(DataFusionError::from)?;
        let all = match self.keys.take() {
            None => keys,
            Some(before) => concat_batches(&keys.schema(), [&before, &keys]).map_err(DataFusionError::from)?,
        };
        self.keys = Some(least(&all).map_err(DataFusionError::from)?);
        Ok(())
    }
}

/// The first rows in the order of the columns; of types without an order just some.
fn least(keys: &RecordBatch) -> std::result::Result<RecordBatch, datafusion::arrow::error::ArrowError> {
    let columns: Vec<SortColumn> =
        keys.columns().iter().map(|values| SortColumn { values: Arc::clone(values), options: None }).collect();
    match lexsort_to_indices(&columns, Some(MOST_ROWS)) {
        Ok(first) => take_record_batch(keys, &first),
        Err(_) => Ok(keys.slice(0, keys.num_rows().min(MOST_ROWS))),
    }
}

/// The columns of a table that a key has, as they are compared: see [`repeated`].
pub(super) fn as_compared(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float16 => {
            type Half = <Float16Type as ArrowPrimitiveType>::Native;
            let plain = |value: Half| Half::from_f64(without_sign(value.to_f64()));
            Arc::new(column.as_primitive::<Float16Type>().unary::<_, Float16Type>(plain)) as ArrayRef
        }
        DataType::Float32 => {
            let plain = |value: f32| without_sign(value.into()) as f32;
            Arc::new(column.as_primitive::<Float32Type>().unary::<_, Float32Type>(plain)) as ArrayRef
        }
        DataType::Float64 => {
            Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(without_sign)) as ArrayRef
        }
        _ => Arc::clone(column),
    }
}

/// Zero for zeros of both signs, one NaN for all.
fn without_sign(value: f64) -> f64 {
    if value == 0.0 {
        0.0
    } else if value.is_nan() {
        f64::NAN
    } else {
        value
    }
}

static WITHOUT_SIGN: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::from(WithoutSign { signature: Signature::any(1, Volatility::Immutable) })));

/// [`as_compared`] in a plan.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WithoutSign {
    signature: Signature,
}

impl ScalarUDFImpl for WithoutSign {
    fn name(&self) -> &str {
        "ostrich_without_sign"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DataFusionResult<DataType> {
        match arguments {
            [data_type] => Ok(data_type.clone()),
            _ => exec_err!("ostrich_without_sign takes one value"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let rows = arguments.number_rows;
        match arguments.args.into_iter().next() {
            Some(value) => Ok(ColumnarValue::Array(as_compared(&value.into_array(rows)?))),
            None => exec_err!("ostrich_without_sign takes one value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use datafusion::arrow::array::{Float32Array, Float64Array, Int64Array};

    use super::*;

    #[test]
    fn zeros_and_nans_are_one_value_each() {
        let odd = f64::from_bits(f64::NAN.to_bits() | 1);
        let column: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(0.0), Some(-0.0), Some(f64::NAN), Some(odd), None]));
        let plain = as_compared(&column);
        let bits: HashSet<Option<u64>> =
            plain.as_primitive::<Float64Type>().iter().map(|value| value.map(f64::to_bits)).collect();
        assert_eq!(bits, HashSet::from([Some(0.0_f64.to_bits()), Some(f64::NAN.to_bits()), None]));
        let small: ArrayRef = Arc::new(Float32Array::from(vec![-0.0_f32, 1.5]));
        assert_eq!(as_compared(&small).as_primitive::<Float32Type>().value(0).to_bits(), 0);
    }

    #[test]
    fn counting_keeps_the_least_keys_of_all_batches() {
        let batch = |keys: Vec<i64>| {
            let counts: ArrayRef = Arc::new(Int64Array::from(vec![2; keys.len()]));
            let keys: ArrayRef = Arc::new(Int64Array::from(keys));
            RecordBatch::try_from_iter([("k0", keys), (COUNT, counts)]).unwrap()
        };
        let mut counted = Counted::default();
        counted.add(&batch((100..150).collect())).unwrap();
        counted.add(&batch(vec![7, 120, 3])).unwrap();
        assert_eq!(counted.rows, 106);
        let keys = counted.keys.unwrap();
        assert_eq!(keys.num_rows(), MOST_ROWS);
        let values = keys.column(0).as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(values[..4], [3, 7, 100, 101]);
    }
}

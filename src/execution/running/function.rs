//! The functions, each of which knows its value for a row from the one for the row before.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, NullBufferBuilder, PrimitiveArray, UInt64Array,
    downcast_primitive_array,
};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type, Schema, UInt64Type};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::windows::WindowUDFExpr;

use crate::functions::exact_sum;

/// What the type of a sum has more than its argument's. Where there is no room for them, a sum may leave its type, which ends in an error,
/// NULL or another number, as the dialect has it: those are left to DataFusion's operator.
const DIGITS_OF_SUMS: u8 = 10;

#[derive(Debug, Clone)]
pub(super) struct Function {
    kind: Kind,
    pub(super) argument: Option<Arc<dyn PhysicalExpr>>,
    output: DataType,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    RowNumber,
    Rank,
    DenseRank,
    Count,
    Sum {
        /// Out of its type's range it is an error, and goes around otherwise.
        is_exact: bool,
    },
    Min,
    Max,
}

impl Function {
    /// A window expression over rows of this schema; `None`: it is left to DataFusion.
    pub(super) fn of(expr: &dyn WindowExpr, input: &Schema) -> Option<Self> {
        let output = expr.field().ok()?.data_type().clone();
        if let Some(window) = expr.as_any().downcast_ref::<StandardWindowExpr>() {
            let function = window.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>()?;
            let kind = match function.fun().name() {
                "row_number" => Kind::RowNumber,
                "rank" => Kind::Rank,
                "dense_rank" => Kind::DenseRank,
                _ => return None,
            };
            return (output == DataType::UInt64).then_some(Function { kind, argument: None, output });
        }
        let window = expr.as_any().downcast_ref::<PlainAggregateWindowExpr>()?;
        let aggregate = window.get_aggregate_expr();
        let is_plain = !aggregate.is_distinct() && aggregate.order_bys().is_empty() && has_no_filter(window);
        if !is_plain || !ends_at_the_row(window.get_window_frame()) {
            return None;
        }
        let [argument] = <[_; 1]>::try_from(aggregate.expressions()).ok()?;
        let kind = match aggregate.fun().name() {
            "count" => Kind::Count,
            "sum" => Kind::Sum { is_exact: exact_sum::is_exact(aggregate.fun()) },
            "min" => Kind::Min,
            "max" => Kind::Max,
            _ => return None,
        };
        let of_argument = argument.data_type(input).ok()?;
        is_known(kind, &of_argument, &output).then_some(Function { kind, argument: Some(argument), output })
    }
}

fn ends_at_the_row(frame: &WindowFrame) -> bool {
    frame.units == WindowFrameUnits::Rows
        && frame.start_bound.is_unbounded()
        && frame.end_bound == WindowFrameBound::CurrentRow
}

/// The filter is a private field, which only `Debug` shows. If it looks otherwise one day, windows are left to DataFusion.
fn has_no_filter(window: &PlainAggregateWindowExpr) -> bool {
    format!("{window:?}").ends_with("filter: None }")
}

/// Whether there is a loop for values of such a type.
fn is_known(kind: Kind, argument: &DataType, output: &DataType) -> bool {
    use DataType::{Date32, Date64, Decimal128, Int64, Time32, Time64, Timestamp, UInt64};
    match kind {
        Kind::RowNumber | Kind::Rank | Kind::DenseRank => output == &UInt64,
        Kind::Count => output == &Int64,
        Kind::Sum { .. } => match (argument, output) {
            (Decimal128(digits, scale), Decimal128(of_sum, scale_of_sum)) => {
                scale == scale_of_sum && digits.saturating_add(DIGITS_OF_SUMS) <= *of_sum
            }
            (argument, output) => argument == output && matches!(output, Int64 | UInt64),
        },
        Kind::Min | Kind::Max => {
            let is_exact = argument.is_integer()
                || matches!(argument, Decimal128(..) | Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..));
            argument == output && is_exact
        }
    }
}

/// Where in a batch partitions and rows that are equal in the order lie.
pub(super) struct Places {
    /// One behind the other, all rows together.
    pub(super) partitions: Vec<Range<usize>>,
    /// The first partition has begun before, with so many rows.
    pub(super) rows_before: Option<usize>,
    /// Parts of the partitions whose rows are equal.
    pub(super) peers: Vec<Range<usize>>,
    /// The first of them have begun before.
    pub(super) peers_before: bool,
}

impl Function {
    /// The values for the rows of a batch; `before` is the one for the row before the first, if they are of one partition.
    pub(super) fn column(
        &self,
        argument: Option<&ArrayRef>,
        places: &Places,
        before: Option<&ArrayRef>,
    ) -> Result<ArrayRef> {
        let of_argument = |fold: &dyn Fn(&ArrayRef) -> Result<ArrayRef>| match argument {
            Some(values) => fold(values),
            None => internal_err!("a window function without its argument"),
        };
        match self.kind {
            Kind::RowNumber => Ok(row_numbers(places)),
            Kind::Rank => Ok(ranks(places, before, |_, row_number| row_number)),
            Kind::DenseRank => Ok(ranks(places, before, |rank_before, _| rank_before + 1)),
            Kind::Count => of_argument(&|values| Ok(counts(values, places, before))),
            Kind::Sum { is_exact } => of_argument(&|values| match &self.output {
                DataType::Int64 => self.sums::<Int64Type>(values, places, before, is_exact),
                DataType::UInt64 => self.sums::<UInt64Type>(values, places, before, is_exact),
                _ => self.sums::<Decimal128Type>(values, places, before, is_exact),
            }),
            Kind::Min => of_argument(&|values| self.extremes(values, places, before, true)),
            Kind::Max => of_argument(&|values| self.extremes(values, places, before, false)),
        }
    }

    fn sums<T: ArrowPrimitiveType>(
        &self,
        values: &ArrayRef,
        places: &Places,
        before: Option<&ArrayRef>,
        is_exact: bool,
    ) -> Result<ArrayRef> {
        let Some(values) = values.as_primitive_opt::<T>() else {
            return internal_err!("a sum of {}", values.data_type());
        };
        self.folded(values, places, before, |sum, value| match is_exact {
            true => sum.add_checked(value).map_err(|_| exact_sum::out_of_range(&self.output)),
            false => Ok(sum.add_wrapping(value)),
        })
    }

    fn extremes(
        &self,
        values: &ArrayRef,
        places: &Places,
        before: Option<&ArrayRef>,
        is_least: bool,
    ) -> Result<ArrayRef> {
        downcast_primitive_array!(
            values => self.folded(values, places, before, |known, value| {
                Ok(if value.is_lt(known) == is_least { value } else { known })
            }),
            other => internal_err!("the least of {other}"),
        )
    }

    /// What `fold` makes of the values of each partition up to each row. NULL as long as there is no value.
    fn folded<T: ArrowPrimitiveType>(
        &self,
        values: &PrimitiveArray<T>,
        places: &Places,
        before: Option<&ArrayRef>,
        fold: impl Fn(T::Native, T::Native) -> Result<T::Native>,
    ) -> Result<ArrayRef> {
        let mut known = value::<T>(before);
        let mut folded = Vec::with_capacity(values.len());
        let mut nulls = NullBufferBuilder::new(values.len());
        for (place, partition) in places.partitions.iter().enumerate() {
            if place > 0 {
                known = None;
            }
            for row in partition.clone() {
                if values.is_valid(row) {
                    let value = values.value(row);
                    known = Some(match known {
                        Some(known) => fold(known, value)?,
                        None => value,
                    });
                }
                folded.push(known.unwrap_or_default());
                nulls.append(known.is_some());
            }
        }
        let column = PrimitiveArray::<T>::new(folded.into(), nulls.finish());
        Ok(Arc::new(column.with_data_type(self.output.clone())))
    }
}

fn row_numbers(places: &Places) -> ArrayRef {
    let mut before = places.rows_before.unwrap_or(0) as u64;
    let mut numbers = Vec::new();
    for partition in &places.partitions {
        numbers.extend(before + 1..=before + partition.len() as u64);
        before = 0;
    }
    Arc::new(UInt64Array::from(numbers))
}

/// Equal rows have the same rank; others have `rank` of the one before and of the row's number.
fn ranks(places: &Places, before: Option<&ArrayRef>, rank: impl Fn(u64, u64) -> u64) -> ArrayRef {
    let mut known = value::<UInt64Type>(before).unwrap_or(0);
    let mut rows_before = places.rows_before.unwrap_or(0) as u64;
    let mut partitions = places.partitions.iter();
    let mut partition = partitions.next().cloned().unwrap_or_default();
    let mut ranks = Vec::with_capacity(places.partitions.last().map_or(0, |last| last.end));
    for peers in &places.peers {
        while peers.start >= partition.end
            && let Some(next) = partitions.next()
        {
            (partition, known, rows_before) = (next.clone(), 0, 0);
        }
        if peers.start > 0 || !places.peers_before {
            known = rank(known, rows_before + (peers.start - partition.start) as u64 + 1);
        }
        ranks.resize(peers.end, known);
    }
    Arc::new(UInt64Array::from(ranks))
}

fn counts(values: &ArrayRef, places: &Places, before: Option<&ArrayRef>) -> ArrayRef {
    let mut count = value::<Int64Type>(before).unwrap_or(0);
    let nulls = values.logical_nulls();
    let mut counts = Vec::with_capacity(values.len());
    for (place, partition) in places.partitions.iter().enumerate() {
        if place > 0 {
            count = 0;
        }
        counts.extend(partition.clone().map(|row| {
            count += i64::from(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)));
            count
        }));
    }
    Arc::new(PrimitiveArray::<Int64Type>::from(counts))
}

/// Of the row before, if there is one and it has a value.
fn value<T: ArrowPrimitiveType>(before: Option<&ArrayRef>) -> Option<T::Native> {
    before?.as_primitive_opt::<T>()?.iter().next()?
}

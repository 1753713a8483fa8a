//! Integers that leave the range of their type are an error in ansi: `2147483647 + 1` is no negative number
//!
//! DataFusion's `+`, `-` and `*` of integers go around at the end of their range, as Java's and so Hive's do. PostgreSQL and DuckDB
//! refuse: a sum that is wrong without a sign of it is worse than none. So in ansi, integers are computed by functions of
//! ours. They take the operators' place when a plan is optimized, as rules know the operators and not these; constants, which
//! the optimizer computes, have them from the start.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Datum};
use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    AggregateUDF, BinaryExpr, Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, WindowFunctionDefinition,
};

use super::exact_sum;
use crate::error::Error;
use crate::sql::types;

static ADD: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| exact("+", |left, right| add(left, right)));
static SUBTRACT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| exact("-", |left, right| sub(left, right)));
static MULTIPLY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| exact("*", |left, right| mul(left, right)));

type Kernel = fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>;

fn exact(name: &'static str, kernel: Kernel) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Exact { name, kernel, signature: Signature::any(2, Volatility::Immutable) }))
}

/// The function that does an operator's work on integers.
fn function(op: Operator) -> Option<&'static Arc<ScalarUDF>> {
    match op {
        Operator::Plus => Some(&ADD),
        Operator::Minus => Some(&SUBTRACT),
        Operator::Multiply => Some(&MULTIPLY),
        _ => None,
    }
}

/// An operation on integers that reads no column, which the optimizer will compute.
///
/// # Errors
///
/// If an operand has no type.
pub(super) fn of_constants(operation: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_constant = |expr: &Expr| {
        let reads = expr
            .exists(|part| Ok(matches!(part, Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::Placeholder(_))));
        matches!(reads, Ok(false))
    };
    match function(operation.op) {
        Some(function) if is_constant(&operation.left) && is_constant(&operation.right) => {
            in_exact(operation, function, schema)
        }
        _ => Ok(Transformed::no(Expr::BinaryExpr(operation))),
    }
}

/// An optimized plan with the functions in the operators' places, and sums that are exact too; `None` if there are no such
/// operators and sums.
///
/// # Errors
///
/// If an operand has no type, which would be a bug.
pub(crate) fn in_plan(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let changed = plan.clone().transform_up_with_subqueries(|plan| {
        let schema = schema_below(&plan)?;
        let names = NamePreserver::new(&plan);
        let named = |expr: Expr| {
            let name = names.save(&expr);
            Ok(in_expr(expr, &schema)?.update_data(|expr| name.restore(expr)))
        };
        plan.map_expressions(|expr| match expr {
            // Its keys have names, and itself has none.
            Expr::GroupingSet(_) => expr.map_children(named),
            _ => named(expr),
        })
    })?;
    Ok(changed.transformed.then_some(changed.data))
}

fn in_expr(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| match expr {
        Expr::BinaryExpr(operation) => match function(operation.op) {
            Some(function) => in_exact(operation, function, schema),
            None => Ok(Transformed::no(Expr::BinaryExpr(operation))),
        },
        Expr::AggregateFunction(mut call) => {
            let exact = exact_sum_of(&call.func, &call.params.args, schema)?;
            let changed = exact.is_some();
            call.func = exact.unwrap_or(call.func);
            Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed))
        }
        Expr::WindowFunction(mut call) => {
            let WindowFunctionDefinition::AggregateUDF(function) = &call.fun else {
                return Ok(Transformed::no(Expr::WindowFunction(call)));
            };
            let exact = exact_sum_of(function, &call.params.args, schema)?;
            let changed = exact.is_some();
            if let Some(exact) = exact {
                call.fun = WindowFunctionDefinition::AggregateUDF(exact);
            }
            Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
        }
        _ => Ok(Transformed::no(expr)),
    })
}

/// The columns that a node's expressions read.
fn schema_below(plan: &LogicalPlan) -> Result<DFSchema> {
    match plan {
        // Its filters.
        LogicalPlan::TableScan(scan) => {
            DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())
        }
        _ => Ok(merge_schema(&plan.inputs())),
    }
}

fn exact_sum_of(function: &AggregateUDF, arguments: &[Expr], schema: &DFSchema) -> Result<Option<Arc<AggregateUDF>>> {
    match arguments {
        [argument] => Ok(exact_sum::instead_of(function, &argument.get_type(schema)?)),
        _ => Ok(None),
    }
}

fn in_exact(operation: BinaryExpr, function: &Arc<ScalarUDF>, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let BinaryExpr { left, op, right } = operation;
    let (left_type, right_type) = (left.get_type(schema)?, right.get_type(schema)?);
    if !left_type.is_integer() || !right_type.is_integer() {
        return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
    }
    let (left_in, right_in) = BinaryTypeCoercer::new(&left_type, &op, &right_type).get_input_types()?;
    // A BIGINT UNSIGNED beside a BIGINT has a type that holds both.
    if left_in != right_in || !left_in.is_integer() {
        return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
    }
    let cast = |expr: Box<Expr>, from: &DataType| match *from == left_in {
        true => *expr,
        false => Expr::Cast(Cast::new(expr, left_in.clone())),
    };
    Ok(Transformed::yes(function.call(vec![cast(left, &left_type), cast(right, &right_type)])))
}

#[derive(Debug)]
struct Exact {
    name: &'static str,
    kernel: Kernel,
    signature: Signature,
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Exact {}

impl std::hash::Hash for Exact {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Exact {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [left, _] => Ok(left.clone()),
            _ => exec_err!("{} takes two numbers", self.name),
        }
    }

    /// NULL where an operand is, as the operators: the plan around the call was made for those.
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name, self.return_type(&types)?, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = args.args.as_slice() else { return exec_err!("{} takes two numbers", self.name) };
        let of_constants = matches!((left, right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)));
        let computed = match (left, right) {
            (ColumnarValue::Array(left), ColumnarValue::Array(right)) => (self.kernel)(left, right),
            (ColumnarValue::Array(left), ColumnarValue::Scalar(right)) => (self.kernel)(left, &right.to_scalar()?),
            (ColumnarValue::Scalar(left), ColumnarValue::Array(right)) => (self.kernel)(&left.to_scalar()?, right),
            (ColumnarValue::Scalar(left), ColumnarValue::Scalar(right)) => {
                (self.kernel)(&left.to_scalar()?, &right.to_scalar()?)
            }
        };
        let values = computed.map_err(|error| out_of_range(error, args.return_field.data_type()))?;
        Ok(match of_constants {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?),
            false => ColumnarValue::Array(values),
        })
    }
}

fn out_of_range(error: ArrowError, data_type: &DataType) -> datafusion::error::DataFusionError {
    let ArrowError::ArithmeticOverflow(message) = error else { return error.into() };
    let operation = message.rsplit(": ").next().unwrap_or(&message);
    let name = types::to_sql(data_type);
    let wider = if matches!(data_type, DataType::Int64 | DataType::UInt64) { "DECIMAL(38, 0)" } else { "BIGINT" };
    Error::statement(format!("{operation} is out of range for {name}"))
        .help(format!("compute with a wider type: CAST(… AS {wider})"))
        .into()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Array, Int32Array, Int64Array};
    use datafusion::config::ConfigOptions;

    use super::*;

    fn call(op: Operator, left: ColumnarValue, right: ColumnarValue, data_type: DataType) -> Result<ColumnarValue> {
        let rows = |value: &ColumnarValue| match value {
            ColumnarValue::Array(array) => array.len(),
            ColumnarValue::Scalar(_) => 1,
        };
        let number_rows = rows(&left).max(rows(&right));
        let field = Arc::new(Field::new("x", data_type, true));
        function(op).unwrap().invoke_with_args(ScalarFunctionArgs {
            args: vec![left, right],
            arg_fields: vec![Arc::clone(&field), Arc::clone(&field)],
            number_rows,
            return_field: field,
            config_options: Arc::new(ConfigOptions::default()),
        })
    }

    #[test]
    fn what_fits_is_computed() {
        let values = ColumnarValue::Array(Arc::new(Int32Array::from(vec![Some(1), None, Some(-3)])));
        let two = ColumnarValue::Scalar(ScalarValue::Int32(Some(2)));
        let doubled = call(Operator::Multiply, values, two, DataType::Int32).unwrap();
        let ColumnarValue::Array(doubled) = doubled else { panic!("{doubled:?}") };
        assert_eq!(doubled.as_ref(), &Int32Array::from(vec![Some(2), None, Some(-6)]) as &dyn Array);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let most = ColumnarValue::Array(Arc::new(Int64Array::from(vec![i64::MAX])));
        let one = ColumnarValue::Scalar(ScalarValue::Int64(Some(1)));
        let error = call(Operator::Plus, most, one, DataType::Int64).unwrap_err();
        assert!(error.to_string().contains("9223372036854775807 + 1 is out of range for BIGINT"), "{error}");
    }

    #[test]
    fn a_row_that_is_null_does_not_count() {
        let values = Int32Array::new(vec![i32::MAX, 1].into(), Some(vec![false, true].into()));
        let one = ColumnarValue::Scalar(ScalarValue::Int32(Some(1)));
        call(Operator::Plus, ColumnarValue::Array(Arc::new(values)), one, DataType::Int32).unwrap();
    }
}

//! `hive_field(value, 'name')`: a field of a struct, of each struct in an array, or the value of a key of a map
//!
//! DataFusion's `get_field` knows no arrays: of `orders.price`, `orders` being an array of structs, Hive makes the array of the prices.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use datafusion::arrow::compute::{is_null, nullif};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{TableReference, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::functions::core::get_field;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

static FIELD: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(HiveField::new())));

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct HiveField {
    signature: Signature,
}

impl HiveField {
    pub(super) fn new() -> Self {
        HiveField { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for HiveField {
    fn name(&self) -> &str {
        "hive_field"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("the type is that of the field")
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let [value, _] = arguments.arg_fields else { return plan_err!("a value and a field's name are needed") };
        let name = arguments.scalar_arguments.get(1).copied().flatten();
        match (items(value.data_type()), name.and_then(|name| name.try_as_str().flatten())) {
            (Some(item), Some(name)) => {
                let (_, field) = field_of(&item, name)?;
                let list = DataType::List(Arc::new(Field::new_list_field(field.data_type().clone(), true)));
                Ok(Arc::new(Field::new(name, list, true)))
            }
            _ => get_field().return_field_from_args(arguments),
        }
    }

    fn simplify(&self, arguments: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let is_list = match arguments.first() {
            Some(value) => context.get_data_type(value).map_or(true, |data_type| items(&data_type).is_some()),
            None => true,
        };
        match is_list {
            true => Ok(ExprSimplifyResult::Original(arguments)),
            // What the optimizer knows: it reads fields from files by it.
            false => Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(ScalarFunction::new_udf(
                get_field(),
                arguments,
            )))),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, ColumnarValue::Scalar(name)] = arguments.args.as_slice() else {
            return exec_err!("a value and a field's name are needed");
        };
        let (Some(item), Some(name)) = (items(&value.data_type()), name.try_as_str().flatten()) else {
            return get_field().invoke_with_args(arguments);
        };
        let (position, _) = field_of(&item, name)?;
        let array = value.to_array(arguments.number_rows)?;
        let (Some(lists), DataType::List(given)) = (array.as_list_opt::<i32>(), arguments.return_field.data_type())
        else {
            return exec_err!("an array is expected");
        };
        let Some(structs) = lists.values().as_struct_opt() else { return exec_err!("the items are no structs") };
        let Some(column) = structs.columns().get(position) else { return exec_err!("there is no such field") };
        let values: ArrayRef = match structs.null_count() {
            0 => Arc::clone(column),
            _ => nullif(column, &is_null(structs)?)?,
        };
        let fields = ListArray::try_new(Arc::clone(given), lists.offsets().clone(), values, lists.nulls().cloned())?;
        Ok(ColumnarValue::Array(Arc::new(fields)))
    }
}

/// The type of the items, if they are structs.
fn items(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::List(item) if matches!(item.data_type(), DataType::Struct(_)) => Some(item.data_type().clone()),
        _ => None,
    }
}

/// A field, whose name is the same in any case, and its position.
fn field_of(structs: &DataType, name: &str) -> Result<(usize, FieldRef)> {
    let DataType::Struct(fields) = structs else { return plan_err!("{name} is looked for in what is no struct") };
    match fields.iter().enumerate().find(|(_, field)| field.name().eq_ignore_ascii_case(name)) {
        Some((position, field)) => Ok((position, Arc::clone(field))),
        None => {
            let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            plan_err!("the structs have no field \"{name}\"; they have {}", names.join(", "))
        }
    }
}

/// `t.orders.price`, `orders` being an array of structs.
#[derive(Debug)]
pub(super) struct FieldsOfItems;

impl ExprPlanner for FieldsOfItems {
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let mut value = Expr::Column((qualifier, field).into());
        let mut data_type = Some(field.data_type().clone());
        for name in nested_names {
            let item = data_type.as_ref().and_then(items);
            let function = if item.is_some() { Arc::clone(&FIELD) } else { get_field() };
            value = function.call(vec![value, lit(name.as_str())]);
            data_type = match (item, data_type) {
                (Some(item), _) => {
                    let field = field_of(&item, name)?.1;
                    Some(DataType::List(Arc::new(Field::new_list_field(field.data_type().clone(), true))))
                }
                (None, Some(structs @ DataType::Struct(_))) => {
                    field_of(&structs, name).ok().map(|(_, field)| field.data_type().clone())
                }
                _ => None,
            };
        }
        Ok(PlannerResult::Planned(value))
    }
}

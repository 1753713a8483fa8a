//! Lets the fields of a struct that is NULL be NULL.
//!
//! A file may store a struct that may be NULL with fields that may not: Spark writes `named_struct('b', 'x')` so. Where the struct is
//! NULL, the reader has to put something into such a field, and DataFusion's access to fields passes over the struct's own NULLs:
//!
//! ```sql
//! SELECT s IS NULL, s.b FROM 'spark/*.parquet';   -- true, '' and not true, NULL
//! ```
//!
//! So the NULLs of these structs are put into their fields as they are read. Other structs cost nothing.

use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, ListArray, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use datafusion::common::exec_err;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

/// An adapter of expressions to a file's columns that gives such structs their NULLs.
#[derive(Debug)]
pub(crate) struct StructNullsAdapterFactory(pub Arc<dyn PhysicalExprAdapterFactory>);

impl PhysicalExprAdapterFactory for StructNullsAdapterFactory {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let inner = self.0.create(logical, Arc::clone(&physical))?;
        match physical.fields().iter().any(|field| has_fields_that_hide_nulls(field)) {
            true => Ok(Arc::new(StructNullsAdapter { inner, physical })),
            false => Ok(inner),
        }
    }
}

#[derive(Debug)]
struct StructNullsAdapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    physical: SchemaRef,
}

impl PhysicalExprAdapter for StructNullsAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let rewritten = self.inner.rewrite(expr)?;
        rewritten
            .transform(|node| {
                let is_hiding = node
                    .downcast_ref::<Column>()
                    .and_then(|column| self.physical.fields().get(column.index()))
                    .is_some_and(|field| has_fields_that_hide_nulls(field));
                if !is_hiding {
                    return Ok(Transformed::no(node));
                }
                let function = Arc::new(ScalarUDF::from(NullsIntoFields::new()));
                let options = Arc::new(ConfigOptions::default());
                let call = ScalarFunctionExpr::try_new(function, vec![node], &self.physical, options)?;
                Ok(Transformed::yes(Arc::new(call) as Arc<dyn PhysicalExpr>))
            })
            .data()
    }
}

/// Whether a value holds a struct that may be NULL, of which a field may not.
fn has_fields_that_hide_nulls(field: &Field) -> bool {
    match field.data_type() {
        DataType::Struct(fields) => {
            (field.is_nullable() && fields.iter().any(|inner| !inner.is_nullable()))
                || fields.iter().any(|inner| has_fields_that_hide_nulls(inner))
        }
        DataType::List(item) => has_fields_that_hide_nulls(item),
        _ => false,
    }
}

/// The same values, with the NULLs of structs in their fields as well.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NullsIntoFields {
    signature: Signature,
}

impl NullsIntoFields {
    fn new() -> Self {
        NullsIntoFields { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for NullsIntoFields {
    fn name(&self) -> &str {
        "ostrich_nulls_into_fields"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [data_type] => Ok(data_type.clone()),
            _ => exec_err!("{} takes one value", self.name()),
        }
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match arguments.arg_fields {
            [field] => Ok(Arc::clone(field)),
            _ => exec_err!("{} takes one value", self.name()),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = arguments.args.as_slice() else { return exec_err!("{} takes one value", self.name()) };
        Ok(ColumnarValue::Array(with_nulls(&value.to_array(arguments.number_rows)?, None)?))
    }
}

/// `outer` has the NULLs of the struct that the values are a field of.
fn with_nulls(values: &ArrayRef, outer: Option<&NullBuffer>) -> Result<ArrayRef> {
    match values.data_type() {
        DataType::Struct(fields) => {
            let of_struct = values.as_struct();
            let nulls = NullBuffer::union(outer, of_struct.nulls());
            let columns: Result<Vec<ArrayRef>> =
                of_struct.columns().iter().map(|column| with_nulls(column, nulls.as_ref())).collect();
            let made = StructArray::try_new_with_length(fields.clone(), columns?, nulls, of_struct.len())?;
            Ok(Arc::new(made))
        }
        DataType::List(item) => {
            let list = values.as_list::<i32>();
            let nulls = NullBuffer::union(outer, list.nulls());
            let items = with_nulls(list.values(), None)?;
            Ok(Arc::new(ListArray::try_new(Arc::clone(item), list.offsets().clone(), items, nulls)?))
        }
        _ => match outer.filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => Ok(nullif(values, &BooleanArray::new(!nulls.inner(), None))?),
            None => Ok(Arc::clone(values)),
        },
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int32Array, StringArray};
    use datafusion::arrow::buffer::OffsetBuffer;
    use datafusion::arrow::datatypes::Fields;

    use super::*;

    /// `{a, b}` of which `b` may not be NULL; the second one is NULL itself.
    fn structs() -> (Fields, ArrayRef) {
        let fields = Fields::from(vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, false)]);
        let a: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(7), None]));
        let b: ArrayRef = Arc::new(StringArray::from(vec!["x", "", "z"]));
        let nulls = NullBuffer::from(vec![true, false, true]);
        (fields.clone(), Arc::new(StructArray::new(fields, vec![a, b], Some(nulls))))
    }

    fn nulls_of(array: &ArrayRef) -> Vec<bool> {
        (0..array.len()).map(|row| array.is_null(row)).collect()
    }

    #[test]
    fn fields_of_a_struct_that_is_null_are_null() {
        let (_, structs) = structs();
        let made = with_nulls(&structs, None).unwrap();
        assert_eq!(made.data_type(), structs.data_type());
        assert_eq!(nulls_of(made.as_struct().column(0)), [false, true, true]);
        assert_eq!(nulls_of(made.as_struct().column(1)), [false, true, false]);
    }

    #[test]
    fn in_lists_and_in_other_structs_too() {
        let (fields, structs) = structs();
        let item = Arc::new(Field::new("item", DataType::Struct(fields), true));
        let list: ArrayRef = Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([2, 1]), structs, None));
        let made = with_nulls(&list, None).unwrap();
        assert_eq!(nulls_of(made.as_list::<i32>().values().as_struct().column(1)), [false, true, false]);
    }

    #[test]
    fn only_structs_that_may_be_null_have_something_to_hide() {
        let (fields, _) = structs();
        let field = |nullable| Field::new("s", DataType::Struct(fields.clone()), nullable);
        assert!(has_fields_that_hide_nulls(&field(true)));
        assert!(!has_fields_that_hide_nulls(&field(false)));
        assert!(has_fields_that_hide_nulls(&Field::new_list("l", field(true), false)));
        assert!(!has_fields_that_hide_nulls(&Field::new("i", DataType::Int32, true)));
    }
}

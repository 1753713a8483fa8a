//! The arguments of a function for one batch, and reading them

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::exec_err;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::columns::{Booleans, Bytes, Doubles, Integers, Texts};

/// The arguments of one batch.
pub struct Call {
    pub name: &'static str,
    /// How many values are wanted: one if all arguments are constants.
    pub rows: usize,
    pub config: Arc<ConfigOptions>,
    pub(super) all_constant: bool,
    arguments: Vec<ColumnarValue>,
}

impl Call {
    pub(super) fn new(name: &'static str, arguments: ScalarFunctionArgs) -> Self {
        let all_constant =
            !arguments.args.is_empty() && arguments.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        Call {
            name,
            rows: if all_constant { 1 } else { arguments.number_rows },
            config: arguments.config_options,
            all_constant,
            arguments: arguments.args,
        }
    }

    pub fn count(&self) -> usize {
        self.arguments.len()
    }

    /// An argument and whether it is one value for all rows.
    pub fn array(&self, index: usize) -> Result<(ArrayRef, bool)> {
        match self.arguments.get(index) {
            Some(ColumnarValue::Array(array)) => Ok((Arc::clone(array), false)),
            Some(ColumnarValue::Scalar(scalar)) => Ok((scalar.to_array()?, true)),
            None => exec_err!("{} has no argument {}", self.name, index + 1),
        }
    }

    /// An argument with as many values as there are rows.
    pub fn full_array(&self, index: usize) -> Result<ArrayRef> {
        match self.arguments.get(index) {
            Some(value) => value.to_array(self.rows),
            None => exec_err!("{} has no argument {}", self.name, index + 1),
        }
    }

    pub fn texts(&self, index: usize) -> Result<Texts> {
        let (array, constant) = self.array(index)?;
        Texts::new(&array, constant)
    }

    pub fn bytes(&self, index: usize) -> Result<Bytes> {
        let (array, constant) = self.array(index)?;
        Bytes::new(&array, constant)
    }

    pub fn integers(&self, index: usize) -> Result<Integers> {
        let (array, constant) = self.array(index)?;
        Integers::new(&array, constant)
    }

    pub fn doubles(&self, index: usize) -> Result<Doubles> {
        let (array, constant) = self.array(index)?;
        Doubles::new(&array, constant)
    }

    pub fn booleans(&self, index: usize) -> Result<Booleans> {
        let (array, constant) = self.array(index)?;
        Booleans::new(&array, constant)
    }

    pub fn has(&self, index: usize) -> bool {
        index < self.arguments.len()
    }

    pub fn optional_texts(&self, index: usize) -> Result<Option<Texts>> {
        self.has(index).then(|| self.texts(index)).transpose()
    }

    pub fn optional_integers(&self, index: usize) -> Result<Option<Integers>> {
        self.has(index).then(|| self.integers(index)).transpose()
    }

    /// The texts from an argument on.
    pub fn texts_from(&self, first: usize) -> Result<Vec<Texts>> {
        (first..self.count()).map(|index| self.texts(index)).collect()
    }

    /// What another function gives for the same arguments.
    pub fn by(&self, function: &ScalarUDF, return_type: &DataType) -> Result<ArrayRef> {
        let fields = self.arguments.iter().map(|value| Arc::new(Field::new("value", value.data_type(), true)));
        let value = function.inner().invoke_with_args(ScalarFunctionArgs {
            args: self.arguments.clone(),
            arg_fields: fields.collect(),
            number_rows: self.rows,
            return_field: Arc::new(Field::new(self.name, return_type.clone(), true)),
            config_options: Arc::clone(&self.config),
        })?;
        value.to_array(self.rows)
    }

    pub fn data_type(&self, index: usize) -> DataType {
        self.arguments.get(index).map_or(DataType::Null, ColumnarValue::data_type)
    }

    pub fn is_bytes(&self, index: usize) -> bool {
        self.data_type(index) == DataType::BinaryView
    }
}

/// An array in the type that is wanted of it.
pub fn cast_to(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if array.data_type() == data_type { Ok(Arc::clone(array)) } else { Ok(cast(array, data_type)?) }
}

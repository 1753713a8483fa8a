//! `(SELECT x FROM u WHERE u.a = t.a)` as a value: the only row's, NULL without one, an error with two

use std::mem::size_of_val;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};

use crate::error::Error;

static ONLY_VALUE: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::from(OnlyValue { signature: Signature::any(1, Volatility::Immutable) })));

/// The value of the only row of a group.
pub fn only_value(expr: Expr) -> Expr {
    ONLY_VALUE.call(vec![expr])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OnlyValue {
    signature: Signature,
}

impl AggregateUDFImpl for OnlyValue {
    fn name(&self) -> &str {
        "ostrich_only_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value] => Ok(value.clone()),
            _ => internal_err!("{} takes one value", self.name()),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let value = args.return_field.data_type().clone();
        Ok(vec![
            Arc::new(Field::new(format!("{}[value]", args.name), value, true)),
            Arc::new(Field::new(format!("{}[has_row]", args.name), DataType::Boolean, false)),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Only { value: ScalarValue::try_new_null(args.return_field.data_type())?, has_row: false }))
    }
}

#[derive(Debug)]
struct Only {
    value: ScalarValue,
    has_row: bool,
}

impl Only {
    fn add(&mut self, values: &dyn Array, row: usize) -> Result<()> {
        if self.has_row {
            return Err(several_rows());
        }
        self.value = ScalarValue::try_from_array(values, row)?;
        // The batch can go before the value does.
        self.value.compact();
        self.has_row = true;
        Ok(())
    }
}

impl Accumulator for Only {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else { return internal_err!("one column is needed") };
        match values.len() {
            0 => Ok(()),
            1 => self.add(values, 0),
            _ => Err(several_rows()),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, has_row] = states else { return internal_err!("two columns are needed") };
        let Some(has_row) = has_row.as_any().downcast_ref::<BooleanArray>() else {
            return internal_err!("whether there was a row is a boolean");
        };
        (0..has_row.len()).filter(|row| has_row.value(*row)).try_for_each(|row| self.add(values, row))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::Boolean(Some(self.has_row))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size() - size_of_val(&self.value)
    }
}

fn several_rows() -> DataFusionError {
    Error::statement("a subquery that is used as a value has more than one row")
        .help("use max() or LIMIT 1 in it, or a JOIN for all of its rows")
        .into()
}

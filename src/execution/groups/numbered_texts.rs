//! Texts as numbers, and back, for the time of a statement: what [`crate::optimizer::numbered_texts`] puts into a plan.
//!
//! A text's number is the same wherever the two functions share their [`NumberedTexts`], and only there.

use std::fmt::{self, Debug, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::buffer::ScalarBuffer;
use datafusion::arrow::compute::{cast, max, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, StringViewType, UInt32Type};
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use parking_lot::Mutex;

use super::texts::TextNumbers;

/// The texts of one column, with numbers that are given when a text is first seen.
pub struct NumberedTexts {
    /// Of the column.
    data_type: DataType,
    texts: Mutex<Texts>,
}

struct Texts {
    numbers: TextNumbers<StringViewType>,
    /// By their numbers, as many as there were when one was last asked for.
    known: ArrayRef,
    memory: MemoryReservation,
}

impl Debug for NumberedTexts {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.debug_struct("NumberedTexts").field("data_type", &self.data_type).finish_non_exhaustive()
    }
}

impl NumberedTexts {
    /// For a column of text. `None`: it is none.
    pub fn new(data_type: &DataType, pool: &Arc<dyn MemoryPool>) -> Option<Arc<Self>> {
        if !matches!(data_type, DataType::Utf8View | DataType::Utf8 | DataType::LargeUtf8) {
            return None;
        }
        let mut numbers = TextNumbers::new();
        let texts = Texts {
            known: numbers.take(false),
            numbers,
            memory: MemoryConsumer::new("texts of groups").register(pool),
        };
        Some(Arc::new(NumberedTexts { data_type: data_type.clone(), texts: Mutex::new(texts) }))
    }

    fn numbers_of(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let mut of_rows = Vec::with_capacity(column.len());
        {
            let Texts { numbers, memory, .. } = &mut *self.texts.lock();
            numbers.number(column, &mut of_rows)?;
            memory.try_resize(numbers.size())?;
        }
        Ok(Arc::new(UInt32Array::new(ScalarBuffer::from(of_rows), column.nulls().cloned())))
    }

    fn texts_of(&self, numbers: &ArrayRef) -> Result<ArrayRef> {
        let Some(numbers) = numbers.as_primitive_opt::<UInt32Type>() else {
            return internal_err!("texts by {}", numbers.data_type());
        };
        let greatest = max(numbers).unwrap_or_default() as usize;
        let known = {
            let texts = &mut *self.texts.lock();
            // While others are still being numbered, those that are asked for may be known.
            if texts.known.len() < greatest {
                texts.known = texts.numbers.texts();
            }
            Arc::clone(&texts.known)
        };
        // They are counted from 1.
        let places: UInt32Array = numbers.unary_opt(|number| number.checked_sub(1));
        let texts = take(&known, &places, None)?;
        Ok(if *texts.data_type() == self.data_type { texts } else { cast(&texts, &self.data_type)? })
    }
}

/// The number of a text.
pub fn number_of(text: Expr, texts: &Arc<NumberedTexts>) -> Expr {
    function("ostrich_number_of", Direction::NumberOf, texts).call(vec![text])
}

/// The text with a number.
pub fn text_of(number: Expr, texts: &Arc<NumberedTexts>) -> Expr {
    function("ostrich_text_of", Direction::TextOf, texts).call(vec![number])
}

/// The number that a call of [`text_of`] is given, and what numbers it.
pub fn under_text_of(expr: &Expr) -> Option<(&Expr, &Arc<NumberedTexts>)> {
    let (value, function) = call(expr)?;
    (function.direction == Direction::TextOf).then_some((value, &function.texts))
}

/// What a call of either of the functions is given, which has as many values as what it makes of it.
pub fn under_number_or_text(expr: &Expr) -> Option<&Expr> {
    call(expr).map(|(value, _)| value)
}

fn call(expr: &Expr) -> Option<(&Expr, &Function)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    Some((call.args.first()?, call.func.inner().downcast_ref::<Function>()?))
}

fn function(name: &'static str, direction: Direction, texts: &Arc<NumberedTexts>) -> ScalarUDF {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::from(Function { name, direction, texts: Arc::clone(texts), signature })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Direction {
    NumberOf,
    TextOf,
}

#[derive(Debug)]
struct Function {
    name: &'static str,
    direction: Direction,
    texts: Arc<NumberedTexts>,
    signature: Signature,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.direction == other.direction && Arc::ptr_eq(&self.texts, &other.texts)
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.direction.hash(state);
        Arc::as_ptr(&self.texts).hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.direction {
            Direction::NumberOf => DataType::UInt32,
            Direction::TextOf => self.texts.data_type.clone(),
        })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [field] = arguments.arg_fields else { return internal_err!("{} takes one value", self.name) };
        let made = Field::new(self.name, self.return_type(&[])?, field.is_nullable());
        Ok(Arc::new(made.with_metadata(field.metadata().clone())))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let Some(value) = arguments.args.into_iter().next() else { return exec_err!("{} takes one value", self.name) };
        let value = value.into_array(rows)?;
        Ok(ColumnarValue::Array(match self.direction {
            Direction::NumberOf => self.texts.numbers_of(&value)?,
            Direction::TextOf => self.texts.texts_of(&value)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{StringArray, StringViewArray};
    use datafusion::execution::memory_pool::{GreedyMemoryPool, UnboundedMemoryPool};

    use super::*;

    #[test]
    fn texts_are_what_they_were() {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let texts = NumberedTexts::new(&DataType::Utf8, &pool).unwrap();
        let long = "a text that is longer than a view has room for";
        let first: ArrayRef = Arc::new(StringArray::from(vec![Some(long), None, Some(""), Some(long), Some("b")]));
        let numbers = texts.numbers_of(&first).unwrap();
        let [a, empty, again, b] = [0, 2, 3, 4].map(|row| numbers.as_primitive::<UInt32Type>().value(row));
        assert_eq!(a, again);
        assert!(a != empty && empty != b && a != b);
        assert_eq!(numbers.null_count(), 1);
        assert_eq!(&texts.texts_of(&numbers).unwrap(), &first);
        // More texts come, and are known; the numbers before mean what they meant.
        let second: ArrayRef = Arc::new(StringArray::from(vec![Some("c"), Some("b")]));
        let more = texts.numbers_of(&second).unwrap();
        assert_eq!(&texts.texts_of(&more).unwrap(), &second);
        assert_eq!(&texts.texts_of(&numbers).unwrap(), &first);
        assert_eq!(more.as_primitive::<UInt32Type>().value(1), b);
    }

    #[test]
    fn memory_is_asked_for() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100_000));
        let texts = NumberedTexts::new(&DataType::Utf8View, &pool).unwrap();
        let rows = |from: usize| -> ArrayRef {
            Arc::new(StringViewArray::from_iter_values((from..from + 1000).map(|n| format!("a rather long text: {n}"))))
        };
        let refused = (0..1000).find_map(|batch| texts.numbers_of(&rows(batch * 1000)).err());
        assert!(refused.is_some_and(|error| error.to_string().contains("texts of groups")));
        drop(texts);
        assert_eq!(pool.reserved(), 0);
    }
}

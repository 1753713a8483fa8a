//! From the generators' rows to Arrow batches.
//!
//! The generators have one struct per table, and all of them print as the benchmarks' classic text: fields that end
//! in `|`, an empty one for NULL. Reading that text with the table's schema is one way for 33 tables.

use std::fmt::{Display, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Builder, Decimal128Builder, Int32Builder, Int64Builder, RecordBatch, StringViewBuilder,
};
use arrow::compute::kernels::cast_utils::{Parser, parse_decimal};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, SchemaRef};

use crate::error::{Error, Result};

/// Rows in a batch: enough that the writers' cost per batch does not count, few enough to stay in the cache.
const BATCH_ROWS: usize = 16_384;

/// Appends the next row's text to the line it is given; `false` when there are no more.
pub(super) type RowSource = Box<dyn FnMut(&mut String) -> Result<bool> + Send>;

/// A source that prints the rows of a generator.
pub(super) fn rows_of<I>(rows: I) -> RowSource
where
    I: Iterator + Send + 'static,
    I::Item: Display,
{
    let mut rows = rows;
    Box::new(move |line| {
        let Some(row) = rows.next() else { return Ok(false) };
        write!(line, "{row}").map_err(|_| Error::statement("a generated row could not be printed"))?;
        Ok(true)
    })
}

/// Reads rows in text form into batches of a schema.
pub(super) struct BatchReader {
    schema: SchemaRef,
    source: RowSource,
    /// A text that means NULL, besides the empty one.
    null_text: &'static str,
    columns: Vec<Column>,
    line: String,
}

impl BatchReader {
    pub(super) fn new(schema: SchemaRef, source: RowSource, null_text: &'static str) -> Result<Self> {
        let columns = schema.fields().iter().map(|field| Column::new(field.data_type())).collect::<Result<_>>()?;
        Ok(BatchReader { schema, source, null_text, columns, line: String::new() })
    }

    /// The next batch; `None` after the last row.
    pub(super) fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut rows = 0;
        while rows < BATCH_ROWS && self.next_row()? {
            rows += 1;
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        batch.map(Some).map_err(|error| Error::statement(format!("the generated rows do not fit the table: {error}")))
    }

    fn next_row(&mut self) -> Result<bool> {
        self.line.clear();
        if !(self.source)(&mut self.line)? {
            return Ok(false);
        }
        let mut fields = self.line.split_terminator('|');
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            let text = fields.next().ok_or_else(|| misfit(&self.line, "it ends too early"))?;
            let value = (!text.is_empty() && text != self.null_text).then_some(text);
            if !column.append(value) {
                return Err(misfit(&self.line, format!("\"{text}\" is no {} for {}", field.data_type(), field.name())));
            }
        }
        match fields.next() {
            None => Ok(true),
            Some(_) => Err(misfit(&self.line, "it has too many fields")),
        }
    }
}

fn misfit(line: &str, why: impl Display) -> Error {
    Error::statement(format!("a generated row does not fit its table: {why}")).help(format!("the row: {line}"))
}

/// The values of one column, growing.
enum Column {
    Integer(Int32Builder),
    BigInt(Int64Builder),
    Date(Date32Builder),
    Decimal(Decimal128Builder, u8, i8),
    Text(StringViewBuilder),
}

impl Column {
    fn new(data_type: &DataType) -> Result<Self> {
        Ok(match data_type {
            DataType::Int32 => Column::Integer(Int32Builder::with_capacity(BATCH_ROWS)),
            DataType::Int64 => Column::BigInt(Int64Builder::with_capacity(BATCH_ROWS)),
            DataType::Date32 => Column::Date(Date32Builder::with_capacity(BATCH_ROWS)),
            DataType::Decimal128(precision, scale) => Column::Decimal(
                Decimal128Builder::with_capacity(BATCH_ROWS).with_data_type(data_type.clone()),
                *precision,
                *scale,
            ),
            DataType::Utf8View => Column::Text(StringViewBuilder::with_capacity(BATCH_ROWS)),
            other => return Err(Error::statement(format!("no generated table has a column of type {other}"))),
        })
    }

    /// Adds a value, or NULL; `false` if the text is not one of this type.
    fn append(&mut self, text: Option<&str>) -> bool {
        /// `None` if the text does not parse; `Some(None)` for NULL.
        fn parsed<T>(text: Option<&str>, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
            text.map_or(Some(None), |text| parse(text).map(Some))
        }
        let appended = match self {
            Column::Integer(values) => parsed(text, |text| text.parse().ok()).map(|value| values.append_option(value)),
            Column::BigInt(values) => parsed(text, |text| text.parse().ok()).map(|value| values.append_option(value)),
            Column::Date(values) => parsed(text, Date32Type::parse).map(|value| values.append_option(value)),
            Column::Decimal(values, precision, scale) => {
                parsed(text, |text| parse_decimal::<Decimal128Type>(text, *precision, *scale).ok())
                    .map(|value| values.append_option(value))
            }
            Column::Text(values) => {
                values.append_option(text);
                Some(())
            }
        };
        appended.is_some()
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Integer(values) => Arc::new(values.finish()),
            Column::BigInt(values) => Arc::new(values.finish()),
            Column::Date(values) => Arc::new(values.finish()),
            Column::Decimal(values, _, _) => Arc::new(values.finish()),
            Column::Text(values) => Arc::new(values.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::schema_of;
    use super::*;
    use arrow::util::pretty::pretty_format_batches;

    fn read(rows: Vec<&'static str>, null_text: &'static str) -> Result<Vec<RecordBatch>> {
        let ddl = "CREATE TABLE t (i INTEGER, b BIGINT, n DECIMAL(7, 2), d DATE, s VARCHAR NOT NULL)";
        let mut reader = BatchReader::new(schema_of(ddl, "t")?, rows_of(rows.into_iter()), null_text)?;
        std::iter::from_fn(|| reader.next_batch().transpose()).collect()
    }

    #[test]
    fn every_type_and_null_is_read() {
        let batches = read(vec!["1|2|-3.45|1998-12-01|a \"b|", "||||NULL|", "NULL|7|0.10||x|"], "").map(drop);
        let error = batches.expect_err("NULL is no number unless it is the table's null text");
        assert!(error.message().contains("\"NULL\" is no Int32 for i"), "{error}");

        let batches = read(vec!["1|2|-3.45|1998-12-01|a \"b|", "NULL||0.10||x|"], "NULL").expect("rows fit");
        insta::assert_snapshot!(pretty_format_batches(&batches).expect("prints"), @r#"
        +---+---+-------+------------+------+
        | i | b | n     | d          | s    |
        +---+---+-------+------------+------+
        | 1 | 2 | -3.45 | 1998-12-01 | a "b |
        |   |   | 0.10  |            | x    |
        +---+---+-------+------------+------+
        "#);
    }

    #[test]
    fn a_row_that_does_not_fit_is_an_error() {
        for (row, why) in [
            ("1|2|3.00|1998-12-01|", "ends too early"),
            ("1|2|3.00|1998-12-01|x|y|", "too many fields"),
            ("1|2|3.00|1998-13-01|x|", "\"1998-13-01\" is no Date32 for d"),
            ("1|2|3.00|1998-12-01||", "fit the table"),
        ] {
            let error = read(vec![row], "").expect_err(row);
            assert!(error.to_string().contains(why), "{row}: {error}");
        }
    }

    #[test]
    fn batches_are_bounded_and_lose_no_row() {
        let mut reader = BatchReader::new(
            schema_of("CREATE TABLE t (i INTEGER)", "t").expect("valid"),
            rows_of((0..BATCH_ROWS + 3).map(|i| format!("{i}|"))),
            "",
        )
        .expect("types are known");
        let sizes: Vec<_> = std::iter::from_fn(|| reader.next_batch().expect("reads")).map(|b| b.num_rows()).collect();
        assert_eq!(sizes, [BATCH_ROWS, 3]);
    }
}

//! Rows as texts, to compare them with stored answers.

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

/// The rows of a batch, a text a cell; NULL is `NULL`.
pub fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::new();
    let formatters: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("every type can be shown"))
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            let cells = batch.columns().iter().zip(&formatters);
            cells
                .map(|(column, formatter)| match column.is_null(row) {
                    true => "NULL".to_string(),
                    false => formatter.value(row).to_string(),
                })
                .collect()
        })
        .collect()
}

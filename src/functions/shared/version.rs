//! `version()`, which is ours and not DataFusion's

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringViewArray};
use datafusion::error::Result;

use crate::functions::define::{Call, Function, Gives};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "version",
                syntax: "version()",
                line: "The version of Ostrich.",
                example: "SELECT starts_with(version(), 'Ostrich ')",
                gives: "true",
            },
            &[],
            Gives::Text,
            version,
        )
        .entry(),
    ]
}

fn version(call: &Call) -> Result<ArrayRef> {
    let version = concat!("Ostrich ", env!("CARGO_PKG_VERSION"));
    Ok(Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(version, call.rows))))
}

//! What becomes of two types

use datafusion::arrow::datatypes::DataType;

/// The type in which values of two types meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::functions) enum Meeting {
    /// The dialect has nothing to say: DataFusion decides.
    Unsaid,
    /// Both become this.
    In(DataType),
    /// They do not: the statement is wrong.
    Never,
}

//! Who asks

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringViewArray};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use crate::functions::define::{Call, Function, Gives};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "current_user",
                syntax: "current_user()",
                line: "The name of the user who runs the query.",
                example: "SELECT length(current_user()) > 0",
                gives: "true",
            },
            &[],
            Gives::Text,
            current_user,
        )
        .aliases(&["logged_in_user"])
        .volatility(Volatility::Stable)
        .entry(),
    ]
}

fn current_user(call: &Call) -> Result<ArrayRef> {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.filter(|user| !user.is_empty()).unwrap_or_else(|| "unknown".to_owned());
    Ok(Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(user, call.rows))))
}

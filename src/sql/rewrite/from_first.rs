//! `FROM t` → `SELECT * FROM t`
//!
//! DataFusion's planner reads the list of columns, which is empty here: rows without columns would come out.

use sqlparser::ast::{Select, SelectFlavor};

use super::ast::all_columns;

pub(super) fn with_all_columns(select: &mut Select) {
    if select.flavor == SelectFlavor::FromFirstNoSelect {
        select.flavor = SelectFlavor::Standard;
        select.projection = vec![all_columns()];
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn from_alone_means_all_columns() {
        assert_eq!(rewritten("FROM t"), "SELECT * FROM t");
        assert_eq!(rewritten("SELECT a FROM (FROM t LIMIT 2) x"), "SELECT a FROM (SELECT * FROM t LIMIT 2) x");
        unchanged("FROM t SELECT a");
    }
}

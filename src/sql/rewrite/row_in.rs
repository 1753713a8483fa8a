//! `WHERE (a, b) IN (SELECT x, y FROM u)` → `WHERE EXISTS (SELECT 1 FROM (SELECT x, y FROM u) AS _rows (_c1, _c2) WHERE (_c1 = a AND _c2 = b))`
//!
//! DataFusion's IN takes one column. This is for conditions, where unknown is as good as false; NOT IN is true only if no row is equal or
//! may be: `NOT EXISTS (… WHERE (_c1 = a AND _c2 = b) IS NOT FALSE)`.

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
};

use super::Refusal;
use super::ast::{number, query_of, select_of};
use super::quantified::ROWS;
use super::rows::comparison;

/// The condition `(row) [NOT] IN (subquery)`.
pub(super) fn as_condition(row: Vec<Expr>, subquery: &Query, negated: bool) -> Result<Expr, Refusal> {
    let span = sqlparser::ast::Spanned::span(subquery);
    let names: Vec<Ident> = (1..=row.len()).map(|position| Ident::new(format!("_c{position}"))).collect();
    let alias = TableAlias {
        explicit: true,
        name: Ident::new(ROWS),
        columns: names.iter().map(|name| TableAliasColumnDef::from_name(&name.value)).collect(),
        at: None,
    };
    let rows =
        TableFactor::Derived { lateral: false, subquery: Box::new(subquery.clone()), alias: Some(alias), sample: None };
    let is_equal = comparison(names.into_iter().map(Expr::Identifier).collect(), &BinaryOperator::Eq, row)?;
    let mut select = select_of(vec![SelectItem::UnnamedExpr(number(1, span))], Some(rows));
    select.selection = Some(if negated { Expr::IsNotFalse(Box::new(is_equal)) } else { is_equal });
    let partners = query_of(SetExpr::Select(Box::new(select)));
    Ok(Expr::Exists { subquery: Box::new(partners), negated })
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::rewritten;

    #[test]
    fn a_row_is_in_a_query_that_has_an_equal_one() {
        assert_eq!(
            rewritten("SELECT 1 FROM t WHERE a > 0 AND (a, b + 1) IN (SELECT x, y FROM u)"),
            "SELECT 1 FROM t WHERE a > 0 AND EXISTS \
             (SELECT 1 FROM (SELECT x, y FROM u) AS _rows (_c1, _c2) WHERE (_c1 = a AND _c2 = (b + 1)))"
        );
        assert_eq!(
            rewritten("SELECT 1 FROM t WHERE (a, b) NOT IN (SELECT x, y FROM u)"),
            "SELECT 1 FROM t WHERE NOT EXISTS \
             (SELECT 1 FROM (SELECT x, y FROM u) AS _rows (_c1, _c2) WHERE (_c1 = a AND _c2 = b) IS NOT FALSE)"
        );
    }
}

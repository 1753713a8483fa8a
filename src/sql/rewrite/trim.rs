//! `trim(LEADING 'xax', 'x')` → `trim(LEADING 'x' FROM 'xax')`
//!
//! Before a comma the parser forgets which side was meant, so the word is looked up in the text. Of several characters behind
//! the comma DataFusion reads the first only; refused.

use sqlparser::ast::{Expr, Spanned, TrimWhereField};

use super::Refusal;
use super::text::word_before;
use crate::sql::source::Source;

pub(super) fn to_datafusion(expr: &mut Expr, source: &Source) -> Result<(), Refusal> {
    let Expr::Trim { trim_where, trim_what, expr: value, trim_characters } = expr else { return Ok(()) };
    let Some([characters, others @ ..]) = trim_characters.as_deref() else { return Ok(()) };
    if let Some(other) = others.first() {
        return Err(Refusal::new("trim takes one string of characters", other.span())
            .help("put the characters into one string: trim(s, 'xy')"));
    }
    let side = match word_before(source, value.span().start).as_deref() {
        Some("LEADING") => TrimWhereField::Leading,
        Some("TRAILING") => TrimWhereField::Trailing,
        _ => return Ok(()),
    };
    *trim_where = Some(side);
    *trim_what = Some(Box::new(characters.clone()));
    *trim_characters = None;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{refused, rewritten, unchanged};

    #[test]
    fn the_side_in_front_of_a_comma_is_kept() {
        assert_eq!(
            rewritten("SELECT trim(LEADING 'xax', 'x'), trim(\n  trailing\n  s, 'x') FROM t"),
            "SELECT TRIM(LEADING 'x' FROM 'xax'), TRIM(TRAILING 'x' FROM s) FROM t"
        );
        assert_eq!(rewritten("SELECT trim(BOTH 'xax', 'x')"), "SELECT TRIM('xax', 'x')");
    }

    #[test]
    fn other_trims_are_left_alone() {
        unchanged("SELECT TRIM(s), TRIM(s, 'x'), TRIM(LEADING 'x' FROM s), TRIM(BOTH 'x' FROM s) FROM t");
    }

    #[test]
    fn characters_that_would_be_dropped_are_refused() {
        refused("SELECT trim('xyabcyx', 'x', ▸'y')", "trim takes one string of characters");
    }
}

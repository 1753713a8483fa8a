//! `x BETWEEN SYMMETRIC a AND b` → `(x BETWEEN a AND b OR x BETWEEN b AND a)`
//!
//! sqlparser knows neither SYMMETRIC nor ASYMMETRIC, which is what is meant without a word.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::AnsiDialect;

pub(super) fn symmetric(parser: &mut Parser, value: &Expr) -> Option<Result<Expr, ParserError>> {
    let is = |parser: &Parser, ahead: usize, words: &[&str]| match &parser.peek_nth_token_ref(ahead).token {
        Token::Word(word) => {
            word.quote_style.is_none() && words.iter().any(|text| word.value.eq_ignore_ascii_case(text))
        }
        _ => false,
    };
    let negated = is(parser, 0, &["NOT"]);
    let first = usize::from(negated);
    if !is(parser, first, &["BETWEEN"]) || !is(parser, first + 1, &["SYMMETRIC", "ASYMMETRIC"]) {
        return None;
    }
    let both_ways = is(parser, first + 1, &["SYMMETRIC"]);
    (0..first + 2).for_each(|_| {
        parser.next_token();
    });
    Some(bounds(parser).map(|(low, high)| {
        let between = |low: &Expr, high: &Expr| Expr::Between {
            expr: Box::new(value.clone()),
            negated: negated && !both_ways,
            low: Box::new(low.clone()),
            high: Box::new(high.clone()),
        };
        if !both_ways {
            return between(&low, &high);
        }
        let either = Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(between(&low, &high)),
            op: BinaryOperator::Or,
            right: Box::new(between(&high, &low)),
        }));
        match negated {
            true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(either) },
            false => either,
        }
    }))
}

fn bounds(parser: &mut Parser) -> Result<(Expr, Expr), ParserError> {
    let precedence = AnsiDialect.prec_value(Precedence::Between);
    let low = parser.parse_subexpr(precedence)?;
    parser.expect_keyword(Keyword::AND)?;
    Ok((low, parser.parse_subexpr(precedence)?))
}

#[cfg(test)]
mod tests {
    use crate::sql::rewrite::testing::{rewritten, unchanged};

    #[test]
    fn bounds_in_either_order() {
        for (written, becomes) in [
            ("x BETWEEN SYMMETRIC 3 AND 1", "(x BETWEEN 3 AND 1 OR x BETWEEN 1 AND 3)"),
            ("x NOT BETWEEN SYMMETRIC a AND b", "NOT (x BETWEEN a AND b OR x BETWEEN b AND a)"),
            ("x BETWEEN ASYMMETRIC 1 AND 2 AND y", "x BETWEEN 1 AND 2 AND y"),
            ("x NOT BETWEEN ASYMMETRIC 1 AND 2", "x NOT BETWEEN 1 AND 2"),
        ] {
            assert_eq!(
                rewritten(&format!("SELECT 1 FROM t WHERE {written}")),
                format!("SELECT 1 FROM t WHERE {becomes}")
            );
        }
        unchanged("SELECT 1 FROM t WHERE x BETWEEN symmetric_a AND b");
    }

    #[test]
    fn distinct_from_ends_before_and() {
        assert_eq!(
            rewritten("SELECT 1 FROM t WHERE a IS NOT DISTINCT FROM b AND c = 1 OR d IS DISTINCT FROM e + 1"),
            "SELECT 1 FROM t WHERE a IS NOT DISTINCT FROM b AND c = 1 OR d IS DISTINCT FROM e + 1"
        );
    }
}

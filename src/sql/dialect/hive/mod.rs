//! Hive's lexical habits: `"x"` is a string as `'x'` is, backslashes escape, only backticks make a name, and a name may
//! begin with a digit.

mod interval;

use std::any::TypeId;

use sqlparser::ast::{BinaryOperator, Expr, ObjectName};
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::{Keyword, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

#[derive(Debug)]
pub(super) struct HiveDialect;

impl Dialect for HiveDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<sqlparser::dialect::HiveDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn supports_select_item_multi_column_alias(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_numeric_prefix(&self) -> bool {
        true
    }

    fn supports_bang_not_operator(&self) -> bool {
        true
    }

    fn supports_from_first_select(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_struct_literal(&self) -> bool {
        true
    }

    fn supports_map_literal_with_angle_brackets(&self) -> bool {
        true
    }

    fn supports_limit_comma(&self) -> bool {
        true
    }

    fn supports_load_data(&self) -> bool {
        true
    }

    fn supports_table_sample_before_alias(&self) -> bool {
        true
    }

    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }

    fn supports_from_first_insert(&self) -> bool {
        true
    }

    /// `FROM t INSERT … SELECT a INSERT … SELECT b`: the second INSERT is no name of `a`.
    fn is_column_alias(&self, keyword: &Keyword, _: &mut Parser) -> bool {
        *keyword != Keyword::INSERT && !RESERVED_FOR_COLUMN_ALIAS.contains(keyword)
    }

    fn is_table_alias(&self, keyword: &Keyword, _: &mut Parser) -> bool {
        *keyword != Keyword::INSERT && !RESERVED_FOR_TABLE_ALIAS.contains(keyword)
    }

    /// Intervals have more forms than the parser knows. `array(1, 2)` and `struct(1, 2)` are functions' calls; the parser takes them for a
    /// subquery's and a literal's.
    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let Token::Word(word) = &parser.peek_token_ref().token else { return None };
        if word.keyword == Keyword::INTERVAL {
            return interval::parse(parser);
        }
        if !matches!(word.keyword, Keyword::ARRAY | Keyword::STRUCT)
            || parser.peek_nth_token_ref(1).token != Token::LParen
        {
            return None;
        }
        Some(parser.parse_identifier().and_then(|name| parser.parse_function(ObjectName::from(vec![name]))))
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::Word(_) if is_div(parser) => Some(Ok(self.prec_value(Precedence::MulDivModOp))),
            // Behind sums: `1 + 2 || 'x'` is '3x'.
            Token::StringConcat => Some(Ok(self.prec_value(Precedence::PlusMinus) - 1)),
            _ => None,
        }
    }

    /// `a DIV b`
    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        if !is_div(parser) {
            return super::distinct_from(parser, expr, precedence);
        }
        parser.next_token();
        Some(parser.parse_subexpr(precedence).map(|right| Expr::BinaryOp {
            left: Box::new(expr.clone()),
            op: BinaryOperator::MyIntegerDivide,
            right: Box::new(right),
        }))
    }
}

fn is_div(parser: &Parser) -> bool {
    matches!(&parser.peek_token_ref().token, Token::Word(word) if word.keyword == Keyword::DIV)
}

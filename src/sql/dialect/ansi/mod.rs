//! The default dialect: PostgreSQL's and Tajo's habits.
//!
//! `"x"` and `` `x` `` are names, `'x'` a string in which only `''` is special, `E'\n'` a string with escapes. To the
//! parser it passes for sqlparser's generic dialect, which accepts most of what the others do; what that one reads in a
//! surprising way (`/*! … */` as SQL, trailing commas, `#x` as a name) is off.

mod between;

use std::any::TypeId;

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, GenericDialect, Precedence};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

#[derive(Debug)]
pub(super) struct AnsiDialect;

/// Answers `true` to each named question.
macro_rules! supports {
    ($($question:ident),* $(,)?) => {
        $(fn $question(&self) -> bool { true })*
    };
}

impl Dialect for AnsiDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"' || ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    /// Behind sums, as PostgreSQL has it: `'x' || 1 + 2` is 'x3'. sqlparser lets `||` bind as `*` does, and shifts less than `&`.
    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::StringConcat | Token::ShiftLeft | Token::ShiftRight => {
                Some(Ok(self.prec_value(Precedence::PlusMinus) - 1))
            }
            _ => None,
        }
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        super::distinct_from(parser, expr, precedence).or_else(|| between::symmetric(parser, expr))
    }

    supports!(
        supports_filter_during_aggregation,
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_window_clause_named_window_reference,
        supports_window_function_null_treatment_arg,
        supports_select_wildcard_except,
        supports_select_wildcard_exclude,
        supports_select_wildcard_replace,
        supports_select_wildcard_rename,
        supports_select_wildcard_ilike,
        support_map_literal_syntax,
        supports_map_literal_with_angle_brackets,
        supports_struct_literal,
        supports_dictionary_syntax,
        supports_array_typedef_with_brackets,
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_extract_comma_syntax,
        supports_parens_around_table_factor,
        supports_values_as_table_factor,
        supports_left_associative_joins_without_parens,
        supports_from_first_select,
        supports_limit_comma,
        supports_try_convert,
        supports_bitwise_shift_operators,
        supports_named_fn_args_with_assignment_operator,
        supports_nested_comments,
        supports_unicode_string_literal,
        supports_string_escape_constant,
        supports_interval_options,
        supports_comma_separated_trim,
        supports_notnull_operator,
        supports_numeric_literal_underscores,
        supports_lambda_functions,
    );
}

#[cfg(test)]
mod tests {
    use sqlparser::ast::Expr;
    use sqlparser::parser::Parser;

    use super::AnsiDialect;

    /// The expression with every operation in parentheses.
    fn grouped(expr: &Expr) -> String {
        match expr {
            Expr::BinaryOp { left, op, right } => format!("({} {op} {})", grouped(left), grouped(right)),
            _ => expr.to_string(),
        }
    }

    #[test]
    fn concatenation_and_shifts_come_behind_sums() {
        for (written, meant) in [
            ("'a' || x % 10", "('a' || (x % 10))"),
            ("'a' || 1 + 2 || 'b' = c", "((('a' || (1 + 2)) || 'b') = c)"),
            ("1 << 2 + 1 & 3", "((1 << (2 + 1)) & 3)"),
        ] {
            let expr = Parser::new(&AnsiDialect).try_with_sql(written).unwrap().parse_expr().unwrap();
            assert_eq!(grouped(&expr), meant, "{written}");
        }
    }
}

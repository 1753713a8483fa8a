//! Hive's lexical habits: `"x"` is a string as `'x'` is, backslashes escape, only backticks make a name, and a name may
//! begin with a digit.

use std::any::TypeId;

use sqlparser::dialect::Dialect;

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

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_numeric_prefix(&self) -> bool {
        true
    }

    fn supports_bang_not_operator(&self) -> bool {
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
}

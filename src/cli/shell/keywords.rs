//! The words of SQL that are highlighted and completed.
//!
//! sqlparser knows a thousand, among them NAME, DATE and VALUE, which are names in most statements. These are the ones
//! that our statements are made of.

/// Sorted, in capitals.
pub(super) const KEYWORDS: &[&str] = &[
    "ADD",
    "ALL",
    "ALTER",
    "ANALYZE",
    "AND",
    "ANTI",
    "ANY",
    "ARRAY",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASCADE",
    "CASE",
    "CAST",
    "COLUMNS",
    "COMMENT",
    "COMPUTE",
    "CONSTRAINT",
    "COPY",
    "CREATE",
    "CROSS",
    "CUBE",
    "CURRENT",
    "DATABASE",
    "DATABASES",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISABLE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "ENABLE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXCLUDE",
    "EXISTS",
    "EXPLAIN",
    "EXTERNAL",
    "EXTRACT",
    "FALSE",
    "FETCH",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FOREIGN",
    "FORMAT",
    "FROM",
    "FULL",
    "FUNCTIONS",
    "GROUP",
    "GROUPING",
    "HAVING",
    "IF",
    "ILIKE",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "LAST",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCATION",
    "NATURAL",
    "NORELY",
    "NOT",
    "NOVALIDATE",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OPTIONS",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PARTITIONED",
    "PRECEDING",
    "PRIMARY",
    "QUALIFY",
    "RANGE",
    "RECURSIVE",
    "REFERENCES",
    "RELY",
    "RENAME",
    "REPLACE",
    "RESET",
    "RIGHT",
    "ROLLUP",
    "ROW",
    "ROWS",
    "SELECT",
    "SEMI",
    "SET",
    "SETS",
    "SHOW",
    "SIMILAR",
    "STATISTICS",
    "STORED",
    "TABLE",
    "TABLES",
    "TBLPROPERTIES",
    "TEMPORARY",
    "THEN",
    "TO",
    "TRUE",
    "UNBOUNDED",
    "UNION",
    "UNIQUE",
    "UNSET",
    "UPDATE",
    "USE",
    "USING",
    "VALIDATE",
    "VALUES",
    "VERBOSE",
    "VIEW",
    "VIEWS",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "WITHIN",
];

/// Words that a statement begins with.
pub(super) const STATEMENTS: &[&str] = &[
    "ALTER TABLE",
    "ANALYZE TABLE",
    "COPY",
    "CREATE",
    "DELETE FROM",
    "DESCRIBE",
    "DROP",
    "EXPLAIN",
    "FROM",
    "INSERT INTO",
    "RESET",
    "SELECT",
    "SET",
    "SHOW",
    "UPDATE",
    "USE",
    "VALUES",
    "WITH",
];

/// What an explanation can be, before the statement.
pub(super) const EXPLAINED: &[&str] = &["ANALYZE", "FORMAT", "RULES", "TUNE", "TUNE ANALYZE", "VERBOSE"];

/// What SHOW shows, besides settings.
pub(super) const SHOWN: &[&str] =
    &["ALL", "CATALOGS", "COLUMNS FROM", "CREATE TABLE", "DATABASES", "FUNCTIONS", "TABLES", "VARIABLES", "VIEWS"];

/// What is created and dropped.
pub(super) const CREATED: &[&str] =
    &["DATABASE", "EXTERNAL TABLE", "OR REPLACE", "TABLE", "TEMPORARY TABLE", "TEMPORARY VIEW", "VIEW"];
pub(super) const DROPPED: &[&str] = &["DATABASE", "TABLE", "VIEW"];

/// Types of columns, for casts and definitions.
pub(super) const TYPES: &[&str] =
    &["BIGINT", "BOOLEAN", "DATE", "DECIMAL", "DOUBLE", "FLOAT", "INT", "SMALLINT", "TIMESTAMP", "TINYINT", "VARCHAR"];

/// Whether a bare word is one of [`KEYWORDS`], in any case.
pub(super) fn is_keyword(word: &str) -> bool {
    word.len() <= 16 && KEYWORDS.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_so_that_it_can_be_searched() {
        assert!(KEYWORDS.is_sorted());
        assert!(is_keyword("select") && is_keyword("Within") && !is_keyword("name"));
        assert!(KEYWORDS.iter().all(|word| word.len() <= 16));
    }
}

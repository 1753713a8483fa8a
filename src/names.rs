//! Names as people write them: finding the one that was meant, and writing one so that it is read back unchanged.

use std::borrow::Cow;

/// The candidate that `wanted` most likely was meant to be, for a line such as `did you mean "customer_id"?`.
///
/// A name that differs in case only comes first. Else at most one edit in three characters is taken for a slip of the
/// keyboard; a name further away is more likely another name, and guessing it would mislead. Of equally near candidates
/// the first is taken.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let allowed = wanted.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let folded = candidate.to_lowercase();
            // Two names of one or two letters are always near to each other, but mean nothing by it.
            let distance = strsim::osa_distance(&wanted, &folded);
            let most = allowed.min(folded.chars().count().saturating_sub(1));
            (distance == 0 || distance <= most).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A name as it must stand in SQL to be read back as it is: in double quotes only when it needs them.
pub fn quote_identifier(name: &str) -> Cow<'_, str> {
    if is_plain(name) { Cow::Borrowed(name) } else { Cow::Owned(format!("\"{}\"", name.replace('"', "\"\""))) }
}

/// A text as an SQL string, in single quotes.
pub fn quote_string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a name needs no quotes: lower-case letters, digits and `_`, no digit in front, not a reserved word.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && RESERVED.binary_search(&name).is_err()
}

/// Words that the parser takes for syntax somewhere a name may stand, and those that PostgreSQL reserves, without
/// `default`: that is the name of a database. In alphabetical order.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary",
    "both", "case", "cast", "check", "collate", "collation", "column", "concurrently", "constraint", "create",
    "cross", "cube", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "deferrable", "desc", "directory", "distinct", "do", "else",
    "end", "except", "exists", "false", "fetch", "for", "foreign", "freeze", "from", "full", "fulltext",
    "grant", "group", "having", "ilike", "in", "index", "initially", "inner", "intersect", "interval", "into",
    "is", "isnull", "join", "key", "lateral", "leading", "left", "like", "limit", "local", "localtime",
    "localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only", "or", "order", "outer",
    "overlaps", "placing", "primary", "references", "returning", "right", "rollup", "select", "session_user",
    "similar", "some", "spatial", "struct", "symmetric", "system_user", "table", "tablesample", "then", "to",
    "top", "trailing", "trim", "true", "union", "unique", "unnest", "user", "using", "variadic", "verbose",
    "when", "where", "window", "with",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::dialect::Dialect;
    use sqlparser::keywords::ALL_KEYWORDS;
    use sqlparser::parser::Parser;

    #[test]
    fn nearest_finds_slips_of_the_keyboard() {
        let columns = ["o_custkey", "o_orderkey", "customer_id", "Größe"];
        assert_eq!(nearest("custmer_id", columns), Some("customer_id"));
        assert_eq!(nearest("o_orderkye", columns), Some("o_orderkey"));
        assert_eq!(nearest("CUSTOMER_ID", columns), Some("customer_id"));
        assert_eq!(nearest("grösse", columns), Some("Größe"));
    }

    #[test]
    fn nearest_does_not_guess() {
        assert_eq!(nearest("price", ["o_custkey", "quantity"]), None);
        assert_eq!(nearest("a", ["b", "id"]), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("", ["a"]), None);
    }

    #[test]
    fn nearest_takes_the_nearer_and_of_equals_the_first() {
        assert_eq!(nearest("order", ["orders2", "orders"]), Some("orders"));
        assert_eq!(nearest("orderx", ["orders", "ordery"]), Some("orders"));
        assert_eq!(nearest("ID", ["ie", "id"]), Some("id"));
    }

    #[test]
    fn names_are_quoted_only_when_they_must_be() {
        for plain in
            ["orders", "_a", "o_custkey2", "date", "value", "comment", "location", "timestamp", "open", "default"]
        {
            assert_eq!(quote_identifier(plain), plain);
        }
        for (name, quoted) in [
            ("Orders", "\"Orders\""),
            ("2020", "\"2020\""),
            ("a b", "\"a b\""),
            ("größe", "\"größe\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("it's", "\"it's\""),
            ("", "\"\""),
            ("select", "\"select\""),
            ("user", "\"user\""),
        ] {
            assert_eq!(quote_identifier(name), quoted);
        }
    }

    #[test]
    fn strings_double_their_quotes() {
        assert_eq!(quote_string("it's 'so' \"x\" \\"), "'it''s ''so'' \"x\" \\'");
        assert_eq!(quote_string(""), "''");
    }

    #[test]
    fn reserved_words_are_in_order() {
        assert!(RESERVED.is_sorted());
    }

    /// The parse tree of a text, without positions and without how names were quoted; `None` if it does not parse.
    fn tree(text: &str) -> Option<String> {
        let statements = Parser::parse_sql(Dialect::Ansi.tokens(), text).ok()?;
        let tree = format!("{statements:?}").replace("quote_style: Some('\"')", "quote_style: None");
        let without_positions = |part: &str| part.split_once("))").map_or(String::new(), |(_, rest)| rest.to_owned());
        let mut parts = tree.split("Span(Location(");
        let first = parts.next().unwrap_or_default().to_owned();
        Some(first + &parts.map(without_positions).collect::<String>())
    }

    #[test]
    fn no_keyword_loses_its_meaning_as_a_name() {
        // `#` is the name, wherever SHOW CREATE TABLE, completion or a message may write one.
        let texts = [
            "SELECT #, x AS #, #.a, t.#, f(#), # + 1, (#) FROM # WHERE # = 1 GROUP BY #, x ORDER BY #, # DESC",
            "SELECT # x FROM #.# JOIN # USING (#) JOIN # u ON u.# = #.#",
            "CREATE TABLE #.# (# INT, x STRUCT<# INT>, # VARCHAR, PRIMARY KEY (#), FOREIGN KEY (#) REFERENCES # (#))",
            "CREATE VIEW #.# (#, b) AS SELECT 1",
            "INSERT INTO # (#) SELECT 1",
            "DROP TABLE #",
        ];
        for keyword in ALL_KEYWORDS {
            let keyword = keyword.to_lowercase();
            for text in texts {
                let quoted = tree(&text.replace('#', &format!("\"{keyword}\"")));
                assert!(quoted.is_some(), "{text} with \"{keyword}\"");
                assert_eq!(tree(&text.replace('#', &quote_identifier(&keyword))), quoted, "{text} with {keyword}");
            }
        }
    }
}

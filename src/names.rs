//! Names: how they are quoted, and which one was probably meant.

use sqlparser::keywords::{ALL_KEYWORDS, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS};

/// The candidate nearest to `wanted`, if one is near enough to have been meant: at most a third of its letters differ.
/// Case does not count.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let limit = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `name` as it has to be written in SQL: as it is where that means the same, else in double quotes.
pub fn quote_identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !is_reserved(name);
    if plain { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Words that would be read as the start of a clause if they stood bare.
fn is_reserved(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    ALL_KEYWORDS.iter().position(|keyword| *keyword == upper).is_some_and(|index| {
        sqlparser::keywords::ALL_KEYWORDS_INDEX.get(index).is_some_and(|keyword| {
            RESERVED_FOR_COLUMN_ALIAS.contains(keyword) || RESERVED_FOR_TABLE_ALIAS.contains(keyword)
        })
    }) || [
        "ALL",
        "AND",
        "AS",
        "CASE",
        "DEFAULT",
        "DISTINCT",
        "EXISTS",
        "FALSE",
        "IN",
        "INTERVAL",
        "IS",
        "NOT",
        "NULL",
        "OR",
        "TABLE",
        "TRUE",
        "PRIMARY",
        "UNIQUE",
        "FOREIGN",
        "CONSTRAINT",
        "CAST",
        "EXTRACT",
        "CREATE",
        "DROP",
        "INSERT",
    ]
    .contains(&upper.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_one_that_could_have_been_meant() {
        let columns = ["customer_id", "o_orderkey", "amount"];
        assert_eq!(nearest("custmer_id", columns), Some("customer_id"));
        assert_eq!(nearest("AMUONT", columns), Some("amount"));
        assert_eq!(nearest("zebra", columns), None);
    }

    #[test]
    fn names_are_quoted_only_when_they_have_to_be() {
        assert_eq!(quote_identifier("o_orderkey"), "o_orderkey");
        assert_eq!(quote_identifier("OrderKey"), "\"OrderKey\"");
        assert_eq!(quote_identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote_identifier("select"), "\"select\"");
        assert_eq!(quote_identifier("2nd"), "\"2nd\"");
        assert_eq!(quote_identifier(""), "\"\"");
    }
}

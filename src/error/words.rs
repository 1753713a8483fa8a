//! DataFusion's and Arrow's words in messages, in SQL's: `Utf8 + Int64` → `VARCHAR + BIGINT`, `Int64(1)` → `1`.

/// Arrow's names of types, and SQL's.
const TYPES: &[(&str, &str)] = &[
    ("Utf8View", "VARCHAR"),
    ("LargeUtf8", "VARCHAR"),
    ("Utf8", "VARCHAR"),
    ("BinaryView", "BINARY"),
    ("LargeBinary", "BINARY"),
    ("Binary", "BINARY"),
    ("Boolean", "BOOLEAN"),
    ("Int8", "TINYINT"),
    ("Int16", "SMALLINT"),
    ("Int32", "INT"),
    ("Int64", "BIGINT"),
    ("UInt8", "TINYINT UNSIGNED"),
    ("UInt16", "SMALLINT UNSIGNED"),
    ("UInt32", "INT UNSIGNED"),
    ("UInt64", "BIGINT UNSIGNED"),
    ("Float32", "REAL"),
    ("Float64", "DOUBLE"),
    ("Decimal32", "DECIMAL"),
    ("Decimal64", "DECIMAL"),
    ("Decimal128", "DECIMAL"),
    ("Decimal256", "DECIMAL"),
    ("Date32", "DATE"),
    ("Date64", "DATE"),
];

/// The message with its types and literals as a user writes them.
pub(super) fn in_sql(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find(|c: char| c.is_ascii_uppercase()) {
        let (before, word_and_rest) = rest.split_at(start);
        text.push_str(before);
        let begins_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
            && (!before.is_empty() || !text.ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        let length =
            word_and_rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word_and_rest.len());
        let (word, after) = word_and_rest.split_at(length);
        let name = TYPES.iter().find(|(arrow, _)| begins_word && *arrow == word).map(|(_, sql)| *sql);
        match name {
            None => {
                text.push_str(word);
                rest = after;
            }
            Some(sql) => match literal(word, after) {
                Some((value, after)) => {
                    text.push_str(&value);
                    rest = after;
                }
                None => {
                    text.push_str(sql);
                    rest = after;
                }
            },
        }
    }
    text.push_str(rest);
    text
}

/// `(1)` behind `Int64`, `("x")` behind `Utf8`: a constant, as SQL writes it; and what follows it.
fn literal<'a>(word: &str, after: &'a str) -> Option<(String, &'a str)> {
    let inner = after.strip_prefix('(')?;
    if word.contains("Utf8") {
        let (value, rest) = inner.strip_prefix('"')?.split_once("\")")?;
        return Some((format!("'{value}'"), rest));
    }
    if word.starts_with("Decimal") {
        // `Decimal128(Some(105),3,1)` is a constant, `Decimal128(10, 2)` a type.
        return None;
    }
    let (value, rest) = inner.split_once(')')?;
    let is_constant = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    is_constant.then(|| (value.to_string(), rest))
}

#[cfg(test)]
mod tests {
    use super::in_sql;

    #[test]
    fn types_and_literals_are_sqls() {
        assert_eq!(
            in_sql("Cannot coerce arithmetic expression Utf8 + Int64"),
            "Cannot coerce arithmetic expression VARCHAR + BIGINT"
        );
        assert_eq!(in_sql("'sum(Int64(1))' is nested"), "'sum(1)' is nested");
        assert_eq!(in_sql("x = Utf8View(\"a b\") or Boolean(true)"), "x = 'a b' or true");
        assert_eq!(in_sql("Decimal128(10, 2)"), "DECIMAL(10, 2)");
    }

    #[test]
    fn names_that_only_look_like_types_stay() {
        for text in ["MyInt64", "Int64Column", "no column \"x\" in Foo", "Datum", "", "ÄInt"] {
            assert_eq!(in_sql(text), text);
        }
    }
}

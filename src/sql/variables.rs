//! Variables: `${name}` puts text into a statement, `:name` binds a value.
//!
//! | written | means |
//! |---|---|
//! | `${name}` | the variable `name`, else the setting of that name |
//! | `${hivevar:name}` | the variable `name` |
//! | `${hiveconf:name}` | the setting `name`, as given by `--conf` or SET |
//! | `${env:NAME}` | the environment variable `NAME` |
//!
//! Text is put in before the statement is parsed, in strings too, but not in comments. An undefined name is an error at
//! its place: a job that runs over the wrong day is worse than one that does not run.

use std::collections::BTreeMap;
use std::ops::Range;

use sqlparser::ast::{Value, ValueWithSpan};

use super::dialect::Dialect;

/// Variables and the settings that `${hiveconf:…}` may ask for.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    variables: BTreeMap<String, String>,
    settings: BTreeMap<String, String>,
}

impl Variables {
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.variables.insert(name.into(), value.into());
    }

    /// Returns whether it was there.
    pub fn unset(&mut self, name: &str) -> bool {
        self.variables.remove(name).is_some()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Makes a setting visible to `${hiveconf:name}`.
    pub fn set_setting(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.settings.insert(name.into(), value.into());
    }

    fn lookup(&self, reference: &str) -> Option<String> {
        match reference.split_once(':') {
            Some(("hivevar", name)) => self.variables.get(name).cloned(),
            Some(("hiveconf", name)) => self.settings.get(name).cloned(),
            Some(("env", name)) => std::env::var(name).ok(),
            Some(_) => None,
            None => self.variables.get(reference).or_else(|| self.settings.get(reference)).cloned(),
        }
    }

    /// The value that `:name` stands for: a number if the text is one, `true`, `false` or NULL, else a string.
    pub fn bound_value(&self, name: &str) -> Option<Value> {
        let text = self.variables.get(name)?;
        Some(match text.to_ascii_lowercase().as_str() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "null" => Value::Null,
            _ if is_number(text) => Value::Number(text.clone(), false),
            _ => Value::SingleQuotedString(text.clone()),
        })
    }

    /// Puts values in the place of all `${…}` in `text`.
    pub(crate) fn expand(&self, text: &str, dialect: Dialect) -> Result<Expanded, Undefined> {
        let mut expanded = Expanded { text: String::with_capacity(text.len()), edits: Vec::new() };
        let mut copied = 0;
        for range in references(text, dialect) {
            let reference = text[range.start + 2..range.end - 1].trim();
            let Some(value) = self.lookup(reference) else {
                return Err(Undefined { name: reference.to_string(), range });
            };
            expanded.text.push_str(&text[copied..range.start]);
            let start = expanded.text.len();
            expanded.text.push_str(&value);
            expanded.edits.push(Edit { expanded: start..expanded.text.len(), original: range.clone() });
            copied = range.end;
        }
        expanded.text.push_str(&text[copied..]);
        Ok(expanded)
    }
}

/// A literal that is not quoted when bound: digits with a sign and a fraction. `1e5` is one, `infinity` and `0x1F` are not.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+'))
        && text.parse::<f64>().is_ok()
}

/// A `${name}` that nothing defines, with its place in the text.
#[derive(Debug)]
pub(crate) struct Undefined {
    pub name: String,
    pub range: Range<usize>,
}

/// A text with its variables put in, and the way back to where each part came from.
#[derive(Debug)]
pub(crate) struct Expanded {
    pub text: String,
    edits: Vec<Edit>,
}

#[derive(Debug)]
struct Edit {
    expanded: Range<usize>,
    original: Range<usize>,
}

impl Expanded {
    /// Where a byte of the expanded text stands in the original; what a variable brought stands where the variable does.
    pub fn original_offset(&self, offset: usize) -> usize {
        let after = self.edits.partition_point(|edit| edit.expanded.start <= offset);
        match after.checked_sub(1).and_then(|index| self.edits.get(index)) {
            None => offset,
            Some(edit) if offset < edit.expanded.end => edit.original.start,
            Some(edit) => edit.original.end + (offset - edit.expanded.end),
        }
    }
}

/// The ranges of `${…}` outside comments. A small reader of its own, since the text is not yet SQL before they are filled in.
fn references(text: &str, dialect: Dialect) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut quote: Option<u8> = None;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        match (quote, bytes[at]) {
            (_, b'$') if rest.starts_with(b"${") => match rest.iter().position(|&byte| byte == b'}') {
                Some(length) => {
                    found.push(at..at + length + 1);
                    at += length;
                }
                None => return found,
            },
            (Some(open), b'\\') if open != b'`' && dialect.has_backslash_escapes() => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, byte @ (b'\'' | b'"' | b'`')) => quote = Some(byte),
            (None, b'-') if rest.starts_with(b"--") => {
                at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            }
            (None, b'/') if rest.starts_with(b"/*") => {
                at += rest.windows(2).skip(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 3);
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The bound literal, at the place of its `:name`.
pub(crate) fn with_span(value: Value, span: sqlparser::tokenizer::Span) -> ValueWithSpan {
    ValueWithSpan { value, span }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.set("dt", "2026-01-01");
        variables.set("t", "orders o");
        variables.set_setting("mapred.job.name", "nightly");
        variables
    }

    fn expand(text: &str) -> String {
        variables().expand(text, Dialect::Ansi).unwrap().text
    }

    #[test]
    fn values_are_put_in_also_in_strings_but_not_in_comments() {
        assert_eq!(expand("select '${dt}' from ${t} -- ${nothing}"), "select '2026-01-01' from orders o -- ${nothing}");
        assert_eq!(expand("select /* ${nothing} */ ${hivevar:t}"), "select /* ${nothing} */ orders o");
        assert_eq!(expand("'--' ${dt}"), "'--' 2026-01-01");
        assert_eq!(expand("${hiveconf:mapred.job.name}"), "nightly");
    }

    #[test]
    fn an_undefined_one_is_named_with_its_place() {
        let undefined = variables().expand("select ${oops}", Dialect::Ansi).unwrap_err();
        assert_eq!((undefined.name.as_str(), undefined.range), ("oops", 7..14));
    }

    #[test]
    fn offsets_lead_back_to_the_text_as_written() {
        let text = "a ${dt} b ${t} c";
        let expanded = variables().expand(text, Dialect::Ansi).unwrap();
        let b = expanded.text.find('b').unwrap();
        assert_eq!(expanded.original_offset(b), text.find('b').unwrap());
        let c = expanded.text.rfind('c').unwrap();
        assert_eq!(expanded.original_offset(c), text.rfind('c').unwrap());
        let inside = expanded.text.find("01-01").unwrap();
        assert_eq!(expanded.original_offset(inside), 2);
    }

    #[test]
    fn bound_values_have_the_type_their_text_shows() {
        let mut variables = Variables::default();
        for (text, value) in [
            ("42", Value::Number("42".into(), false)),
            ("-1.5e3", Value::Number("-1.5e3".into(), false)),
            ("true", Value::Boolean(true)),
            ("NULL", Value::Null),
            ("2026-01-01", Value::SingleQuotedString("2026-01-01".into())),
            ("1; drop table t", Value::SingleQuotedString("1; drop table t".into())),
            ("inf", Value::SingleQuotedString("inf".into())),
            ("", Value::SingleQuotedString(String::new())),
        ] {
            variables.set("v", text);
            assert_eq!(variables.bound_value("v"), Some(value), "for {text:?}");
        }
    }
}

//! How the CSV files of a table are written: what OPTIONS say, and what the first lines tell where these are silent.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::parsers::CompressionTypeVariant;

use super::infer::ColumnType;
use super::records::{Splitter, Step, Syntax, after_byte_order_mark};
use crate::error::Result;
use crate::storage::format::options::Options;
use crate::storage::format::split_compression;

/// Delimiters that are tried when none is given.
const DELIMITERS: [u8; 4] = [b',', b';', b'|', b'\t'];

/// How many records the first lines are taken to be.
const SNIFFED_RECORDS: usize = 200;

/// What OPTIONS say. `None` is left to the files.
#[derive(Debug, Clone, Default)]
pub(crate) struct CsvOptions {
    header: Option<bool>,
    delimiter: Option<u8>,
    /// `Some(None)`: no quotes.
    quote: Option<Option<u8>>,
    escape: Option<u8>,
    comment: Option<u8>,
    null: Option<String>,
    ragged: bool,
    skip: usize,
    compression: Option<CompressionTypeVariant>,
}

/// How the CSV files of a table are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub syntax: Syntax,
    /// Whether the first record of each file names the columns.
    pub header: bool,
    /// The unquoted text that means NULL.
    pub null: String,
    /// Whether a record may lack its last fields; they are NULL then.
    pub ragged: bool,
    /// Lines at the start of each file that are passed over.
    pub skip: usize,
    pub compression: CompressionTypeVariant,
}

impl CsvOptions {
    /// The options of CSV, TSV and other delimited text:
    ///
    /// | option | |
    /// |---|---|
    /// | `header` | `true`, `false`, or `auto` (the default): see [`Dialect::sniff`] |
    /// | `delimiter` | one character; found in the first lines when not given |
    /// | `quote` | `"` when not given; empty for none |
    /// | `escape` | makes the next character a plain one; without it a quote within quotes is doubled |
    /// | `comment` | lines that begin with it are left out |
    /// | `null` | the text that means NULL when it is not quoted; nothing at all when not given |
    /// | `ragged` | `true`: records may lack their last fields |
    /// | `skip` | number of lines before the header or the first record |
    /// | `compression` | `gzip`, `bzip2`, `xz`, `zstd`, `none`; by the file's extension when not given |
    pub(crate) fn parse(given: &BTreeMap<String, String>) -> Result<Self> {
        let mut options = Options::new("CSV", given);
        let header = match options.text(&["header", "has_header"]) {
            Some(text) if text.trim().eq_ignore_ascii_case("auto") => None,
            _ => options.boolean(&["header", "has_header"])?,
        };
        let delimiter = match options.text(&["delimiter", "delim", "sep"]) {
            Some(text) if text.trim().eq_ignore_ascii_case("auto") => None,
            Some(text) => match options.character(&["delimiter", "delim", "sep"])? {
                Some(Some(byte)) if byte != b'\n' && byte != b'\r' => Some(byte),
                _ => return Err(options.wrong("delimiter", text, "one character, such as ; or \\t")),
            },
            None => None,
        };
        let parsed = CsvOptions {
            header,
            delimiter,
            quote: options.character(&["quote"])?,
            escape: options.character(&["escape"])?.flatten(),
            comment: options.character(&["comment"])?.flatten(),
            null: options.text(&["null", "nullstr", "null_value"]).map(str::to_string),
            ragged: options.boolean(&["ragged", "truncated_rows"])?.unwrap_or(false),
            skip: options.number(&["skip"])?.unwrap_or(0),
            compression: options.compression()?,
        };
        let quote = parsed.quote.unwrap_or(Some(b'"'));
        if quote.is_some() && quote == parsed.delimiter {
            return Err(options.wrong("quote", "the delimiter", "another character than the delimiter"));
        }
        options.finish()?;
        Ok(parsed)
    }

    /// The compression of a file with this name.
    pub(crate) fn compression_of(&self, name: &str) -> CompressionTypeVariant {
        self.compression.unwrap_or_else(|| split_compression(&name.to_ascii_lowercase()).1)
    }

    pub(crate) fn has_delimiter(&self) -> bool {
        self.delimiter.is_some()
    }

    fn syntax(&self, delimiter: u8) -> Syntax {
        Syntax {
            delimiter,
            quote: self.quote.unwrap_or(Some(b'"')),
            escape: self.escape,
            comment: self.comment,
            trailing_delimiter: false,
        }
    }
}

impl Dialect {
    /// The dialect for a table without files: what is written into it is plain CSV with a header.
    pub(crate) fn of_new_table(options: &CsvOptions) -> Self {
        let compression = options.compression.unwrap_or(CompressionTypeVariant::UNCOMPRESSED);
        Dialect {
            syntax: options.syntax(options.delimiter.unwrap_or(b',')),
            header: options.header.unwrap_or(true),
            null: options.null.clone().unwrap_or_default(),
            ragged: options.ragged,
            skip: options.skip,
            compression,
        }
    }

    /// Finds delimiter and header in the first bytes of a file called `name`.
    ///
    /// The delimiter is that of `,` `;` `|` and tab which splits the first lines into the same number of fields, two at
    /// least; `.tsv` files have tabs and `.tbl` files have `|`.
    ///
    /// The first record is a header unless it fits the others: if all columns are text, or if some column holds numbers,
    /// dates or booleans below the first record and a text in it, then it is a header. A lone record is a header if all
    /// its fields are text. With `declared` columns, a first record that has their names is a header too.
    ///
    /// `is_whole` says that nothing follows the bytes.
    pub(crate) fn sniff(
        options: &CsvOptions,
        name: &str,
        start: &[u8],
        is_whole: bool,
        declared: Option<&Schema>,
    ) -> Self {
        let compression = options.compression_of(name);
        let lower = name.to_ascii_lowercase();
        let (stem, _) = split_compression(&lower);
        let data = after_byte_order_mark(start).map_or(start, |text| &start[text]);
        let data = after_lines(data, options.skip);
        let by_name = match stem.rsplit_once('.').map(|(_, extension)| extension) {
            Some("tsv") => Some(b'\t'),
            Some("tbl") => Some(b'|'),
            _ => None,
        };
        let delimiter = options.delimiter.or(by_name).unwrap_or_else(|| sniff_delimiter(options, data, is_whole));
        let mut syntax = options.syntax(delimiter);
        let mut records = first_records(syntax, data, is_whole);
        let ends_with_delimiter =
            |record: &Vec<Option<String>>| record.len() > 1 && matches!(record.last(), Some(None));
        if delimiter == b'|' && !records.is_empty() && records.iter().all(ends_with_delimiter) {
            syntax.trailing_delimiter = true;
            for record in &mut records {
                record.pop();
            }
        }
        let null = options.null.clone().unwrap_or_default();
        let header = options.header.unwrap_or_else(|| has_header(&records, &null, declared));
        Dialect { syntax, header, null, ragged: options.ragged, skip: options.skip, compression }
    }

    /// Tells apart dialects that find different columns in a file.
    pub(crate) fn fingerprint(&self) -> String {
        format!("{self:?}")
    }
}

/// The bytes after a number of lines.
pub(crate) fn after_lines(data: &[u8], lines: usize) -> &[u8] {
    match lines.checked_sub(1) {
        None => data,
        Some(last) => match memchr::memchr_iter(b'\n', data).nth(last) {
            Some(end) => &data[end + 1..],
            None => &[],
        },
    }
}

/// The first records; `None` stands for an unquoted empty field. A record that the bytes break off in is left out.
fn first_records(syntax: Syntax, data: &[u8], is_whole: bool) -> Vec<Vec<Option<String>>> {
    let mut splitter = Splitter::new(syntax);
    let mut rest = data;
    let mut records = Vec::new();
    while records.len() < SNIFFED_RECORDS {
        match splitter.step(rest, true) {
            Ok(Step::Record(taken)) => {
                let record = (0..splitter.fields()).filter_map(|index| {
                    let field = splitter.raw(rest, index)?;
                    let is_empty = field.bytes.is_empty() && !field.quoted;
                    Some((!is_empty).then(|| String::from_utf8_lossy(field.bytes).into_owned()))
                });
                records.push(record.collect());
                rest = &rest[taken..];
                if rest.is_empty() && !is_whole && !data.ends_with(b"\n") && records.len() > 1 {
                    records.pop();
                }
            }
            Ok(Step::Blank(taken) | Step::Comment(taken)) => rest = &rest[taken..],
            Ok(Step::Incomplete | Step::End) | Err(_) => break,
        }
    }
    records
}

fn sniff_delimiter(options: &CsvOptions, data: &[u8], is_whole: bool) -> u8 {
    // How many records have the first one's number of fields, and how many fields that are.
    let score = |delimiter: u8| {
        let records = first_records(options.syntax(delimiter), data, is_whole);
        let fields = records.first().map_or(0, Vec::len);
        let same = records.iter().filter(|record| record.len() == fields).count();
        let all_same = same == records.len();
        (fields > 1).then_some((all_same, same, fields))
    };
    let mut best = (b',', None);
    for delimiter in DELIMITERS {
        let score = score(delimiter);
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    best.0
}

fn has_header(records: &[Vec<Option<String>>], null: &str, declared: Option<&Schema>) -> bool {
    let Some((first, others)) = records.split_first() else { return true };
    if let Some(declared) = declared {
        let is_name = |cell: &Option<String>| {
            let cell = cell.as_deref().unwrap_or_default().trim();
            declared.fields().iter().any(|field| field.name().eq_ignore_ascii_case(cell))
        };
        if !first.is_empty() && first.iter().all(is_name) {
            return true;
        }
    }
    let type_of = |cell: Option<&Option<String>>| {
        let mut column = ColumnType::default();
        if let Some(Some(text)) = cell
            && text != null
        {
            column.see(text);
        }
        column.finish()
    };
    if others.is_empty() {
        return first.iter().all(|cell| type_of(Some(cell)) == DataType::Utf8View);
    }
    let mut all_text = true;
    for (index, name) in first.iter().enumerate() {
        let mut below = ColumnType::default();
        for text in others.iter().filter_map(|record| record.get(index)?.as_deref()) {
            if text != null {
                below.see(text);
            }
        }
        match below.finish() {
            DataType::Null | DataType::Utf8View => {}
            _ => {
                all_text = false;
                if type_of(Some(name)) == DataType::Utf8View {
                    return true;
                }
            }
        }
    }
    all_text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff(name: &str, text: &str) -> Dialect {
        Dialect::sniff(&CsvOptions::default(), name, text.as_bytes(), true, None)
    }

    fn delimiter(name: &str, text: &str) -> char {
        char::from(sniff(name, text).syntax.delimiter)
    }

    #[test]
    fn delimiters_are_found() {
        assert_eq!(delimiter("a.csv", "a,b\n1,2\n"), ',');
        assert_eq!(delimiter("a.csv", "a;b\n1,5;2\n3,5;4\n"), ';');
        assert_eq!(delimiter("a.txt", "a\tb c\n1\t2\n"), '\t');
        assert_eq!(delimiter("a.csv", "a|b|c\n\"x,y\"|1|2\n"), '|');
        assert_eq!(delimiter("a.csv", "single\n1\n2\n"), ',');
        assert_eq!(delimiter("a.tsv", "a,b\n"), '\t');
        assert_eq!(delimiter("a.tbl.gz", "a,b\n"), '|');
        // Ragged, but most lines agree.
        assert_eq!(delimiter("a.csv", "a,b,c\n1,2,3\n1,2\n1,2,3,4\n"), ',');
    }

    #[test]
    fn headers_are_found() {
        for (text, header) in [
            ("id,name\n1,x\n2,y\n", true),
            ("1,x\n2,y\n", false),
            ("name,city\nann,rome\n", true),
            ("day\n2026-01-01\n", true),
            ("2025-12-31\n2026-01-01\n", false),
            ("true\nfalse\n", false),
            ("id,name\n", true),
            ("1,name\n", false),
            (",a\n0,1\n", true),
            ("x,1\ny,2\n", false),
        ] {
            assert_eq!(sniff("a.csv", text).header, header, "{text:?}");
        }
    }

    #[test]
    fn declared_names_make_a_header() {
        let schema = Schema::new(vec![
            datafusion::arrow::datatypes::Field::new("2020", DataType::Int64, true),
            datafusion::arrow::datatypes::Field::new("2021", DataType::Int64, true),
        ]);
        let text = b"2020,2021\n1,2\n";
        assert!(Dialect::sniff(&CsvOptions::default(), "a.csv", text, true, Some(&schema)).header);
        assert!(!Dialect::sniff(&CsvOptions::default(), "a.csv", text, true, None).header);
    }

    #[test]
    fn tpch_files_end_their_records_with_a_delimiter() {
        assert!(sniff("nation.tbl", "0|ALGERIA|0|\n1|ARGENTINA|1|\n").syntax.trailing_delimiter);
        assert!(!sniff("nation.tbl", "0|ALGERIA|0\n1|ARGENTINA|\n").syntax.trailing_delimiter);
    }

    #[test]
    fn options_count_over_what_is_found() {
        let given = [("header", "false"), ("delimiter", "\\x01"), ("quote", ""), ("null", "\\N"), ("skip", "1")];
        let given = given.map(|(key, value)| (key.to_string(), value.to_string())).into();
        let options = CsvOptions::parse(&given).unwrap();
        let dialect = Dialect::sniff(&options, "a.csv", b"title\na,b\n1,2\n", true, None);
        assert_eq!((dialect.syntax.delimiter, dialect.syntax.quote, dialect.header), (1, None, false));
        assert_eq!((dialect.null.as_str(), dialect.skip), ("\\N", 1));
    }

    #[test]
    fn wrong_options_are_refused() {
        for (key, value) in
            [("delimiter", "ab"), ("delimiter", "\n"), ("header", "maybe"), ("qoute", "'"), ("skip", "x")]
        {
            let given = BTreeMap::from([(key.to_string(), value.to_string())]);
            assert!(CsvOptions::parse(&given).is_err(), "{key}={value}");
        }
        let same = BTreeMap::from([("delimiter".to_string(), ";".to_string()), ("quote".to_string(), ";".to_string())]);
        assert!(CsvOptions::parse(&same).is_err());
    }
}

//! Lines that a regular expression takes apart, as Hive's RegexSerDe does: each group is a column, and a line that does
//! not match as a whole is a row of NULLs.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::compute::regexp_is_match_scalar;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::datasource::file_format::write::BatchSerializer;
use datafusion::functions::regex::compile_regex;

use super::hive_values::{Column, ValueRules, unsupported};
use super::lines::{LineLayout, RowDecoder, RowFormat};
use super::options::Options;
use crate::error::{Error, Result};
use crate::functions::hive::text::java_regex::translate;

/// Where the groups of a line are; empty if the line does not match. A group that took no part is `None`.
type Groups = Vec<Option<(usize, usize)>>;

/// Finds the groups of a line.
type Matcher = Box<dyn FnMut(&str, &mut Groups) + Send>;

/// The format with the properties of one table.
#[derive(Debug)]
pub(crate) struct RegexSerde {
    /// The expression as it was written, for messages.
    written: String,
    /// The same over the whole line, in the syntax that is compiled.
    translated: String,
    groups: usize,
    layout: LineLayout,
}

impl RegexSerde {
    /// | property | |
    /// |---|---|
    /// | `input.regex` | the expression, in Java's syntax |
    /// | `input.regex.case.insensitive` | `true`: letters match in either case |
    pub(crate) fn new(given: &BTreeMap<String, String>) -> Result<Self> {
        let mut options = Options::new("REGEX", given);
        let Some(written) = options.text(&["input.regex"]) else {
            return Err(Error::statement("a table of RegexSerDe needs the property input.regex")
                .help("WITH SERDEPROPERTIES ('input.regex' = '([^ ]*) ([^ ]*)'), with a group for each column"));
        };
        let ignores_case = options.boolean(&["input.regex.case.insensitive"])?.unwrap_or(false);
        let flags = if ignores_case { "(?is)" } else { "(?s)" };
        let java = translate(&format!("{flags}{written}")).map_err(|what| {
            Error::statement(format!("the regular expression '{written}' cannot be used: it has {what}"))
                .help("write it without, or read the lines as one column and take them apart in a view")
        })?;
        let translated = format!("\\A(?:{})\\z", java.pattern);
        let Ok((_, groups)) = matcher(&translated) else { return Err(wrong(written, &translated)) };
        Ok(RegexSerde { written: written.to_string(), translated, groups, layout: LineLayout::parse(&mut options)? })
    }
}

/// The matcher of an expression, and how many groups it has.
fn matcher(pattern: &str) -> Result<(Matcher, usize), ArrowError> {
    let regex = compile_regex(pattern, None)?;
    let mut locations = regex.capture_locations();
    let groups = regex.captures_len() - 1;
    let find = move |line: &str, found: &mut Groups| {
        found.clear();
        if regex.captures_read(&mut locations, line).is_some() {
            found.extend((1..=groups).map(|group| locations.get(group)));
        }
    };
    Ok((Box::new(find), groups))
}

/// The error for an expression that does not compile, with the place in it.
fn wrong(written: &str, translated: &str) -> Error {
    // The place is told for what is compiled, and it should be one in what was written.
    let told = reason(written).or_else(|| reason(translated).map(|(_, why)| (None, why)));
    let (place, why) = told.unwrap_or_else(|| (None, "it is too large".to_string()));
    let place = place.map_or(String::new(), |place| format!(", at character {place}"));
    Error::statement(format!("the regular expression '{written}' is wrong{place}: {why}"))
        .help("in a string of SQL a backslash is written twice: '(\\\\d+)'")
}

/// The place of a mistake, counted from 1, and what it is; `None` if there is none.
fn reason(pattern: &str) -> Option<(Option<usize>, String)> {
    let ArrowError::ComputeError(told) = regexp_is_match_scalar(&StringArray::from(vec![""]), pattern, None).err()?
    else {
        return None;
    };
    let why = told.lines().find_map(|line| line.strip_prefix("error: "))?.to_string();
    // The pattern is shown behind four blanks, and below it the place.
    let mark = told.lines().find(|line| line.contains('^') && line.chars().all(|c| c == ' ' || c == '^'));
    let place = mark.and_then(|line| line.find('^')?.checked_sub(3));
    Some((place, why))
}

impl RowFormat for RegexSerde {
    fn name(&self) -> &'static str {
        "hive_regex"
    }

    fn layout(&self) -> &LineLayout {
        &self.layout
    }

    fn check(&self, schema: &Schema) -> Result<()> {
        if self.groups != schema.fields().len() {
            return Err(Error::statement(format!(
                "the regular expression '{}' has {}, and the table {}",
                self.written,
                counted(self.groups, "group"),
                counted(schema.fields().len(), "column"),
            ))
            .help("each pair of parentheses is a column; one that is none is written (?: … )"));
        }
        let cannot = |field: &&FieldRef| field.data_type().is_nested() || Column::new(field.data_type(), 0).is_none();
        match schema.fields().iter().find(cannot) {
            Some(field) => Err(unsupported(field, "a table of RegexSerDe")),
            None => Ok(()),
        }
    }

    fn decoder(&self, schema: &SchemaRef, columns: &[usize], rows: usize) -> Result<Box<dyn RowDecoder>> {
        let wanted: Vec<FieldRef> = columns.iter().map(|column| Arc::clone(&schema.fields()[*column])).collect();
        let builders = wanted
            .iter()
            .map(|field| {
                Column::new(field.data_type(), rows).ok_or_else(|| unsupported(field, "a table of RegexSerDe"))
            })
            .collect::<Result<Vec<_>>>()?;
        let Ok((matcher, _)) = matcher(&self.translated) else { return Err(wrong(&self.written, &self.translated)) };
        Ok(Box::new(RegexDecoder {
            matcher,
            found: Vec::with_capacity(self.groups),
            projected: Arc::new(Schema::new(wanted)),
            columns: columns.to_vec(),
            builders,
            rules: ValueRules::default(),
        }))
    }

    fn serializer(&self, _schema: &Schema) -> Result<Arc<dyn BatchSerializer>> {
        Err(Error::statement("tables of RegexSerDe are read, not written")
            .help("write to a table STORED AS TEXTFILE or PARQUET"))
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Makes rows of lines.
struct RegexDecoder {
    matcher: Matcher,
    found: Groups,
    projected: SchemaRef,
    /// The groups to read.
    columns: Vec<usize>,
    builders: Vec<Column>,
    rules: ValueRules,
}

impl RowDecoder for RegexDecoder {
    fn push(&mut self, line: &[u8]) -> Result<(), String> {
        let line = String::from_utf8_lossy(line);
        (self.matcher)(&line, &mut self.found);
        let matches = !self.found.is_empty();
        for (builder, column) in self.builders.iter_mut().zip(&self.columns) {
            let group = self.found.get(*column).copied().flatten();
            let text = group.and_then(|(start, end)| line.as_bytes().get(start..end));
            match (text, builder) {
                // Java takes whatever is not `true` for false, also a group that took no part.
                (_, Column::Boolean(values)) if matches => {
                    values.append_value(text.is_some_and(|text| text.eq_ignore_ascii_case(b"true")));
                }
                // Other than in delimited text, a whole number has no fraction here.
                (Some(text), builder @ (Column::Int8(_) | Column::Int16(_) | Column::Int32(_) | Column::Int64(_)))
                    if text.contains(&b'.') =>
                {
                    builder.push_null();
                }
                (Some(text), builder) => builder.push_text(text, &self.rules),
                (None, builder) => builder.push_null(),
            }
        }
        Ok(())
    }

    fn finish(&mut self, rows: usize) -> Result<RecordBatch, ArrowError> {
        let columns = self.builders.iter_mut().map(Column::finish).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.projected), columns, &options)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Field;
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

    use super::*;
    use crate::sql::types::parse_type;

    fn serde(properties: &[(&str, &str)]) -> Result<RegexSerde> {
        RegexSerde::new(&properties.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
    }

    fn rows(properties: &[(&str, &str)], types: &[&str], lines: &[&str]) -> Result<Vec<String>> {
        let fields = types.iter().map(|text| Field::new("c", parse_type(text).unwrap(), true));
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let serde = serde(properties)?;
        serde.check(&schema)?;
        let all: Vec<usize> = (0..types.len()).collect();
        let mut decoder = serde.decoder(&schema, &all, 4)?;
        lines.iter().for_each(|line| decoder.push(line.as_bytes()).unwrap());
        let batch = decoder.finish(lines.len()).unwrap();
        let options = FormatOptions::new().with_null("~");
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
        Ok((0..batch.num_rows()).map(row).collect())
    }

    #[test]
    fn groups_are_columns_and_a_line_matches_as_a_whole() {
        let found = rows(
            &[("input.regex", "(a+)(b)?,([0-9x]*)")],
            &["VARCHAR", "VARCHAR", "INT"],
            &["aab,1", "a,2", "zzz", "a,x", "a,", "aab,1 "],
        );
        assert_eq!(found.unwrap(), ["aa|b|1", "a|~|2", "~|~|~", "a|~|~", "a|~|~", "~|~|~"]);
    }

    #[test]
    fn other_types_are_javas() {
        let types = ["DATE", "DECIMAL(5, 2)", "BOOLEAN", "DOUBLE", "TIMESTAMP", "BIGINT"];
        let found = rows(
            &[("input.regex", "([^,]*),([^,]*),([^,]*),([^,]*),([^,]*),([^,]*)")],
            &types,
            &["2020-01-01,1.005,true,1.5,2020-01-01 00:00:00,5", "x,x,x,x,x,1.5", "x"],
        );
        assert_eq!(
            found.unwrap(),
            ["2020-01-01|1.01|true|1.5|2020-01-01T00:00:00|5", "~|~|false|~|~|~", "~|~|~|~|~|~"]
        );
    }

    #[test]
    fn case_matters_unless_it_is_said() {
        assert_eq!(rows(&[("input.regex", "(a)")], &["VARCHAR"], &["A"]).unwrap(), ["~"]);
        let properties = [("input.regex", "(a)"), ("input.regex.case.insensitive", "true")];
        assert_eq!(rows(&properties, &["VARCHAR"], &["A"]).unwrap(), ["A"]);
    }

    #[test]
    fn a_wrong_expression_is_told_with_its_place() {
        let error = serde(&[("input.regex", "([a-z]+) (b")]).unwrap_err();
        assert_eq!(error.message(), "the regular expression '([a-z]+) (b' is wrong, at character 10: unclosed group");
        assert!(serde(&[("input.regex", "(a)(?=b)")]).unwrap_err().message().contains("'(a)(?=b)'"));
        assert!(serde(&[]).unwrap_err().message().contains("input.regex"));
    }

    #[test]
    fn groups_and_columns_have_to_be_as_many() {
        let error = rows(&[("input.regex", "(a)(b)")], &["VARCHAR"], &[]).unwrap_err();
        assert_eq!(error.message(), "the regular expression '(a)(b)' has 2 groups, and the table 1 column");
        assert!(serde(&[("input.regex", "(a)")]).unwrap().serializer(&Schema::empty()).is_err());
    }
}

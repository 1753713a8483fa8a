//! Splits the bytes of a CSV file into records and fields.
//!
//! Unlike most CSV parsers this one keeps whether a field was quoted: an empty field is NULL and `""` is an empty string.

use std::ops::Range;

use memchr::{memchr, memchr2};

/// The characters that give a CSV file its structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub delimiter: u8,
    /// `None`: quotes mean nothing.
    pub quote: Option<u8>,
    /// Makes the next character a plain one: within quotes, or everywhere if there is no quote.
    pub escape: Option<u8>,
    /// Lines that begin with it are left out.
    pub comment: Option<u8>,
    /// Every record ends with a delimiter that begins no further field.
    pub trailing_delimiter: bool,
}

impl Default for Syntax {
    fn default() -> Self {
        Syntax { delimiter: b',', quote: Some(b'"'), escape: None, comment: None, trailing_delimiter: false }
    }
}

/// Where a field lies in the bytes that its record was read from.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    quoted: bool,
    /// Whether the bytes hold doubled quotes or escapes that have to be undone.
    escaped: bool,
}

/// The text of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldText<'a> {
    pub bytes: &'a [u8],
    pub quoted: bool,
    /// As it stands in the file, escapes included and quotes not: `\N` for NULL is no escaped N.
    pub raw: &'a [u8],
}

/// What was found at a place in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A record that took this many bytes, line end included. Its fields are in the splitter.
    Record(usize),
    /// A line without any character, of this many bytes with its end.
    Blank(usize),
    /// A comment of this many bytes.
    Comment(usize),
    /// The bytes end within a record; more are needed.
    Incomplete,
    /// The bytes are at their end.
    End,
}

/// Bytes that are no CSV. Lines count from 1 in the bytes that were split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub line: u64,
    pub why: &'static str,
}

/// Splits records one after the other, and counts lines.
#[derive(Debug, Clone)]
pub(crate) struct Splitter {
    syntax: Syntax,
    /// Which bytes end an unquoted field.
    stops: Box<[bool; 256]>,
    spans: Vec<Span>,
    /// The line that the next record begins on, from 1.
    next_line: u64,
    /// The line that the present record began on.
    line: u64,
    scratch: Vec<u8>,
}

impl Splitter {
    pub(crate) fn new(syntax: Syntax) -> Self {
        let mut stops = Box::new([false; 256]);
        for byte in [Some(syntax.delimiter), Some(b'\n'), syntax.unquoted_escape()].into_iter().flatten() {
            stops[usize::from(byte)] = true;
        }
        Splitter { syntax, stops, spans: Vec::new(), next_line: 1, line: 1, scratch: Vec::new() }
    }

    /// The line that the present record began on, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Counts lines that were passed over.
    pub(crate) fn skip_lines(&mut self, lines: u64) {
        self.next_line += lines;
    }

    /// How many fields the present record has.
    pub(crate) fn fields(&self) -> usize {
        self.spans.len()
    }

    /// Looks at the record at the start of `data`. `is_last` says that no bytes follow.
    pub(crate) fn step(&mut self, data: &[u8], is_last: bool) -> Result<Step, Malformed> {
        self.line = self.next_line;
        let Some(first) = data.first() else { return Ok(Step::End) };
        match (first, data.get(1)) {
            (b'\n', _) => {
                self.next_line += 1;
                return Ok(Step::Blank(1));
            }
            (b'\r', Some(b'\n')) => {
                self.next_line += 1;
                return Ok(Step::Blank(2));
            }
            (b'\r', None) if is_last => return Ok(Step::Blank(1)),
            (b'\r', None) => return Ok(Step::Incomplete),
            _ => {}
        }
        if self.syntax.comment == Some(*first) {
            return Ok(match memchr(b'\n', data) {
                Some(end) => {
                    self.next_line += 1;
                    Step::Comment(end + 1)
                }
                None if is_last => Step::Comment(data.len()),
                None => Step::Incomplete,
            });
        }
        self.record(data, is_last)
    }

    fn record(&mut self, data: &[u8], is_last: bool) -> Result<Step, Malformed> {
        self.spans.clear();
        let mut at = 0;
        let mut lines_within = 0;
        loop {
            let is_quoted = self.syntax.quote.is_some() && data.get(at).copied() == self.syntax.quote;
            let (span, after) = if is_quoted {
                match self.quoted_field(data, at, is_last, &mut lines_within)? {
                    Some(found) => found,
                    None => return Ok(Step::Incomplete),
                }
            } else {
                match self.unquoted_field(data, at, is_last) {
                    Some(found) => found,
                    None => return Ok(Step::Incomplete),
                }
            };
            self.spans.push(span);
            match data.get(after) {
                Some(byte) if *byte == self.syntax.delimiter => at = after + 1,
                Some(_) => {
                    self.end_record(lines_within + 1);
                    return Ok(Step::Record(after + 1));
                }
                None => {
                    self.end_record(lines_within);
                    return Ok(Step::Record(data.len()));
                }
            }
        }
    }

    fn end_record(&mut self, lines: u64) {
        self.next_line += lines;
        if self.syntax.trailing_delimiter
            && self.spans.len() > 1
            && self.spans.last().is_some_and(|span| span.start == span.end && !span.quoted)
        {
            self.spans.pop();
        }
    }

    /// The field at `at` and the place of the delimiter or line end after it, or the end of the data.
    fn unquoted_field(&self, data: &[u8], at: usize, is_last: bool) -> Option<(Span, usize)> {
        let mut end = at;
        let mut escaped = false;
        // The end of the last escape: what it made plain is no line end.
        let mut plain_until = at;
        loop {
            while end < data.len() && !self.stops[usize::from(data[end])] {
                end += 1;
            }
            match data.get(end) {
                Some(byte) if *byte == self.syntax.delimiter || *byte == b'\n' => break,
                // An escape, and the character that it makes a plain one.
                Some(_) if end + 1 < data.len() => {
                    escaped = true;
                    end += 2;
                    plain_until = end;
                }
                Some(_) if is_last => end = data.len(),
                None if is_last => break,
                _ => return None,
            }
        }
        let ends_line = data.get(end).is_none_or(|byte| *byte == b'\n');
        let text_end = if ends_line && end > plain_until && data[end - 1] == b'\r' { end - 1 } else { end };
        Some((Span { start: at, end: text_end, quoted: false, escaped }, end))
    }

    fn quoted_field(
        &self,
        data: &[u8],
        at: usize,
        is_last: bool,
        lines_within: &mut u64,
    ) -> Result<Option<(Span, usize)>, Malformed> {
        let quote = self.syntax.quote.unwrap_or(b'"');
        let escape = self.syntax.escape.filter(|escape| *escape != quote);
        let opening_line = self.line + *lines_within;
        let start = at + 1;
        let mut from = start;
        let mut escaped = false;
        let end = loop {
            let rest = &data[from..];
            let found = match escape {
                Some(escape) => memchr2(quote, escape, rest),
                None => memchr(quote, rest),
            };
            let Some(offset) = found else {
                if is_last {
                    return Err(Malformed { line: opening_line, why: "a quote is opened and never closed" });
                }
                return Ok(None);
            };
            let place = from + offset;
            match data.get(place + 1) {
                None if !is_last => return Ok(None),
                // Doubled, or made plain by an escape.
                Some(next) if data[place] != quote || *next == quote => {
                    escaped = true;
                    from = place + 2;
                }
                None if data[place] != quote => {
                    return Err(Malformed { line: opening_line, why: "a quote is opened and never closed" });
                }
                _ => break place,
            }
        };
        *lines_within += memchr::memchr_iter(b'\n', &data[start..end]).count() as u64;
        let mut after = end + 1;
        // Blanks before the delimiter are common in files written by hand.
        while matches!(data.get(after), Some(b' ' | b'\t')) && data[after] != self.syntax.delimiter {
            after += 1;
        }
        if data.get(after) == Some(&b'\r') {
            match data.get(after + 1) {
                Some(b'\n') => after += 1,
                None if is_last => after += 1,
                None => return Ok(None),
                _ => {}
            }
        }
        match data.get(after) {
            None if is_last => {}
            None => return Ok(None),
            Some(byte) if *byte == self.syntax.delimiter || *byte == b'\n' => {}
            Some(_) => {
                let line = self.line + *lines_within;
                return Err(Malformed { line, why: "there is text between a closing quote and the next delimiter" });
            }
        }
        Ok(Some((Span { start, end, quoted: true, escaped }, after)))
    }

    /// A field of the present record; `None` if the record has fewer. `data` is what the record was read from.
    pub(crate) fn field<'a>(&'a mut self, data: &'a [u8], index: usize) -> Option<FieldText<'a>> {
        let span = *self.spans.get(index)?;
        let raw = &data[span.start..span.end];
        if !span.escaped {
            return Some(FieldText { bytes: raw, quoted: span.quoted, raw });
        }
        self.scratch.clear();
        let mut rest = raw;
        let escape = self.syntax.escape;
        let quote = self.syntax.quote.filter(|_| span.quoted);
        while let Some((byte, after)) = rest.split_first() {
            let makes_plain = Some(*byte) == escape || (Some(*byte) == quote && after.first().copied() == quote);
            match (makes_plain, after.split_first()) {
                (true, Some((plain, after))) => {
                    self.scratch.push(*plain);
                    rest = after;
                }
                _ => {
                    self.scratch.push(*byte);
                    rest = after;
                }
            }
        }
        Some(FieldText { bytes: &self.scratch, quoted: span.quoted, raw })
    }

    /// A field of the present record as it stands in the file, without its quotes.
    pub(crate) fn raw<'a>(&self, data: &'a [u8], index: usize) -> Option<FieldText<'a>> {
        let span = self.spans.get(index)?;
        let raw = &data[span.start..span.end];
        Some(FieldText { bytes: raw, quoted: span.quoted, raw })
    }
}

impl Syntax {
    fn unquoted_escape(&self) -> Option<u8> {
        self.escape.filter(|_| self.quote.is_none())
    }
}

/// The bytes after a byte order mark, if there is one. `Err` for text in UTF-16.
pub(crate) fn after_byte_order_mark(data: &[u8]) -> Result<Range<usize>, &'static str> {
    match data {
        [0xEF, 0xBB, 0xBF, ..] => Ok(3..data.len()),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Err("it is in UTF-16"),
        _ => Ok(0..data.len()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Row = Vec<(String, bool)>;

    /// All records, given in pieces of at most `piece` bytes.
    fn split_in_pieces(syntax: Syntax, text: &[u8], piece: usize) -> Result<Vec<(u64, Row)>, Malformed> {
        let mut splitter = Splitter::new(syntax);
        let (mut buffer, mut read, mut rows) = (Vec::new(), 0, Vec::new());
        loop {
            let is_last = read == text.len();
            match splitter.step(&buffer, is_last)? {
                Step::Record(taken) => {
                    let row = (0..splitter.fields())
                        .map(|index| {
                            let field = splitter.field(&buffer, index).unwrap();
                            (String::from_utf8_lossy(field.bytes).into_owned(), field.quoted)
                        })
                        .collect();
                    rows.push((splitter.line(), row));
                    buffer.drain(..taken);
                }
                Step::Blank(taken) | Step::Comment(taken) => drop(buffer.drain(..taken)),
                Step::Incomplete | Step::End if is_last => return Ok(rows),
                Step::Incomplete | Step::End => {
                    let more = (read + piece).min(text.len());
                    buffer.extend_from_slice(&text[read..more]);
                    read = more;
                }
            }
        }
    }

    fn split(syntax: Syntax, text: &str) -> Vec<Vec<String>> {
        let rows = split_in_pieces(syntax, text.as_bytes(), usize::MAX / 2).unwrap();
        rows.into_iter().map(|(_, row)| row.into_iter().map(|(text, _)| text).collect()).collect()
    }

    fn plain() -> Syntax {
        Syntax::default()
    }

    #[test]
    fn fields_and_line_ends() {
        assert_eq!(split(plain(), "a,b\r\n,\nlast,x"), [vec!["a", "b"], vec!["", ""], vec!["last", "x"]]);
        assert_eq!(split(plain(), "\n\r\na\n\n"), [vec!["a"]]);
        assert_eq!(split(plain(), "a,\r\n"), [vec!["a", ""]]);
        assert_eq!(split(plain(), ""), Vec::<Vec<String>>::new());
    }

    #[test]
    fn quotes_hold_delimiters_line_ends_and_doubled_quotes() {
        assert_eq!(split(plain(), "\"a,\"\"b\"\"\n\",c\n"), [vec!["a,\"b\"\n", "c"]]);
        assert_eq!(split(plain(), "\"a\" ,\"b\"\r\n"), [vec!["a", "b"]]);
        assert_eq!(split(plain(), "5\" pipe,x\"y\n"), [vec!["5\" pipe", "x\"y"]]);
    }

    #[test]
    fn an_empty_field_is_not_an_empty_string() {
        let rows = split_in_pieces(plain(), b",\"\"\n", 99).unwrap();
        assert_eq!(rows[0].1, [(String::new(), false), (String::new(), true)]);
    }

    #[test]
    fn escapes_work_in_quotes_or_without_any() {
        let escaped = Syntax { escape: Some(b'\\'), ..plain() };
        assert_eq!(split(escaped, "\"a\\\"b\\\\\",c\\d\n"), [vec!["a\"b\\", "c\\d"]]);
        let hive = Syntax { delimiter: 1, quote: None, escape: Some(b'\\'), ..plain() };
        assert_eq!(split(hive, "a\\\u{1}b\u{1}\"c\\\nd\n"), [vec!["a\u{1}b", "\"c\nd"]]);
    }

    #[test]
    fn comments_and_trailing_delimiters() {
        let syntax = Syntax { comment: Some(b'#'), ..plain() };
        assert_eq!(split(syntax, "#x,y\na,b\n# end"), [vec!["a", "b"]]);
        let tbl = Syntax { delimiter: b'|', trailing_delimiter: true, ..plain() };
        assert_eq!(split(tbl, "1|x|\n2||\n"), [vec!["1", "x"], vec!["2", ""]]);
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let rows = split_in_pieces(plain(), b"a\n\n\"b\nc\",1\nd\n", 99).unwrap();
        assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 5]);
    }

    #[test]
    fn what_is_no_csv_is_refused_with_its_line() {
        let error = |text: &str| split_in_pieces(plain(), text.as_bytes(), 99).unwrap_err();
        assert_eq!(error("a\n\"b\nc").line, 2);
        assert_eq!(error("a\n\"b\nc\"d\n").line, 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However the bytes arrive, the records are the same; and no bytes make it panic.
        #[test]
        fn pieces_do_not_matter(text in "[a,\"\n\r\\\\ #]{0,40}", piece in 1usize..5) {
            for syntax in [plain(), Syntax { escape: Some(b'\\'), comment: Some(b'#'), ..plain() },
                           Syntax { quote: None, escape: Some(b'\\'), ..plain() }] {
                let whole = split_in_pieces(syntax, text.as_bytes(), usize::MAX / 2);
                let pieces = split_in_pieces(syntax, text.as_bytes(), piece);
                prop_assert_eq!(whole, pieces);
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = split_in_pieces(plain(), &bytes, 7);
        }
    }
}

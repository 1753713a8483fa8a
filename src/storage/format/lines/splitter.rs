//! From pieces of a file to its lines, without copying those that lie within one piece.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

use super::LineEnd;

/// The longest line. A column of a batch must stay below what 32-bit offsets can say.
pub(super) const MAX_LINE: usize = 256 * 1024 * 1024;

/// The error for a line that is longer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Splits pieces of a file into lines.
pub(super) struct LineSplitter {
    end: End,
    piece: Bytes,
    /// Where the next line starts in the piece.
    at: usize,
    /// The start of a line that goes on in the piece.
    carry: Vec<u8>,
    /// Whether the line in `carry` was handed out.
    is_given: bool,
    /// Whether the last line ended with a carriage return, so that a line feed after it belongs to that end.
    after_return: bool,
    /// Whether nothing was read yet: a byte order mark may follow.
    at_start: bool,
    ended: bool,
}

enum End {
    Any,
    Byte(u8),
    Text(Box<Finder<'static>>),
}

impl LineSplitter {
    /// `at_start` says that the first piece is the start of the file.
    pub(super) fn new(end: &LineEnd, at_start: bool) -> Self {
        let end = match end {
            LineEnd::Any => End::Any,
            LineEnd::Text(text) => match text.as_ref() {
                [byte] => End::Byte(*byte),
                bytes => End::Text(Box::new(Finder::new(bytes).into_owned())),
            },
        };
        LineSplitter {
            end,
            piece: Bytes::new(),
            at: 0,
            carry: Vec::new(),
            is_given: false,
            after_return: false,
            at_start,
            ended: false,
        }
    }

    /// Adds a piece, after [`next`](Self::next) said that there is no line left.
    pub(super) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.at == self.piece.len());
        self.piece = piece;
        self.at = 0;
        // An end of several bytes may begin in one piece and end in the next; so may a byte order mark.
        let is_split_end = matches!(self.end, End::Text(_)) && !self.is_given;
        if !self.carry.is_empty() && (is_split_end || self.at_start) {
            let mut joined = BytesMut::from(self.carry.as_slice());
            joined.extend_from_slice(&self.piece);
            self.carry.clear();
            self.piece = joined.freeze();
        }
    }

    /// Says that no piece follows.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// The next line without its end. `None`: a piece is needed, or all lines were given.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, TooLong> {
        if std::mem::take(&mut self.is_given) {
            self.carry.clear();
        }
        if self.at_start {
            let start = &self.piece[self.at..];
            if start.len() < 3 && !self.ended {
                self.carry.extend_from_slice(start);
                self.at = self.piece.len();
                return Ok(None);
            }
            self.at_start = false;
            if self.ended && !self.carry.is_empty() {
                // The whole file is shorter than a mark.
                self.piece = Bytes::from(std::mem::take(&mut self.carry));
                self.at = 0;
            }
            if self.piece[self.at..].starts_with(b"\xEF\xBB\xBF") {
                self.at += 3;
            }
        }
        if self.after_return && self.at < self.piece.len() {
            self.after_return = false;
            if self.piece[self.at] == b'\n' {
                self.at += 1;
            }
        }
        let rest = &self.piece[self.at..];
        let found = match &self.end {
            End::Any => memchr2(b'\n', b'\r', rest).map(|end| (end, 1)),
            End::Byte(byte) => memchr(*byte, rest).map(|end| (end, 1)),
            End::Text(finder) => finder.find(rest).map(|end| (end, finder.needle().len())),
        };
        let line = match found {
            Some((length, end)) => {
                let line = self.at..self.at + length;
                self.at = line.end + end;
                if matches!(self.end, End::Any) && self.piece[line.end] == b'\r' {
                    match self.piece.get(self.at) {
                        Some(b'\n') => self.at += 1,
                        Some(_) => {}
                        None => self.after_return = true,
                    }
                }
                line
            }
            None if self.ended && rest.is_empty() && self.carry.is_empty() => return Ok(None),
            None => {
                let line = self.at..self.piece.len();
                self.at = line.end;
                if !self.ended {
                    self.carry.extend_from_slice(&self.piece[line]);
                    return if self.carry.len() > MAX_LINE { Err(TooLong) } else { Ok(None) };
                }
                line
            }
        };
        if line.len() + self.carry.len() > MAX_LINE {
            return Err(TooLong);
        }
        if self.carry.is_empty() {
            return Ok(Some(&self.piece[line]));
        }
        self.carry.extend_from_slice(&self.piece[line]);
        self.is_given = true;
        Ok(Some(&self.carry))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn lines(end: &LineEnd, text: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut splitter = LineSplitter::new(end, true);
        let mut found = Vec::new();
        let mut pieces = text.chunks(piece);
        loop {
            while let Some(line) = splitter.next().unwrap() {
                found.push(line.to_vec());
            }
            match pieces.next() {
                Some(piece) => splitter.push(Bytes::copy_from_slice(piece)),
                None if splitter.ended => return found,
                None => splitter.end(),
            }
        }
    }

    fn texts(end: &LineEnd, text: &str) -> Vec<String> {
        let whole = lines(end, text.as_bytes(), usize::MAX / 2);
        whole.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn every_end_of_hadoop_ends_a_line_and_empty_lines_count() {
        assert_eq!(texts(&LineEnd::Any, "a\r\nb\rc\n\r\n\n\rd\r"), ["a", "b", "c", "", "", "", "d"]);
        assert_eq!(texts(&LineEnd::Any, "a\nb"), ["a", "b"]);
        assert_eq!(texts(&LineEnd::Any, "\n"), [""]);
        assert!(texts(&LineEnd::Any, "").is_empty());
    }

    #[test]
    fn a_mark_at_the_start_is_no_text() {
        assert_eq!(texts(&LineEnd::Any, "\u{FEFF}a\n\u{FEFF}b"), ["a", "\u{FEFF}b"]);
        assert_eq!(lines(&LineEnd::Any, b"\xEF\xBB", 1), [b"\xEF\xBB"]);
        assert!(lines(&LineEnd::Any, b"\xEF\xBB\xBF", 1).is_empty());
    }

    #[test]
    fn another_end_is_the_only_one() {
        let end = LineEnd::Text(Arc::from(b";".as_slice()));
        assert_eq!(texts(&end, "a\r\n;b;"), ["a\r\n", "b"]);
        let end = LineEnd::Text(Arc::from(b"<>".as_slice()));
        assert_eq!(texts(&end, "a<<>b>c<>"), ["a<", "b>c"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pieces_do_not_matter(text in "[a\r\n<>\u{FEFF}]{0,30}", piece in 1usize..6) {
            let other = |text: &[u8]| LineEnd::Text(Arc::from(text));
            for end in [LineEnd::Any, other(b"<"), other(b"<>")] {
                let whole = lines(&end, text.as_bytes(), usize::MAX / 2);
                prop_assert_eq!(lines(&end, text.as_bytes(), piece), whole);
            }
        }
    }
}

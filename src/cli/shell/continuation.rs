//! The lines of a statement behind its first.
//!
//! The line editor holds a statement as one text. So that its lines stand below one another, those behind the first are
//! indented as far as the prompt reaches, and the highlighter paints an arrow over that indent. It is white space between
//! tokens, which means nothing in SQL; inside strings and comments nothing is ever added. The indent goes when the
//! statement is taken, and comes back when it is recalled from the history.

use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use crate::sql::dialect::Dialect;
use crate::sql::splitter::token_ranges;

/// Longer texts are left as they are: nobody edits them line by line.
const LONGEST: usize = 64 * 1024;

/// How lines behind the first begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Continuation {
    /// Columns of the prompt.
    pub width: usize,
    pub dialect: Dialect,
}

impl Continuation {
    /// What a new line begins with, if the text before it ends between tokens.
    pub(super) fn indent_after(self, text: &str) -> String {
        let text = format!("{text}\n");
        let is_between = line_starts(&text, self.dialect).last() == Some(&text.len());
        if is_between { " ".repeat(self.width) } else { String::new() }
    }

    /// With the indent in front of all lines behind the first.
    pub(super) fn add_indent(self, text: &str) -> String {
        let indent = " ".repeat(self.width);
        let mut indented = String::with_capacity(text.len());
        let mut copied = 0;
        for start in line_starts(text, self.dialect) {
            indented.push_str(text.get(copied..start).unwrap_or_default());
            indented.push_str(&indent);
            copied = start;
        }
        indented + text.get(copied..).unwrap_or_default()
    }

    /// Without it.
    pub(super) fn take_indent(self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        let mut copied = 0;
        for start in self.indented_lines(text) {
            plain.push_str(text.get(copied..start).unwrap_or_default());
            copied = start + self.width;
        }
        plain + text.get(copied..).unwrap_or_default()
    }

    /// Where lines begin that have the indent.
    pub(super) fn indented_lines(self, text: &str) -> Vec<usize> {
        let mut starts = line_starts(text, self.dialect);
        starts.retain(|start| {
            let line = text.as_bytes().get(*start..*start + self.width);
            line.is_some_and(|line| line.iter().all(|byte| *byte == b' '))
        });
        starts
    }

    /// What is painted over the indent: `      -> `.
    pub(super) fn arrow(self) -> String {
        format!("{:>width$}", "-> ", width = self.width)
    }
}

/// The bytes where lines behind the first begin, outside strings, quoted names and comments of several lines.
fn line_starts(text: &str, dialect: Dialect) -> Vec<usize> {
    if text.len() > LONGEST || !text.contains('\n') {
        return Vec::new();
    }
    let mut tokens = Vec::new();
    // What cannot be read is an open string at the end: no line in it is between tokens.
    let _ = Tokenizer::new(dialect.tokens(), text).tokenize_with_location_into_buf(&mut tokens);
    let ranges = token_ranges(text, &tokens);
    let ends_line = |token: &Token| match token {
        Token::Whitespace(Whitespace::Newline) => true,
        Token::Whitespace(Whitespace::SingleLineComment { comment, .. }) => comment.ends_with('\n'),
        _ => false,
    };
    let ends = tokens.iter().zip(ranges).filter(|(token, _)| ends_line(&token.token)).map(|(_, range)| range.end);
    ends.filter(|end| text.get(..*end).is_some_and(|before| before.ends_with('\n'))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONTINUATION: Continuation = Continuation { width: 4, dialect: Dialect::Ansi };

    #[test]
    fn lines_are_indented_but_strings_and_comments_are_not() {
        let text = "select 'a\nb', -- one\n1 /* x\ny */,\n2";
        let indented = "select 'a\nb', -- one\n    1 /* x\ny */,\n    2";
        assert_eq!(CONTINUATION.add_indent(text), indented);
        assert_eq!(CONTINUATION.take_indent(indented), text);
    }

    #[test]
    fn a_new_line_is_indented_only_between_tokens() {
        assert_eq!(CONTINUATION.indent_after("select 1,"), "    ");
        assert_eq!(CONTINUATION.indent_after("select 1 -- one"), "    ");
        assert_eq!(CONTINUATION.indent_after("select 'a"), "");
        assert_eq!(CONTINUATION.indent_after("select /* a"), "");
        assert_eq!(CONTINUATION.indent_after("select \"a"), "");
    }

    #[test]
    fn what_was_not_indented_by_us_stays() {
        assert_eq!(CONTINUATION.take_indent("select\n  1"), "select\n  1");
        assert_eq!(CONTINUATION.take_indent("select '\n      x'"), "select '\n      x'");
    }

    #[test]
    fn the_arrow_is_as_wide_as_the_indent() {
        assert_eq!(Continuation { width: 9, ..CONTINUATION }.arrow(), "      -> ");
    }

    proptest! {
        #[test]
        fn what_is_recalled_is_what_was_typed(text in "([a-z'\"/*\n -]|--){0,60}") {
            let continuation = CONTINUATION;
            prop_assert_eq!(continuation.take_indent(&continuation.add_indent(&text)), text);
        }
    }
}

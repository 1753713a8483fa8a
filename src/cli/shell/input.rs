//! When what was typed is a statement.

use crate::cli::meta;
use crate::sql::dialect::Dialect;
use crate::sql::source::Source;
use crate::sql::splitter::{PieceKind, split};

/// Whether Enter runs it: all statements end with `;`, or it is a command to the shell, or nothing at all.
pub(super) fn is_finished(text: &str, dialect: Dialect) -> bool {
    let pieces = split(&Source::new("", text), dialect);
    let mut visible = pieces.iter().filter(|piece| piece.kind() != PieceKind::Blank);
    let Some(last) = visible.next_back() else { return true };
    match last.kind() {
        PieceKind::Statement | PieceKind::MetaCommand | PieceKind::Blank => true,
        PieceKind::LastStatement | PieceKind::Unfinished => meta::is_word_command(last),
        PieceKind::Pending => false,
    }
}

/// A string, name or comment that is open.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenQuote {
    /// How it begins.
    pub mark: String,
    /// Where, from 1.
    pub line: usize,
}

/// What is open at the end of the text, if it has been open for more than one line.
pub(super) fn open_quote(text: &str, dialect: Dialect) -> Option<OpenQuote> {
    let pieces = split(&Source::new("", text), dialect);
    let last = pieces.last().filter(|piece| piece.kind() == PieceKind::Unfinished && !meta::is_word_command(piece))?;
    let opened = text.get(last.body().start..)?.trim_start();
    if !opened.contains('\n') {
        return None;
    }
    let mark = match opened {
        comment if comment.starts_with("/*") => "/*".to_string(),
        other => other.chars().find(|c| matches!(c, '\'' | '"' | '`' | '$'))?.to_string(),
    };
    let line = text.get(..text.len() - opened.len())?.matches('\n').count() + 1;
    Some(OpenQuote { mark, line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(text: &str) -> bool {
        is_finished(text, Dialect::Ansi)
    }

    #[test]
    fn statements_end_with_a_semicolon() {
        assert!(finished("select 1;"));
        assert!(finished("select 1; -- and so on"));
        assert!(!finished("select 1"));
        assert!(!finished("select ';'"));
        assert!(!finished("select 'a;\n"));
        assert!(!finished("select 1; select 2"));
        assert!(!finished("select 1 /* ; */"));
    }

    #[test]
    fn an_open_quote_is_told_in_the_lines_behind_it() {
        let open = |text: &str| open_quote(text, Dialect::Ansi).map(|open| (open.mark, open.line));
        assert_eq!(open("select 'a\n"), Some(("'".to_string(), 1)));
        assert_eq!(open("select 1,\n  \"a\nb"), Some(("\"".to_string(), 2)));
        assert_eq!(open("select 1 /* a\n"), Some(("/*".to_string(), 1)));
        assert_eq!(open("select 'a"), None);
        assert_eq!(open("select 'a\n';\n"), None);
        assert_eq!(open("select 1\n"), None);
    }

    #[test]
    fn commands_end_with_the_line() {
        assert!(finished("\\d orders"));
        assert!(finished("\\nothing"), "also those that are not known: they must not wait for more");
        assert!(finished("select 1 \\gx"));
        assert!(finished("select 1\n\\g"));
        assert!(finished("quit"));
        assert!(finished(".unknown 'x"));
        assert!(!finished("quit or not"));
    }

    #[test]
    fn nothing_is_finished_at_once() {
        assert!(finished(""));
        assert!(finished("  \n "));
        assert!(finished("-- only a comment"));
    }
}

//! What an [`Error`] looks like to the person who has to mend it.
//!
//! ```text
//! queries/daily.sql:12:9: error: no column "custmer_id" in orders
//!    12 |   WHERE custmer_id = 7
//!       |         ^^^^^^^^^^
//!    = did you mean "customer_id"?
//! ```
//!
//! The place comes first, as editors and CI logs expect it, then the line with the culprit underlined, then what to do.

use unicode_width::UnicodeWidthChar;

use super::output::display::{self, ELLIPSIS};
use crate::error::{Error, Position};

/// The room for a line number; longer ones make room for themselves.
const GUTTER: usize = 5;
/// Of a line that is wider than this, only the part around the culprit is shown.
const WIDEST_LINE: usize = 120;
/// How much is shown before the culprit then.
const LEAD: usize = 40;
/// Tabs count as this when a line is measured. They are shown as tabs.
const TAB: usize = 8;

/// The error as text of several lines, with a line end. With `color` it has ANSI colours.
pub fn render(error: &Error, color: bool) -> String {
    rendered(error, "error", color)
}

/// What went wrong and did not stop anything.
pub(super) fn render_warning(error: &Error, color: bool) -> String {
    rendered(error, "warning", color)
}

fn rendered(error: &Error, label: &str, color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    let position = error.position().filter(|position| position.span.start.line > 0);
    if let Some(position) = position {
        let start = position.span.start;
        out.push_str(&one_line(position.source.name()));
        out.push_str(&format!(":{}:{}: ", start.line, start.column));
    }
    out.push_str(&paint.red(label));
    out.push_str(": ");
    out.push_str(&several_lines(error.message(), ""));
    out.push('\n');
    let help_indent = if let Some(position) = position {
        excerpt(position, paint, &mut out);
        "   "
    } else {
        "  "
    };
    for line in error.help_lines() {
        out.push_str(&format!(
            "{help_indent}{} {}\n",
            paint.blue("="),
            several_lines(line, &format!("{help_indent}  "))
        ));
    }
    out
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn red(self, text: &str) -> String {
        if self.color { format!("\x1b[1;31m{text}\x1b[0m") } else { text.to_string() }
    }

    fn blue(self, text: &str) -> String {
        if self.color { format!("\x1b[34m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// The line that the error is on, with carets under the culprit; of several lines only the first.
fn excerpt(position: &Position, paint: Paint, out: &mut String) {
    let (start, end) = (position.span.start, position.span.end);
    let Some(line) = position.source.line(start.line) else { return };
    let characters: Vec<char> = line.chars().collect();
    let first = index(start.column).min(characters.len());
    let last = if end.line > start.line { line.trim_end().chars().count() } else { index(end.column) };
    let last = last.clamp(first, characters.len());

    let window = window(&characters, first);
    let visible = |from: usize, to: usize| characters.get(from..to).unwrap_or_default();
    let before = visible(window.start, first);
    let culprit = visible(first, last.min(window.end));
    let after = visible(last.min(window.end), window.end);

    let mut shown = String::new();
    let mut carets = String::new();
    if window.start > 0 {
        shown.push_str(ELLIPSIS);
        carets.push(' ');
    }
    shown.extend(before.iter().chain(culprit).chain(after).map(|&character| harmless(character)));
    if window.end < characters.len() {
        shown.push_str(ELLIPSIS);
    }
    for &character in before {
        match character {
            '\t' => carets.push('\t'),
            other => carets.push_str(&" ".repeat(columns(other, 1))),
        }
    }
    let under = culprit.iter().map(|&character| columns(character, 1)).sum::<usize>();

    let number = format!("{:>GUTTER$}", start.line);
    let blank = " ".repeat(number.len());
    out.push_str(format!("{} {shown}", paint.blue(&format!("{number} |"))).trim_end());
    out.push('\n');
    out.push_str(&format!("{} {carets}{}\n", paint.blue(&format!("{blank} |")), paint.red(&"^".repeat(under.max(1)))));
}

/// Which characters of a line are shown: all, or those around the one at `first`.
fn window(characters: &[char], first: usize) -> std::ops::Range<usize> {
    let measure = |character: &char| columns(*character, TAB);
    if characters.iter().map(measure).sum::<usize>() <= WIDEST_LINE {
        return 0..characters.len();
    }
    let before = characters.get(..first).unwrap_or_default();
    let start = first - count_that_fit(before.iter().rev(), LEAD);
    let rest = characters.get(start..).unwrap_or_default();
    start..start + count_that_fit(rest.iter(), WIDEST_LINE)
}

fn count_that_fit<'a>(characters: impl Iterator<Item = &'a char>, room: usize) -> usize {
    let mut used = 0;
    characters
        .take_while(|character| {
            used += columns(**character, TAB);
            used <= room
        })
        .count()
}

/// Terminal columns that a character takes in the excerpt.
fn columns(character: char, tab: usize) -> usize {
    if character == '\t' { tab } else { UnicodeWidthChar::width(harmless(character)).unwrap_or(0) }
}

/// The character, or a replacement for one that a terminal would act on. Tabs stay, so that the line looks as in the editor.
fn harmless(character: char) -> char {
    if character != '\t' && display::is_unsafe(character) { char::REPLACEMENT_CHARACTER } else { character }
}

/// A column of a position, which counts characters from 1, as an index.
fn index(column: u64) -> usize {
    usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX)
}

fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    display::escape(text, &mut out);
    out
}

/// Keeps the lines of a message, which other crates break on purpose, but nothing else that a terminal would act on.
fn several_lines(text: &str, indent: &str) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(one_line).collect();
    lines.join(&format!("\n{indent}"))
}

#[cfg(test)]
mod tests {

    use insta::assert_snapshot;

    use super::*;
    use crate::sql::source::{Location, Source, Span};

    fn at(text: &str, start: (u64, u64), end: (u64, u64)) -> Error {
        let span = Span::new(Location::new(start.0, start.1), Location::new(end.0, end.1));
        Error::statement("no column \"custmer_id\" in orders").at(&Source::new("queries/daily.sql", text), span)
    }

    #[test]
    fn a_place_in_a_file_is_shown_as_documented() {
        let text = format!("{}SELECT 1\n  WHERE o.custmer_id = 7\n", "\n".repeat(10));
        let error = at(&text, (12, 9), (12, 21)).help("did you mean \"customer_id\"?");
        assert_snapshot!(render(&error, false), @r#"
        queries/daily.sql:12:9: error: no column "custmer_id" in orders
           12 |   WHERE o.custmer_id = 7
              |         ^^^^^^^^^^^^
           = did you mean "customer_id"?
        "#);
    }

    #[test]
    fn an_error_without_a_place_has_its_help_below() {
        let error = Error::usage("unknown format \"cvs\"").help("did you mean \"csv\"?").help("see --help");
        assert_eq!(render(&error, false), "error: unknown format \"cvs\"\n  = did you mean \"csv\"?\n  = see --help\n");
    }

    #[test]
    fn colors_mark_error_gutter_and_carets() {
        let error = at("SELECT x", (1, 8), (1, 9)).help("hint");
        assert_snapshot!(render(&error, true).replace('\x1b', "␛"), @r#"
        queries/daily.sql:1:8: ␛[1;31merror␛[0m: no column "custmer_id" in orders
        ␛[34m    1 |␛[0m SELECT x
        ␛[34m      |␛[0m        ␛[1;31m^␛[0m
           ␛[34m=␛[0m hint
        "#);
    }

    fn carets(error: &Error) -> String {
        let rendered = render(error, false);
        rendered.lines().nth(2).expect("a line of carets").to_string()
    }

    #[test]
    fn tabs_are_kept_so_that_carets_align() {
        let error = at("\t\tSELECT\tx", (1, 10), (1, 11));
        assert_eq!(render(&error, false).lines().nth(1), Some("    1 | \t\tSELECT\tx"));
        assert_eq!(carets(&error), "      | \t\t      \t^");
    }

    #[test]
    fn wide_characters_push_the_carets() {
        let error = at("SELECT '日本', \"e\u{301}語\" FROM t", (1, 14), (1, 19));
        assert_eq!(carets(&error), "      |                ^^^^^");
    }

    #[test]
    fn a_place_at_the_end_of_the_text_has_one_caret() {
        assert_eq!(carets(&at("SELECT (1", (1, 10), (1, 10))), "      |          ^");
        assert_eq!(carets(&at("SELECT (1\n", (2, 1), (2, 1))), "      | ^");
        assert_eq!(carets(&at("SELECT", (1, 90), (1, 99))), "      |       ^");
    }

    #[test]
    fn of_several_lines_the_first_is_underlined_to_its_end() {
        assert_eq!(carets(&at("SELECT (a,   \r\n  b) FROM t", (1, 8), (2, 5))), "      |        ^^^");
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_place() {
        let text = format!("{}, nme, {}", "a".repeat(500_000), "b".repeat(500_000));
        assert_snapshot!(render(&at(&text, (1, 500_003), (1, 500_006)), false), @r#"
        queries/daily.sql:1:500003: error: no column "custmer_id" in orders
            1 | …aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, nme, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…
              |                                          ^^^
        "#);
        let whole = render(&at(&text, (1, 1), (1, 500_001)), false);
        assert!(whole.lines().all(|line| display::width(line) < 140), "{whole}");
    }

    #[test]
    fn line_numbers_of_any_length_keep_the_gutter_straight() {
        let error = at(&"\n".repeat(1_234_567), (1_234_567, 1), (1_234_567, 1));
        assert_eq!(render(&error, false).lines().skip(1).collect::<Vec<_>>(), ["1234567 |", "        | ^"]);
    }

    #[test]
    fn nothing_in_an_error_can_break_the_terminal() {
        let source = Source::new("a\x1bb.sql", "SELECT '\x1b[2J' + x");
        let span = Span::new(Location::new(1, 17), Location::new(1, 18));
        let error = Error::statement("bad value \x1b[31m\nsecond line").at(&source, span).help("try \x07");
        let rendered = render(&error, false);
        assert!(!rendered.contains(['\x1b', '\x07']), "{rendered:?}");
        assert!(rendered.contains("\nsecond line\n"), "lines of a message stay: {rendered}");
        assert_eq!(carets(&Error::statement("m").at(&source, span)), "      |                 ^");
    }

    #[test]
    fn a_place_that_is_not_in_the_text_shows_no_excerpt() {
        let source = Source::new("-e", "SELECT 1");
        let unknown = Error::statement("m").at(&source, Span::empty());
        assert_eq!(render(&unknown, false), "error: m\n");
        let past = at("SELECT 1", (9, 1), (9, 2));
        assert_eq!(render(&past, false).lines().count(), 1);
    }
}

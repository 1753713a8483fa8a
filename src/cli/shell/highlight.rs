//! Colours for what is being typed.
//!
//! It never fails and never changes the width: what cannot be read (a string that is still open) has the colour of a
//! string. The bracket that belongs to the one at the cursor stands out.

use std::borrow::Cow;
use std::ops::Range;

use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

use super::continuation::Continuation;
use super::keywords::is_keyword;
use crate::cli::meta;
use crate::sql::source::Source;
use crate::sql::splitter::{PieceKind, split_from, token_ranges};

/// Longer texts are shown plain, so that typing stays quick.
const LONGEST: usize = 64 * 1024;

const KEYWORD: &str = "\x1b[1;34m";
const STRING: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[35m";
const COMMENT: &str = "\x1b[2m";
const COMMAND: &str = "\x1b[1;36m";
const BRACKET: &str = "\x1b[1;33m";
const ARROW: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// What is said beside the text.
pub(super) fn dim(text: &str) -> String {
    format!("{ARROW}{text}{PLAIN}")
}

/// A stretch of the text that looks different.
struct Paint {
    range: Range<usize>,
    style: &'static str,
    /// Shown in its place, as wide as it.
    shown: Option<String>,
}

/// `text` with colours, and arrows over the indents. Without `colors` only the arrows.
pub(super) fn highlight(text: &str, cursor: usize, continuation: Continuation, colors: bool) -> Cow<'_, str> {
    if text.len() > LONGEST {
        return Cow::Borrowed(text);
    }
    let mut paints: Vec<Paint> = Vec::new();
    if colors {
        paints.extend(words(text, cursor, continuation));
    }
    paints.extend(continuation.indented_lines(text).into_iter().map(|start| Paint {
        range: start..start + continuation.width,
        style: if colors { ARROW } else { "" },
        shown: Some(continuation.arrow()),
    }));
    if paints.is_empty() {
        return Cow::Borrowed(text);
    }
    paints.sort_by_key(|paint| paint.range.start);
    let mut painted = String::with_capacity(text.len() * 2);
    let mut done = 0;
    for paint in paints {
        let Some(covered) = text.get(paint.range.clone()).filter(|_| paint.range.start >= done) else { continue };
        painted.push_str(text.get(done..paint.range.start).unwrap_or_default());
        painted.push_str(paint.style);
        painted.push_str(paint.shown.as_deref().unwrap_or(covered));
        if !paint.style.is_empty() {
            painted.push_str(PLAIN);
        }
        done = paint.range.end;
    }
    painted.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(painted)
}

/// The coloured stretches of all statements and commands in the text.
fn words(text: &str, cursor: usize, continuation: Continuation) -> Vec<Paint> {
    let mut paints = Vec::new();
    let source = Source::new("", text);
    // A byte order mark that was typed is not in the source.
    if source.text().len() != text.len() {
        return paints;
    }
    for piece in split_from(&source, continuation.dialect, 0) {
        let is_command = piece.kind() == PieceKind::MetaCommand || meta::is_word_command(&piece);
        if is_command {
            let start = piece.start() + (piece.full_text().len() - piece.full_text().trim_start().len());
            let name = meta::name_of(text.get(start..).unwrap_or_default());
            if meta::find(name).is_some() {
                paints.push(Paint { range: start..start + name.len(), style: COMMAND, shown: None });
            }
            continue;
        }
        let mut tokens = Vec::new();
        let outcome = Tokenizer::new(continuation.dialect.tokens(), piece.full_text())
            .tokenize_with_location_into_buf(&mut tokens);
        let ranges: Vec<_> = token_ranges(piece.full_text(), &tokens)
            .into_iter()
            .map(|range| piece.start() + range.start..piece.start() + range.end)
            .collect();
        paints.extend(tokens.iter().zip(&ranges).filter_map(|(token, range)| paint(token, range)));
        if outcome.is_err() {
            let open = ranges.last().map_or(piece.start(), |range| range.end);
            paints.push(Paint { range: open..piece.start() + piece.full_text().len(), style: STRING, shown: None });
        }
        paints.extend(bracket(&tokens, &ranges, cursor));
    }
    paints
}

fn paint(token: &TokenWithSpan, range: &Range<usize>) -> Option<Paint> {
    let style = match &token.token {
        Token::Word(word) if word.quote_style.is_none() && is_keyword(&word.value) => KEYWORD,
        Token::SingleQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_) => STRING,
        Token::Number(..) => NUMBER,
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => COMMENT,
        _ => return None,
    };
    Some(Paint { range: range.clone(), style, shown: None })
}

/// The bracket that belongs to the one at the cursor or before it.
fn bracket(tokens: &[TokenWithSpan], ranges: &[Range<usize>], cursor: usize) -> Option<Paint> {
    let depth_change = |token: &Token| match token {
        Token::LParen | Token::LBracket | Token::LBrace => 1,
        Token::RParen | Token::RBracket | Token::RBrace => -1,
        _ => 0_i64,
    };
    let at = |wanted: &dyn Fn(&Range<usize>) -> bool| {
        ranges.iter().zip(tokens).position(|(range, token)| wanted(range) && depth_change(&token.token) != 0)
    };
    let index = at(&|range| range.start == cursor).or_else(|| at(&|range| range.end == cursor))?;
    let opens = depth_change(&tokens.get(index)?.token) > 0;
    let mut depth = 0;
    let mut belongs = |index: &usize| {
        depth += tokens.get(*index).map_or(0, |token| depth_change(&token.token));
        depth == 0
    };
    let other = if opens {
        (index..tokens.len()).find(|index| belongs(index))
    } else {
        (0..=index).rev().find(|index| belongs(index))
    }?;
    Some(Paint { range: ranges.get(other)?.clone(), style: BRACKET, shown: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sql::dialect::Dialect;

    const CONTINUATION: Continuation = Continuation { width: 4, dialect: Dialect::Ansi };

    fn shown(text: &str) -> String {
        highlight(text, text.len(), CONTINUATION, true).replace('\x1b', "␛")
    }

    /// What is seen when colours are taken away.
    fn plain(text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("\x1b[") {
            plain.push_str(&rest[..at]);
            rest = rest[at..].split_once('m').map_or("", |(_, rest)| rest);
        }
        plain + rest
    }

    #[test]
    fn words_have_colours_by_their_kind() {
        assert_eq!(shown("select name, 'x' -- y"), "␛[1;34mselect␛[0m name, ␛[32m'x'␛[0m ␛[2m-- y␛[0m");
        assert_eq!(shown("limit 10"), "␛[1;34mlimit␛[0m ␛[35m10␛[0m");
        assert_eq!(shown("\"select\""), "\"select\"", "a quoted name is no keyword");
    }

    #[test]
    fn an_open_string_is_a_string_already() {
        assert_eq!(shown("select 'ab"), "␛[1;34mselect␛[0m ␛[32m'ab␛[0m");
    }

    #[test]
    fn known_commands_stand_out() {
        assert_eq!(shown("\\d orders"), "␛[1;36m\\d␛[0m orders");
        assert_eq!(shown("\\nothing"), "\\nothing");
        assert_eq!(shown("quit"), "␛[1;36mquit␛[0m");
    }

    #[test]
    fn the_matching_bracket_stands_out() {
        let text = "f((a), b)";
        assert_eq!(highlight(text, text.len(), CONTINUATION, true), "f\x1b[1;33m(\x1b[0m(a), b)");
        assert_eq!(highlight(text, 2, CONTINUATION, true), "f((a\x1b[1;33m)\x1b[0m, b)");
        assert_eq!(highlight("f((a)", 1, CONTINUATION, true), "f((a)", "an open one has none");
    }

    #[test]
    fn arrows_stand_in_place_of_indents_also_without_colours() {
        assert_eq!(highlight("select\n    1", 0, CONTINUATION, false), "select\n -> 1");
        assert_eq!(highlight("select '\n    1'", 0, CONTINUATION, false), "select '\n    1'");
    }

    proptest! {
        /// The line editor computes the cursor's place from the text, so what is shown has to be as long.
        #[test]
        fn the_text_under_the_colours_is_the_same(text in "(\\PC|[;'\"`\\\\/*\\-()$ \n\t]){0,80}", cursor in 0_usize..80) {
            prop_assume!(!text.contains('\x1b'));
            let shown = highlight(&text, cursor, CONTINUATION, true);
            prop_assert_eq!(plain(&shown).replace(&CONTINUATION.arrow(), "    "), text.replace(&CONTINUATION.arrow(), "    "));
        }
    }
}

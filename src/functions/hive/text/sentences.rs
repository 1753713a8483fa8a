//! `sentences`: the words of a text, sentence by sentence
//!
//! Where a word or a sentence ends is simpler here than in Java's break iterators: a sentence ends in `.`, `!` or `?` before a space (in
//! `.` not before a small letter), and a word is made of letters and digits, with apostrophes, points and commas only within it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::Result;

use crate::functions::columns::within_a_batch;
use crate::functions::define::{Call, Function, Gives, Kind};
use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Function::new(
            Help {
                name: "sentences",
                syntax: "sentences(text[, language[, country]])",
                line: "An array of sentences, each an array of its words.",
                example: "SELECT size(sentences('Hello there! How are you?')), sentences('Hello there! I am.')[1][0]",
                gives: "2,I",
            },
            &[Kind::Text],
            Gives::Of(|_| {
                let words = Field::new_list_field(DataType::new_list(DataType::Utf8, true), true);
                Ok(DataType::List(Arc::new(words)))
            }),
            sentences,
        )
        .optional(&[Kind::Text, Kind::Text])
        .entry(),
    ]
}

fn sentences(call: &Call) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let mut lists = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    let mut bytes = 0;
    for row in 0..call.rows {
        let Some(text) = texts.get(row) else {
            lists.append(false);
            continue;
        };
        let mut rest = text;
        while !rest.is_empty() {
            let (sentence, after) = rest.split_at(end_of_sentence(rest));
            rest = after;
            let mut has_words = false;
            for word in words(sentence) {
                bytes = within_a_batch(bytes, word.len() + 1)?;
                lists.values().values().append_value(word);
                has_words = true;
            }
            if has_words {
                lists.values().append(true);
            }
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn end_of_sentence(text: &str) -> usize {
    let mut end = None;
    for (offset, c) in text.char_indices() {
        match (c, end) {
            // After a point a small letter goes on with the sentence.
            (c, Some((_, '.', true))) if c.is_lowercase() => end = None,
            (c, Some((_, mark, _))) if c.is_whitespace() => end = Some((offset + c.len_utf8(), mark, true)),
            (_, Some((end, _, true))) => return end,
            ('.' | '!' | '?' | '。' | '！' | '？', _) => end = Some((0, c, false)),
            ('"' | '\'' | ')' | '”' | '’', _) => {}
            _ => end = None,
        }
    }
    text.len()
}

fn words(sentence: &str) -> impl Iterator<Item = &str> {
    let mut rest = sentence;
    std::iter::from_fn(move || {
        rest = &rest[rest.find(char::is_alphanumeric)?..];
        let (word, after) = rest.split_at(end_of_word(rest));
        rest = after;
        Some(word)
    })
}

fn end_of_word(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    let mut last = ' ';
    while let Some((offset, c)) = characters.next() {
        let next = characters.peek().map_or(' ', |(_, next)| *next);
        let joins = match c {
            c if c.is_alphanumeric() || c == '_' => true,
            '\'' | '’' | '.' if last.is_alphabetic() && next.is_alphabetic() => true,
            '.' | ',' => last.is_numeric() && next.is_numeric(),
            _ => false,
        };
        if !joins {
            return offset;
        }
        last = c;
    }
    text.len()
}

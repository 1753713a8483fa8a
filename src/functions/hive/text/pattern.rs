//! Compiled patterns: one for a constant, and for a column of patterns each distinct one once a batch
//!
//! A pattern without operators is searched for as the text that it is. Matches are found as Java finds them: after a match that is not
//! empty, an empty one may follow at its end, so that `regexp_replace('ab', 'x*', '-')` is `-a-b-`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::functions::regex::compile_regex;
use memchr::memmem::Finder;

use super::java_regex::translate;
use crate::functions::columns::Texts;

/// Where a match or one of its groups lies.
pub type Span = (usize, usize);
/// The whole match, and its groups; `None` for a group that took no part in it.
pub type Groups = Vec<Option<Span>>;

type Test = Box<dyn Fn(&str) -> bool>;
type Find = Box<dyn Fn(&str, usize) -> Option<Span>>;
type Capture = Box<dyn Fn(&str, usize, &mut Groups) -> bool>;

pub struct Pattern {
    test: Test,
    find: Find,
    capture: Capture,
    names: Vec<Option<String>>,
    /// Whether it may match before a line end that closes the text as at the end of the text.
    has_end: bool,
}

impl Pattern {
    pub fn new(pattern: &str) -> Result<Self> {
        match as_literal(pattern) {
            Some(literal) => Ok(Self::literal(&literal)),
            None => Self::regex(pattern),
        }
    }

    fn literal(literal: &str) -> Self {
        let (length, finder) = (literal.len(), Arc::new(Finder::new(literal).into_owned()));
        let find = move |text: &str, at: usize| {
            let start = at + finder.find(text.as_bytes().get(at..)?)?;
            Some((start, start + length))
        };
        let capturing = find.clone();
        let capture = move |text: &str, at: usize, groups: &mut Groups| {
            let found = capturing(text, at);
            groups.clear();
            groups.push(found);
            found.is_some()
        };
        let testing = find.clone();
        Pattern {
            test: Box::new(move |text| testing(text, 0).is_some()),
            find: Box::new(find),
            capture: Box::new(capture),
            names: vec![None],
            has_end: false,
        }
    }

    fn regex(pattern: &str) -> Result<Self> {
        let translated = match translate(pattern) {
            Ok(translated) => translated,
            Err(reason) => return exec_err!("the regular expression '{pattern}' cannot be used: {reason}"),
        };
        let Ok(regex) = compile_regex(&translated.pattern, None) else {
            return exec_err!("'{pattern}' is not a regular expression, or it is too large");
        };
        let names = regex.capture_names().map(|name| name.map(str::to_owned)).collect();
        let locations = RefCell::new(regex.capture_locations());
        let (testing, finding) = (regex.clone(), regex.clone());
        let find = move |text: &str, at: usize| finding.find_at(text, at).map(|found| (found.start(), found.end()));
        let capture = move |text: &str, at: usize, groups: &mut Groups| {
            let mut locations = locations.borrow_mut();
            if regex.captures_read_at(&mut locations, text, at).is_none() {
                return false;
            }
            groups.clear();
            groups.extend((0..locations.len()).map(|group| locations.get(group)));
            true
        };
        Ok(Pattern {
            test: Box::new(move |text| testing.is_match(text)),
            find: Box::new(find),
            capture: Box::new(capture),
            names,
            has_end: translated.has_end,
        })
    }

    /// How many groups there are, without the whole match.
    pub fn groups(&self) -> usize {
        self.names.len().saturating_sub(1)
    }

    pub fn group_named(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|group| group.as_deref() == Some(name))
    }

    pub fn is_match(&self, text: &str) -> bool {
        (self.test)(text) || self.without_line_end(text, 0).is_some_and(&self.test)
    }

    /// The first match from a place on, which lies between characters.
    pub fn find(&self, text: &str, at: usize) -> Option<Span> {
        if at > text.len() {
            return None;
        }
        let found = (self.find)(text, at);
        match self.without_line_end(text, at) {
            Some(line) => match ((self.find)(line, at), found) {
                (Some(earlier), Some(found)) if earlier.0 >= found.0 => Some(found),
                (earlier, found) => earlier.or(found),
            },
            None => found,
        }
    }

    /// A text without the line end that closes it, if a `$` may match before that.
    fn without_line_end<'a>(&self, text: &'a str, at: usize) -> Option<&'a str> {
        if !self.has_end {
            return None;
        }
        let line = match text.strip_suffix("\r\n") {
            Some(line) => line,
            None => text.strip_suffix(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])?,
        };
        (at <= line.len()).then_some(line)
    }

    /// As [`Self::find`], with the groups of the match.
    pub fn capture(&self, text: &str, at: usize, groups: &mut Groups) -> bool {
        if !self.has_end {
            return at <= text.len() && (self.capture)(text, at, groups);
        }
        let Some((start, end)) = self.find(text, at) else { return false };
        match self.without_line_end(text, at) {
            // The match may be the one in the text without its line end.
            Some(line) if end <= line.len() && (self.find)(text, at) != Some((start, end)) => {
                (self.capture)(line, start, groups)
            }
            _ => (self.capture)(text, start, groups),
        }
    }

    /// The parts of a text between matches, as Java's `split` gives them with a limit below zero (`None`: as many as there are) or
    /// above.
    pub fn split<'a>(&self, text: &'a str, limit: Option<usize>, parts: &mut Vec<&'a str>) {
        parts.clear();
        let (mut start, mut at) = (0, 0);
        while limit.is_none_or(|limit| parts.len() + 1 < limit) {
            let Some((from, to)) = self.find(text, at) else { break };
            at = next_search(text, (from, to));
            // An empty match at the beginning parts nothing.
            if to == 0 {
                continue;
            }
            parts.push(&text[start..from]);
            start = to;
        }
        parts.push(&text[start..]);
    }
}

/// The text that a pattern stands for, if it has no operators.
fn as_literal(pattern: &str) -> Option<String> {
    let mut literal = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(escaped) if escaped.is_ascii_punctuation() => literal.push(escaped),
                _ => return None,
            },
            '.' | '[' | ']' | '(' | ')' | '{' | '}' | '*' | '+' | '?' | '^' | '$' | '|' => return None,
            c => literal.push(c),
        }
    }
    (!literal.is_empty()).then_some(literal)
}

/// Where the search goes on after a match.
pub fn next_search(text: &str, (start, end): Span) -> usize {
    if start < end {
        return end;
    }
    end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}

/// The patterns of a batch.
pub struct Patterns {
    texts: Texts,
    compiled: HashMap<String, Pattern>,
    constant: Option<Pattern>,
}

/// More distinct patterns than these are not held at a time.
const MOST_PATTERNS: usize = 256;

impl Patterns {
    pub fn new(texts: Texts) -> Result<Self> {
        let constant = texts.constant().flatten().map(Pattern::new).transpose()?;
        Ok(Patterns { texts, compiled: HashMap::new(), constant })
    }

    pub fn get(&mut self, row: usize) -> Result<Option<&Pattern>> {
        if self.constant.is_some() {
            return Ok(self.constant.as_ref());
        }
        let Some(text) = self.texts.get(row) else { return Ok(None) };
        if !self.compiled.contains_key(text) {
            if self.compiled.len() >= MOST_PATTERNS {
                self.compiled.clear();
            }
            self.compiled.insert(text.to_owned(), Pattern::new(text)?);
        }
        Ok(self.compiled.get(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> Option<String> {
        let pattern = Pattern::new(pattern).unwrap();
        let mut groups = Groups::new();
        let captured = pattern.capture(text, 0, &mut groups).then(|| groups[0].unwrap());
        assert_eq!(captured, pattern.find(text, 0));
        captured.map(|(start, end)| text[start..end].to_owned())
    }

    #[test]
    fn an_end_is_before_the_last_line_end_too() {
        assert_eq!(found("b$", "ab\n").as_deref(), Some("b"));
        assert_eq!(found("b$", "b\nb\r\n").as_deref(), Some("b"));
        assert_eq!(found("b$", "b\n\n"), None);
        assert_eq!(found(r"b\s*$", "ab\n").as_deref(), Some("b\n"));
        assert_eq!(found(".*$", "ab\n").as_deref(), Some("ab"));
        assert_eq!(found(r"b\z", "ab\n"), None);
        assert_eq!(found("(?m)a$", "a\nb\n").as_deref(), Some("a"));
    }

    #[test]
    fn parts_are_javas() {
        let split = |pattern: &str, text: &'static str, limit: Option<usize>| {
            let mut parts = Vec::new();
            Pattern::new(pattern).unwrap().split(text, limit, &mut parts);
            parts
        };
        assert_eq!(split(",", "a,b,,", None), ["a", "b", "", ""]);
        assert_eq!(split(",", ",a", None), ["", "a"]);
        assert_eq!(split("", "äb", None), ["ä", "b", ""]);
        assert_eq!(split("x*", "axb", None), ["a", "", "b", ""]);
        assert_eq!(split(",", "", None), [""]);
        assert_eq!(split(",", "a,b,c", Some(2)), ["a", "b,c"]);
        assert_eq!(split("(?i)X", "axbXc", None), ["a", "b", "c"]);
    }
}

//! Completion in commands to the shell.

use std::path::Path;

use super::{Candidate, Completion, files, named, plain, with_dot};
use crate::catalog::model::beside;
use crate::cli::meta::{self, COMMANDS, Completes, OPTIONS};
use crate::cli::shell::names::Names;

/// Completes a command's name or its last argument. `None`: this is no command.
pub(super) fn complete(typed: &str, names: &Names, base: &Path) -> Option<Completion> {
    if !typed.starts_with(['\\', '.', '!']) && !typed.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("source "))
    {
        return None;
    }
    let name = meta::name_of(typed);
    if name.len() == typed.len() {
        return Some((0, command_names(typed)));
    }
    let Some((command, _)) = meta::find(name) else { return Some((typed.len(), Vec::new())) };
    let rest = typed.get(name.len()..).unwrap_or_default();
    let start = typed.len() - rest.len() + last_word(rest);
    let word = typed.get(start..).unwrap_or_default();
    let earlier: Vec<&str> = typed.get(name.len()..start).unwrap_or_default().split_whitespace().collect();
    let candidates = match command.completes() {
        Completes::Nothing => Vec::new(),
        Completes::Words(words) => words_of(word, words),
        Completes::Options => match earlier.as_slice() {
            [] => {
                let names: Vec<_> = OPTIONS.iter().map(|option| option.name).collect();
                words_of(word, &names)
            }
            [name] => OPTIONS
                .iter()
                .find(|option| option.name == *name)
                .map_or_else(Vec::new, |option| words_of(word, option.values)),
            _ => Vec::new(),
        },
        Completes::Databases => named(word, names.databases_here().iter()),
        Completes::Functions => {
            let at_hand = names.at_hand();
            let typed = word.to_lowercase();
            at_hand.functions.iter().filter(|name| name.starts_with(&typed)).map(|name| plain(name)).collect()
        }
        Completes::Variables if earlier.is_empty() => {
            let at_hand = names.at_hand();
            at_hand.variables.iter().filter(|name| name.starts_with(word)).map(|name| plain(name)).collect()
        }
        Completes::Variables => Vec::new(),
        Completes::Commands => command_names(word),
        Completes::Relations => return Some(relations(start, word, names)),
        Completes::Files => return Some(paths(start, word, base)),
    };
    Some((start, candidates))
}

/// Where the last word begins: behind the last blank that is not in quotes.
fn last_word(text: &str) -> usize {
    let mut start = 0;
    let mut open = None;
    for (at, c) in text.char_indices() {
        match open {
            None if c.is_whitespace() => start = at + c.len_utf8(),
            None if matches!(c, '\'' | '"') => open = Some(c),
            Some(quote) if quote == c => open = None,
            _ => {}
        }
    }
    start
}

fn command_names(typed: &str) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = COMMANDS
        .iter()
        .flat_map(|command| command.names().iter().map(move |name| (command, *name)))
        .filter(|(_, name)| name.starts_with(typed) && name.starts_with(['\\', '.', '!']))
        .map(|(command, name)| {
            let blank = if command.arguments().is_empty() { "" } else { " " };
            Candidate { display: name.to_string(), replacement: format!("{name}{blank}") }
        })
        .collect();
    found.sort_by(|a, b| a.display.cmp(&b.display));
    found
}

fn words_of(typed: &str, words: &[&str]) -> Vec<Candidate> {
    words.iter().filter(|word| word.starts_with(&typed.to_lowercase())).map(|word| plain(word)).collect()
}

fn relations(start: usize, word: &str, names: &Names) -> Completion {
    match word.rsplit_once('.') {
        Some((qualifier, typed)) => {
            let at_hand = names.at_hand();
            let lower = qualifier.to_lowercase();
            let found = match lower.split_once('.') {
                Some(_) => named(typed, names.relations(&lower).iter()),
                None if at_hand.catalogs.contains(&lower) => with_dot(typed, names.databases(&lower).iter()),
                None => named(typed, names.relations(&beside(&at_hand.database, &lower)).iter()),
            };
            (start + qualifier.len() + 1, found)
        }
        None => {
            let at_hand = names.at_hand();
            let mut found = named(word, names.relations(&at_hand.database).iter());
            if !word.is_empty() {
                found.extend(with_dot(word, names.databases_here().iter().chain(&at_hand.catalogs)));
            }
            (start, found)
        }
    }
}

/// A path, in quotes if it needs them.
fn paths(start: usize, word: &str, base: &Path) -> Completion {
    let quote = word.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let typed = word.strip_prefix(['\'', '"']).unwrap_or(word);
    let mut found = files::paths(typed, base);
    let only_one = found.len() == 1;
    for candidate in &mut found {
        let is_folder = candidate.replacement.ends_with('/');
        let needs_quotes = candidate.replacement.contains(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | ';'));
        if let Some(quote) = quote.or_else(|| needs_quotes.then_some('\'')) {
            let doubled = candidate.replacement.replace(quote, &format!("{quote}{quote}"));
            let end = if only_one && !is_folder { quote.to_string() } else { String::new() };
            candidate.replacement = format!("{quote}{doubled}{end}");
        }
    }
    (start, found)
}

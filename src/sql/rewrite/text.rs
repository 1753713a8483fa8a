//! What the parser does not keep is looked up in the text.

use crate::sql::source::{Location, Source};

/// The word in front of a place, in capitals; `None` if something else stands there.
pub(super) fn word_before(source: &Source, place: Location) -> Option<String> {
    let column = usize::try_from(place.column.checked_sub(1)?).ok()?;
    let mut text: String = source.line(place.line)?.chars().take(column).collect();
    let mut line = place.line;
    while text.trim_end().is_empty() {
        line = line.checked_sub(1)?;
        text = source.line(line)?.to_string();
    }
    let text = text.trim_end();
    let word = text.rsplit(|char: char| !char.is_alphanumeric() && char != '_').next()?;
    (!word.is_empty()).then(|| word.to_uppercase())
}

/// The next character that is no blank, from a place on, and where it stands.
pub(super) fn next_char(source: &Source, place: Location) -> Option<(char, Location)> {
    let mut skipped = usize::try_from(place.column.checked_sub(1)?).ok()?;
    let mut number = place.line;
    loop {
        let line = source.line(number)?;
        let found = line.chars().enumerate().skip(skipped).find(|(_, char)| !char.is_whitespace());
        if let Some((at, char)) = found {
            return Some((char, Location::new(number, at as u64 + 1)));
        }
        skipped = 0;
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_may_stand_on_an_earlier_line() {
        let source = Source::new("q.sql", "trim(leading\n\n  s, 'é' as x)");
        assert_eq!(word_before(&source, Location::new(3, 3)).as_deref(), Some("LEADING"));
        assert_eq!(word_before(&source, Location::new(3, 13)).as_deref(), Some("AS"));
        assert_eq!(word_before(&source, Location::new(3, 10)), None);
        assert_eq!(word_before(&source, Location::new(1, 1)), None);
        assert_eq!(word_before(&source, Location::new(0, 0)), None);
    }

    #[test]
    fn the_next_character_may_stand_on_a_later_line() {
        let source = Source::new("q.sql", "'é'  \n\n 'b'");
        assert_eq!(next_char(&source, Location::new(1, 4)), Some(('\'', Location::new(3, 2))));
        assert_eq!(next_char(&source, Location::new(1, 2)), Some(('é', Location::new(1, 2))));
        assert_eq!(next_char(&source, Location::new(3, 5)), None);
        assert_eq!(next_char(&source, Location::new(9, 1)), None);
    }
}

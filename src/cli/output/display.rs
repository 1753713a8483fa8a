//! Text as it may be shown on a terminal: nothing in it moves the cursor, changes colours or turns the reading direction,
//! and its width in columns is known.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands for what was cut off.
pub const ELLIPSIS: &str = "…";

/// Appends `text` on one line, with everything that a terminal would act on made visible: `\n`, `\t`, `\x1B`, `\u202E`.
pub fn escape(text: &str, out: &mut String) {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return out.push_str(text);
    }
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if is_unsafe(control) => {
                let code = u32::from(control);
                out.push_str(&if code < 0x80 { format!("\\x{code:02X}") } else { format!("\\u{code:04X}") });
            }
            harmless => out.push(harmless),
        }
    }
}

/// Characters that a terminal acts on in place of showing them.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Line and paragraph separators, and the byte order mark.
            '\u{2028}' | '\u{2029}' | '\u{FEFF}'
            // What sets the reading direction.
            | '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Terminal columns that `text` takes, which has been through [`escape`].
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { UnicodeWidthStr::width(text) }
}

/// `text`, or its beginning and `…`, in at most `columns` terminal columns.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let mut used = 0;
    let mut end = 0;
    for (index, character) in text.char_indices() {
        used += UnicodeWidthChar::width(character).unwrap_or(0);
        if used > room {
            break;
        }
        end = index + character.len_utf8();
    }
    let mut kept = text.get(..end).unwrap_or_default();
    // A sequence can be wider than its characters: an emoji with a variation selector.
    while width(kept) > room {
        kept = kept.char_indices().next_back().and_then(|(index, _)| kept.get(..index)).unwrap_or_default();
    }
    Cow::Owned(format!("{kept}{ELLIPSIS}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape(text, &mut out);
        out
    }

    #[test]
    fn what_a_terminal_would_act_on_is_made_visible() {
        assert_eq!(escaped("a\nb\r\tc"), r"a\nb\r\tc");
        assert_eq!(escaped("\x1b[31mred\x07\x7f"), r"\x1B[31mred\x07\x7F");
        assert_eq!(escaped("\u{9b}31m \u{202e}abc"), r"\u009B31m \u202Eabc");
        assert_eq!(escaped("日本 é \\"), "日本 é \\");
    }

    #[test]
    fn wide_characters_count_as_two() {
        assert_eq!(width("日本"), 4);
        assert_eq!(width("🦤"), 2);
        assert_eq!(width("e\u{301}"), 1);
    }

    #[test]
    fn long_text_ends_in_an_ellipsis() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 1), "…");
        assert_eq!(cut("abc", 0), "");
    }

    proptest! {
        #[test]
        fn a_cut_text_fits(text in any::<String>(), columns in 0_usize..20) {
            let text = escaped(&text);
            prop_assert!(width(&cut(&text, columns)) <= columns);
        }
    }
}

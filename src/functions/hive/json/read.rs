//! JSON as Hive reads it: control characters may stand in texts, and a backslash before any character
//!
//! What is JSON by the book is read as it is; only where that fails, the text is mended first.

use std::borrow::Cow;

use serde_json::Value;

/// `None` if the text is no JSON.
pub(super) fn value(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&mended(text)?).ok())
}

/// The text by the book, if that is another one.
fn mended(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len() + 16);
    let mut in_text = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                in_text = !in_text;
                mended.push('"');
            }
            '\\' if in_text => match characters.next()? {
                escape @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u') => mended.extend(['\\', escape]),
                other => mended.push_str(&written(other)),
            },
            other if in_text => mended.push_str(&written(other)),
            other => mended.push(other),
        }
    }
    (mended != text).then_some(mended)
}

fn written(character: char) -> Cow<'static, str> {
    match u32::from(character) {
        code @ ..0x20 => Cow::Owned(format!("\\u{code:04x}")),
        _ => Cow::Owned(character.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::value;

    #[test]
    fn control_characters_and_odd_escapes_are_read() {
        assert_eq!(value("{\"a\":\"b\nc\td\"}"), Some(json!({"a": "b\nc\td"})));
        assert_eq!(value(r#"{"a":"it\'s \d"}"#), Some(json!({"a": "it's d"})));
        assert_eq!(value(r#"{"a":"\u0041\\"}"#), Some(json!({"a": "A\\"})));
    }

    #[test]
    fn what_is_no_json_is_none() {
        for text in ["", "{", "{'a':1}", "{\"a\":\n}", "\"a\\"] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}

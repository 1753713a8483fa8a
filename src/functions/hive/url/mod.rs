//! Addresses of the web

mod parse_url;

use crate::functions::entry::{Entry, Help};

pub(super) fn entries() -> Vec<Entry> {
    let mut entries = parse_url::entries();
    entries.extend(
        [
            Help {
                name: "url_encode",
                syntax: "url_encode(text)",
                line: "A text as it may stand in a query: letters and digits, + for a space, and %xx.",
                example: "SELECT url_encode('https://a.b/c d')",
                gives: "https%3A%2F%2Fa.b%2Fc+d",
            },
            Help {
                name: "url_decode",
                syntax: "url_decode(text)",
                line: "The text that url_encode was given.",
                example: "SELECT url_decode('https%3A%2F%2Fa.b%2Fc+d')",
                gives: "https://a.b/c d",
            },
        ]
        .map(Entry::known),
    );
    entries
}

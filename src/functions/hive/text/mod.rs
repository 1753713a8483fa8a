//! Texts: parts of them, patterns in them, numbers as them

mod case;
mod charset;
mod concat;
mod format_number;
pub(crate) mod java_regex;
mod known;
mod length;
mod locate;
mod pad;
mod pattern;
mod printf;
mod regexp;
mod repeat;
mod replace;
mod rounding;
mod sentences;
mod split;
mod substring;
#[cfg(test)]
mod tests;

pub use substring::Substring;

use datafusion::error::Result;

use crate::functions::entry::Entry;

/// Whether a text is a regular expression that can be used.
pub(crate) fn check_pattern(text: &str) -> Result<()> {
    pattern::Pattern::new(text).map(drop)
}

pub(super) fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for family in [
        case::entries,
        charset::entries,
        concat::entries,
        format_number::entries,
        known::entries,
        length::entries,
        locate::entries,
        pad::entries,
        printf::entries,
        regexp::entries,
        repeat::entries,
        replace::entries,
        sentences::entries,
        split::entries,
        substring::entries,
    ] {
        entries.extend(family());
    }
    entries
}

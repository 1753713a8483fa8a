//! Searching for one text in many: what is prepared for a text stays as long as it is the same

use memchr::memmem::Finder;

/// Nothing is prepared at first.
#[derive(Default)]
pub struct Searcher<'a> {
    last: Option<(&'a str, Finder<'a>)>,
}

impl<'a> Searcher<'a> {
    /// The byte at which a part first begins.
    pub fn find(&mut self, text: &str, part: &'a str) -> Option<usize> {
        if let [byte] = part.as_bytes() {
            return memchr::memchr(*byte, text.as_bytes());
        }
        if !self.last.as_ref().is_some_and(|(last, _)| std::ptr::eq(*last, part)) {
            self.last = Some((part, Finder::new(part)));
        }
        self.last.as_ref().and_then(|(_, finder)| finder.find(text.as_bytes()))
    }
}

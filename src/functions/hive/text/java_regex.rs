//! Regular expressions of Java, written in the syntax of the `regex` crate
//!
//! Most of a pattern means the same in both. What differs is rewritten: `\d`, `\w`, `\s` and `.` match fewer characters in Java, `\Q…\E`
//! quotes, `\h` and `\R` have no counterpart, `[[:a]` is no POSIX class, and `(?U)` says something else. What the crate cannot do
//! (looking around, referring back, possessive quantifiers) is an error that names it, not a pattern with another meaning.

use std::iter::Peekable;
use std::str::Chars;

/// The reason why a pattern cannot be had.
pub type Unsupported = String;

/// A pattern for the crate.
#[derive(Debug, PartialEq, Eq)]
pub struct Translated {
    pub pattern: String,
    /// Whether it has a `$`, which in Java matches before a line end that closes the text, too.
    pub has_end: bool,
}

pub fn translate(pattern: &str) -> Result<Translated, Unsupported> {
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len() + 16),
        modes: vec![Modes::default()],
        has_end: false,
    };
    translator.alternatives()?;
    Ok(Translated { pattern: translator.out, has_end: translator.has_end })
}

/// What flags such as `(?sx)` have switched on.
#[derive(Debug, Clone, Copy, Default)]
struct Modes {
    dot_matches_line_ends: bool,
    comments: bool,
    /// `^` and `$` match at each line.
    lines: bool,
}

/// What a backslash and what follows it stand for.
enum Escape {
    Character(char),
    /// A class with its brackets, or an assertion.
    Class(String),
    Quoted(String),
}

const LINE_END: &str = r"\n\r\x{85}\x{2028}\x{2029}";
const HORIZONTAL: &str = r"\t \x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}";
const VERTICAL: &str = r"\n\x0B\f\r\x{85}\x{2028}\x{2029}";

const POSIX: [&str; 13] = [
    "Lower", "Upper", "ASCII", "Alpha", "Digit", "Alnum", "Punct", "Graph", "Print", "Blank", "Cntrl", "XDigit",
    "Space",
];

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// One per open group, and one below all.
    modes: Vec<Modes>,
    has_end: bool,
}

impl Translator<'_> {
    fn mode(&self) -> Modes {
        self.modes.last().copied().unwrap_or_default()
    }

    fn next_is(&mut self, wanted: char) -> bool {
        self.rest.next_if_eq(&wanted).is_some()
    }

    fn alternatives(&mut self) -> Result<(), Unsupported> {
        let mut is_after_quantifier = false;
        while let Some(c) = self.rest.next() {
            let was_after_quantifier = std::mem::take(&mut is_after_quantifier);
            match c {
                '\\' => self.escape_outside()?,
                '[' => self.class()?,
                '(' => self.open()?,
                ')' => {
                    if self.modes.len() > 1 {
                        self.modes.pop();
                    }
                    self.out.push(')');
                }
                '.' if self.mode().dot_matches_line_ends => self.out.push_str("(?s:.)"),
                '.' => {
                    self.out.push_str("[^");
                    self.out.push_str(LINE_END);
                    self.out.push(']');
                }
                '+' if was_after_quantifier => return Err("possessive quantifiers".to_owned()),
                '*' | '+' => {
                    self.out.push(c);
                    is_after_quantifier = true;
                }
                '?' => {
                    self.out.push('?');
                    // The second of two makes the first one reluctant.
                    is_after_quantifier = !was_after_quantifier;
                }
                '{' => {
                    self.out.push('{');
                    for c in self.rest.by_ref() {
                        self.out.push(c);
                        if c == '}' {
                            break;
                        }
                    }
                    is_after_quantifier = true;
                }
                '#' if self.mode().comments => {
                    for c in self.rest.by_ref() {
                        if c == '\n' {
                            break;
                        }
                    }
                }
                c if c.is_whitespace() && self.mode().comments => is_after_quantifier = was_after_quantifier,
                '$' => {
                    self.has_end |= !self.mode().lines;
                    self.out.push('$');
                }
                '|' | '^' => self.out.push(c),
                c => push_literal(&mut self.out, c),
            }
        }
        Ok(())
    }

    /// After a parenthesis.
    fn open(&mut self) -> Result<(), Unsupported> {
        let mode = self.mode();
        if !self.next_is('?') {
            self.modes.push(mode);
            self.out.push('(');
            return Ok(());
        }
        match self.rest.peek() {
            Some('=' | '!') => Err("lookahead".to_owned()),
            Some('>') => Err("atomic groups".to_owned()),
            Some('<') => {
                self.rest.next();
                if matches!(self.rest.peek(), Some('=' | '!')) {
                    return Err("lookbehind".to_owned());
                }
                self.modes.push(mode);
                self.out.push_str("(?P<");
                for c in self.rest.by_ref() {
                    self.out.push(c);
                    if c == '>' {
                        break;
                    }
                }
                Ok(())
            }
            _ => self.flags(mode),
        }
    }

    /// `i-s)` or `i-s:` after `(?`.
    fn flags(&mut self, mut mode: Modes) -> Result<(), Unsupported> {
        let mut is_on = true;
        let (mut on, mut off) = (String::new(), String::new());
        loop {
            let Some(c) = self.rest.next() else { return Err("a group that does not end".to_owned()) };
            match c {
                '-' => is_on = false,
                's' => mode.dot_matches_line_ends = is_on,
                'x' => mode.comments = is_on,
                'i' | 'm' => {
                    if c == 'm' {
                        mode.lines = is_on;
                    }
                    if is_on { on.push(c) } else { off.push(c) }
                }
                // Unix lines, Unicode case and Unicode classes: the crate's ways are near enough.
                'd' | 'u' | 'U' => {}
                ':' | ')' => {
                    if c == ':' {
                        self.modes.push(mode);
                    } else if let Some(last) = self.modes.last_mut() {
                        *last = mode;
                    }
                    if c == ')' && on.is_empty() && off.is_empty() {
                        return Ok(());
                    }
                    self.out.push_str("(?");
                    self.out.push_str(&on);
                    if !off.is_empty() {
                        self.out.push('-');
                        self.out.push_str(&off);
                    }
                    self.out.push(c);
                    return Ok(());
                }
                other => return Err(format!("the flag {other}")),
            }
        }
    }

    fn escape_outside(&mut self) -> Result<(), Unsupported> {
        match self.escape(false)? {
            Escape::Character(c) => push_literal(&mut self.out, c),
            Escape::Class(class) => self.out.push_str(&class),
            Escape::Quoted(text) => text.chars().for_each(|c| push_literal(&mut self.out, c)),
        }
        Ok(())
    }

    /// After an opening bracket.
    fn class(&mut self) -> Result<(), Unsupported> {
        self.out.push('[');
        if self.next_is('^') {
            self.out.push('^');
        }
        let mut is_first = true;
        // Whether what stands last may begin a range.
        let mut may_begin = false;
        while let Some(c) = self.rest.next() {
            match c {
                ']' if !is_first => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' => {
                    self.class()?;
                    may_begin = false;
                }
                '&' if self.next_is('&') => {
                    self.out.push_str("&&");
                    may_begin = false;
                }
                '-' if may_begin && !matches!(self.rest.peek(), None | Some(']' | '[')) => {
                    self.out.push('-');
                    match self.rest.next() {
                        Some('\\') => match self.escape(true)? {
                            Escape::Character(c) => push_literal(&mut self.out, c),
                            _ => return Err("a range that ends in a class".to_owned()),
                        },
                        Some(end) => push_literal(&mut self.out, end),
                        None => {}
                    }
                    may_begin = false;
                }
                '\\' => match self.escape(true)? {
                    Escape::Character(c) => {
                        push_literal(&mut self.out, c);
                        may_begin = true;
                    }
                    Escape::Class(class) => {
                        self.out.push_str(&class);
                        may_begin = false;
                    }
                    Escape::Quoted(text) => {
                        text.chars().for_each(|c| push_literal(&mut self.out, c));
                        may_begin = true;
                    }
                },
                c => {
                    push_literal(&mut self.out, c);
                    may_begin = true;
                }
            }
            is_first = false;
        }
        Err("a class that does not end".to_owned())
    }

    /// After a backslash.
    fn escape(&mut self, in_class: bool) -> Result<Escape, Unsupported> {
        let Some(c) = self.rest.next() else { return Err("a backslash at the end".to_owned()) };
        let class = |members: &str| Ok(Escape::Class(format!("[{members}]")));
        let character = |c: char| Ok(Escape::Character(c));
        match c {
            'd' => class("0-9"),
            'D' => class("^0-9"),
            'w' => class("a-zA-Z0-9_"),
            'W' => class("^a-zA-Z0-9_"),
            's' => class(r"\x20\t\n\x0B\f\r"),
            'S' => class(r"^\x20\t\n\x0B\f\r"),
            'h' => class(HORIZONTAL),
            'H' => class(&format!("^{HORIZONTAL}")),
            'v' => class(VERTICAL),
            'V' => class(&format!("^{VERTICAL}")),
            'R' if !in_class => Ok(Escape::Class(format!(r"(?:\r\n|[{VERTICAL}])"))),
            'b' | 'B' | 'A' | 'z' if !in_class => Ok(Escape::Class(format!(r"\{c}"))),
            'Z' if !in_class => {
                self.has_end = true;
                Ok(Escape::Class(r"\z".to_owned()))
            }
            't' => character('\t'),
            'n' => character('\n'),
            'r' => character('\r'),
            'f' => character('\x0C'),
            'a' => character('\x07'),
            'e' => character('\x1B'),
            'c' => match self.rest.next() {
                Some(c) if c.is_ascii() => character(char::from(c as u8 ^ 0x40)),
                _ => Err(r"\c without a letter".to_owned()),
            },
            '0' => self.octal().map(Escape::Character),
            'x' => self.hexadecimal().map(Escape::Character),
            'u' => self.utf16().map(Escape::Character),
            'p' | 'P' => self.property(c == 'P').map(Escape::Class),
            'Q' => {
                let mut quoted = String::new();
                while let Some(c) = self.rest.next() {
                    if c == '\\' && self.next_is('E') {
                        break;
                    }
                    quoted.push(c);
                }
                Ok(Escape::Quoted(quoted))
            }
            'E' => Ok(Escape::Quoted(String::new())),
            '1'..='9' | 'k' => Err("references back".to_owned()),
            c if c.is_ascii_alphabetic() => Err(format!(r"\{c}")),
            c => character(c),
        }
    }

    fn octal(&mut self) -> Result<char, Unsupported> {
        let mut value = 0;
        for index in 0..3 {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8)) else { break };
            if index == 2 && value > 0o37 {
                break;
            }
            value = value * 8 + digit;
            self.rest.next();
        }
        char::from_u32(value).ok_or_else(|| r"\0".to_owned())
    }

    fn hex_digits(&mut self, count: usize) -> Result<u32, Unsupported> {
        let mut value: u32 = 0;
        for _ in 0..count {
            match self.rest.next().and_then(|c| c.to_digit(16)) {
                Some(digit) => value = value * 16 + digit,
                None => return Err("a character code with too few digits".to_owned()),
            }
        }
        Ok(value)
    }

    fn hexadecimal(&mut self) -> Result<char, Unsupported> {
        let code = if self.next_is('{') {
            let digits: String = self.rest.by_ref().take_while(|c| *c != '}').collect();
            u32::from_str_radix(&digits, 16).ok()
        } else {
            Some(self.hex_digits(2)?)
        };
        code.and_then(char::from_u32).ok_or_else(|| "a code of no character".to_owned())
    }

    fn utf16(&mut self) -> Result<char, Unsupported> {
        let mut units = vec![self.hex_digits(4)? as u16];
        if (0xD800..0xDC00).contains(&units[0]) && self.next_is('\\') && self.next_is('u') {
            units.push(self.hex_digits(4)? as u16);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(c),
            _ => Err("a code of no character".to_owned()),
        }
    }

    /// `L`, `{Alpha}` or `{IsGreek}` after `\p`. Java's POSIX names are of ASCII alone.
    fn property(&mut self, is_negated: bool) -> Result<String, Unsupported> {
        let name: String = match self.rest.next() {
            Some('{') => self.rest.by_ref().take_while(|c| *c != '}').collect(),
            Some(c) => c.to_string(),
            None => return Err(r"\p without a name".to_owned()),
        };
        if POSIX.contains(&name.as_str()) {
            let name = name.to_ascii_lowercase();
            return Ok(format!("[[:{}{name}:]]", if is_negated { "^" } else { "" }));
        }
        let name = match name.as_str() {
            "javaLowerCase" => "Lowercase",
            "javaUpperCase" => "Uppercase",
            "javaWhitespace" => "White_Space",
            "javaLetter" | "javaAlphabetic" => "Alphabetic",
            "L1" => return Ok(format!("[{}\\x{{0}}-\\x{{FF}}]", if is_negated { "^" } else { "" })),
            name if name.starts_with("In") => return Err(format!("the block {name}")),
            name => name.strip_prefix("Is").unwrap_or(name),
        };
        Ok(format!(r"\{}{{{name}}}", if is_negated { 'P' } else { 'p' }))
    }
}

fn push_literal(out: &mut String, c: char) {
    // `\<` and `\>` are not these characters to the crate.
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '_') {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests;

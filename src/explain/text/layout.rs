//! Numbers, lines and their breaks.

use console::measure_text_width;

use crate::explain::report::ScanFigures;

/// What every terminal has.
pub(super) const WIDTH: usize = 80;

/// `1,234,567`; from ten billion on `1.2e10`.
pub(super) fn number(value: u64) -> String {
    if value >= 10_000_000_000 {
        return format!("{:.1e}", value as f64);
    }
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The text over lines of at most [`WIDTH`] columns; a word that is longer stands alone.
pub(super) fn indented(text: &str, first: &str, rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for written in text.lines() {
        let mut line = if lines.is_empty() { first } else { rest }.to_string();
        let mut is_empty = true;
        for word in written.split_whitespace() {
            if !is_empty && measure_text_width(&line) + 1 + measure_text_width(word) > WIDTH {
                lines.push(std::mem::replace(&mut line, rest.to_string()));
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        lines.push(line);
    }
    lines
}

/// `3 of 10 files, 2 of 8 row groups, 1.2 MB`
pub(super) fn scan(figures: &ScanFigures) -> String {
    let part = |read: Option<u64>, pruned: Option<u64>, what: &str| {
        let read = read?;
        let plural = |count: u64| if count == 1 { what.to_string() } else { format!("{what}s") };
        Some(match pruned.unwrap_or(0) {
            0 => format!("{} {}", number(read), plural(read)),
            pruned => format!("{} of {} {}", number(read), number(read + pruned), plural(read + pruned)),
        })
    };
    let files = part(figures.files, figures.files_pruned, "file");
    let pruned_groups = figures.row_groups_pruned.unwrap_or(0);
    let groups =
        part(figures.row_groups.map(|all| all.saturating_sub(pruned_groups)), figures.row_groups_pruned, "row group");
    let bytes = figures.bytes_scanned.map(|bytes| bytesize::ByteSize::b(bytes).display().si().to_string());
    [files, groups, bytes].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

//! The cap on the rows that eyes get to see, and the line under them that says so.

use super::Summary;

/// Counts rows and says which are shown.
pub(super) struct RowLimit {
    max: Option<usize>,
    shown: usize,
    seen: u64,
}

impl RowLimit {
    pub(super) fn new(max: Option<usize>) -> Self {
        RowLimit { max, shown: 0, seen: 0 }
    }

    /// Counts `rows` more and returns how many of them, from the front, are to be shown.
    pub(super) fn admit(&mut self, rows: usize) -> usize {
        let admitted = self.max.map_or(rows, |max| rows.min(max.saturating_sub(self.shown)));
        self.shown += admitted;
        self.seen += rows as u64;
        admitted
    }

    /// Until a row too many was seen: only then is it sure that there are more than the cap.
    pub(super) fn wants_more(&self) -> bool {
        !self.is_cut()
    }

    /// Rows were seen that are not shown.
    pub(super) fn is_cut(&self) -> bool {
        self.seen > self.shown as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen == 0
    }

    /// `(5 rows)`, `(40 rows shown, more not read)`, `(40 of 6001215 rows shown)`, with `notes` behind.
    pub(super) fn footer(&self, summary: &Summary, notes: &[String]) -> String {
        let shown = self.shown;
        let mut line = match summary.total_rows {
            Some(total) if total > shown as u64 => format!("({shown} of {total} rows shown"),
            _ if self.is_cut() => format!("({} shown, more not read", rows(shown)),
            _ => format!("({}", rows(shown)),
        };
        for note in notes {
            line.push_str(", ");
            line.push_str(note);
        }
        if let Some(elapsed) = summary.elapsed {
            line.push_str(&format!(", {:.3} ms", elapsed.as_secs_f64() * 1000.0));
        }
        line.push(')');
        line
    }
}

fn rows(count: usize) -> String {
    if count == 1 { "1 row".to_string() } else { format!("{count} rows") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn footer(limit: &RowLimit) -> String {
        limit.footer(&Summary::default(), &[])
    }

    #[test]
    fn rows_past_the_cap_are_counted_but_not_shown() {
        let mut limit = RowLimit::new(Some(3));
        assert_eq!(limit.admit(2), 2);
        assert_eq!(limit.admit(5), 1);
        assert_eq!(limit.admit(5), 0);
        assert_eq!(footer(&limit), "(3 rows shown, more not read)");
        let counted = Summary { total_rows: Some(12), elapsed: None };
        assert_eq!(limit.footer(&counted, &[]), "(3 of 12 rows shown)");
    }

    #[test]
    fn exactly_the_cap_is_not_called_cut() {
        let mut limit = RowLimit::new(Some(3));
        limit.admit(3);
        assert!(limit.wants_more(), "whether there is a fourth row is not known yet");
        assert_eq!(footer(&limit), "(3 rows)");
        limit.admit(1);
        assert!(!limit.wants_more());
    }

    #[test]
    fn the_footer_counts_in_english() {
        let mut limit = RowLimit::new(None);
        assert_eq!(footer(&limit), "(0 rows)");
        limit.admit(1);
        assert_eq!(footer(&limit), "(1 row)");
        let timed = Summary { total_rows: Some(1), elapsed: Some(Duration::from_micros(1500)) };
        assert_eq!(
            limit.footer(&timed, &["2 of 9 columns shown".to_string()]),
            "(1 row, 2 of 9 columns shown, 1.500 ms)"
        );
    }
}

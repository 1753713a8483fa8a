//! The report for eyes, in 80 columns: the plan with its rows, the joins with their verdicts, the clauses, the findings.

mod layout;

use console::{Alignment, Style, pad_str, truncate_str};

use self::layout::{WIDTH, indented, number};
use super::report::{ClauseVerdict, Finding, Need, Place, PlanNode, Report, Severity, UsedConstraint, Verdict};
use super::verify::Comparison;

/// `color`: with the escapes of a terminal.
pub fn render(report: &Report, color: bool) -> String {
    let mut page = Page { text: String::new(), color };
    page.plan(&report.plan);
    page.joins(&report.verdicts);
    page.clauses(&report.clauses);
    page.findings(&report.findings);
    page.text
}

/// What `--verify` found.
pub fn render_comparison(comparison: &Comparison, color: bool) -> String {
    // A line apart from the report.
    let mut page = Page { text: "\n".to_string(), color };
    let title = page.paint(Style::new().bold(), "Verification");
    page.line(&title);
    if comparison.is_same() {
        let rows = number(comparison.pruned);
        let line = page.paint(Style::new().green(), &format!("  the same rows with pruning and without: {rows}"));
        page.line(&line);
        return page.text;
    }
    let (pruned, unpruned) = (number(comparison.pruned), number(comparison.unpruned));
    let line = page.paint(Style::new().red(), &format!("  {pruned} rows with pruning, {unpruned} without"));
    page.line(&line);
    for difference in &comparison.differing {
        page.line(&format!(
            "    {} with pruning, {} without: {}",
            difference.pruned, difference.unpruned, difference.row
        ));
    }
    page.text
}

struct Page {
    text: String,
    color: bool,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn paint(&self, style: Style, text: &str) -> String {
        style.force_styling(self.color).apply_to(text).to_string()
    }

    fn title(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.line("");
        }
        let title = self.paint(Style::new().bold(), title);
        self.line(&title);
    }

    /// Lines of running text below an entry.
    fn paragraph(&mut self, text: &str, style: Style) {
        for line in indented(text, "    ", "    ") {
            let line = self.paint(style.clone(), &line);
            self.line(&line);
        }
    }

    fn plan(&mut self, root: &PlanNode) {
        let analyzed = root.actual_rows.is_some();
        let columns = if analyzed { &ANALYZED[..] } else { &ESTIMATED[..] };
        let figures: usize = columns.iter().map(|column| column.width + 1).sum();
        let heading: String = columns.iter().map(|column| right(column.title, column.width)).collect();
        let title = self.paint(Style::new().bold(), &pad_str("Plan", WIDTH - figures, Alignment::Left, None));
        let heading = self.paint(Style::new().dim(), &heading);
        self.line(&format!("{title}{heading}"));
        self.node(root, columns, WIDTH - figures, "", "");
    }

    /// `first`: what stands in front of the node, `rest`: in front of what is below it.
    fn node(&mut self, node: &PlanNode, columns: &[Column], width: usize, first: &str, rest: &str) {
        // `Inner Join: …` says what it is by itself.
        let says_so = node.detail.split(':').next().is_some_and(|start| start.ends_with(node.node));
        let name = if says_so { first.to_string() } else { format!("{first}{}", node.node) };
        let space = if says_so || node.detail.is_empty() { "" } else { " " };
        let detail = node.detail.trim_end_matches(": ").trim_end_matches(':');
        let text = truncate_str(&format!("{name}{space}{detail}"), width.saturating_sub(1), "…").into_owned();
        let text = pad_str(&text, width, Alignment::Left, None).into_owned();
        let painted = match text.strip_prefix(&name) {
            Some(behind) if !says_so => format!("{first}{}{behind}", self.paint(Style::new().cyan(), node.node)),
            _ => text,
        };
        let mut figures = String::new();
        for column in columns {
            let shown = right(&(column.value)(node), column.width);
            let is_far_off = column.title == "off" && node.misestimate.is_some_and(|factor| factor >= 10.0);
            figures.push_str(&if is_far_off { self.paint(Style::new().red(), &shown) } else { shown });
        }
        self.line(&format!("{painted}{figures}"));
        if let Some(scan) = &node.scan {
            let guide = if node.children.is_empty() { "  " } else { "│ " };
            let figures = self.paint(Style::new().dim(), &layout::scan(scan));
            self.line(&format!("{rest}{guide}{figures}"));
        }
        for (index, child) in node.children.iter().enumerate() {
            let is_last = index + 1 == node.children.len();
            let (branch, below) = if is_last { ("└─", "  ") } else { ("├─", "│ ") };
            self.node(child, columns, width, &format!("{rest}{branch}"), &format!("{rest}{below}"));
        }
    }

    fn joins(&mut self, verdicts: &[Verdict]) {
        if verdicts.is_empty() {
            return;
        }
        self.title("Joins");
        for verdict in verdicts {
            let name = match verdict.alias == verdict.table || verdict.alias.is_empty() {
                true => verdict.table.clone(),
                false => format!("{} {}", verdict.table, verdict.alias),
            };
            self.head(verdict.span.as_ref(), &format!("{} {name}", verdict.join), verdict.verdict);
            self.paragraph(&verdict.because, Style::new());
            self.constraints(&verdict.constraints);
            if let Some(filter) = &verdict.added_filter {
                self.paragraph(&format!("in its place: WHERE {filter}"), Style::new().dim());
            }
            for statement in &verdict.missing {
                let statement = format!("    {statement};");
                let statement = self.paint(Style::new().yellow(), &statement);
                self.line(&statement);
            }
        }
    }

    fn clauses(&mut self, clauses: &[ClauseVerdict]) {
        if clauses.is_empty() {
            return;
        }
        self.title("Clauses");
        for clause in clauses {
            self.head(clause.span.as_ref(), clause.clause, clause.verdict);
            self.paragraph(&clause.because, Style::new());
            self.constraints(&clause.constraints);
        }
    }

    fn findings(&mut self, findings: &[Finding]) {
        if findings.is_empty() {
            return;
        }
        self.title("Findings");
        for finding in findings {
            let style = match finding.severity {
                Severity::Warning => Style::new().red(),
                Severity::Advice => Style::new().yellow(),
            };
            let severity = self.paint(style, finding.severity.word());
            let place = finding.span.as_ref().map_or_else(String::new, |place| format!(" at {}", at(place)));
            self.line(&format!("  {} {severity}{place}", finding.code));
            self.paragraph(&finding.message, Style::new());
            if let Some(fix) = &finding.fix {
                self.paragraph(&format!("fix: {fix}"), Style::new().green());
            }
        }
    }

    /// `  3:8  left customer c: removed`
    fn head(&mut self, span: Option<&Place>, what: &str, need: Need) {
        let style = match need {
            Need::Removed => Style::new().green().bold(),
            Need::RemovableIf => Style::new().yellow().bold(),
            Need::Needed => Style::new().dim(),
        };
        let place = span.map_or_else(String::new, |place| format!("{}  ", at(place)));
        let verdict = self.paint(style, need.words());
        self.line(&format!("  {place}{what}: {verdict}"));
    }

    fn constraints(&mut self, constraints: &[UsedConstraint]) {
        if constraints.is_empty() {
            return;
        }
        let named: Vec<String> = constraints
            .iter()
            .map(|constraint| match constraint.trust {
                "rely" => format!("{} (RELY: on your word, not checked)", constraint.name),
                "checked" => format!("{} (checked on these files)", constraint.name),
                _ => format!("{} (from the files)", constraint.name),
            })
            .collect();
        self.paragraph(&format!("by {}", named.join(", ")), Style::new().dim());
    }
}

/// `3:8`, and in the text of a view `v 3:8`.
fn at(place: &Place) -> String {
    match &place.view {
        Some(view) => format!("view {view} {}:{}", place.line, place.column),
        None => format!("{}:{}", place.line, place.column),
    }
}

fn right(text: &str, width: usize) -> String {
    format!(" {}", pad_str(text, width, Alignment::Right, None))
}

/// A column of figures beside the plan.
struct Column {
    title: &'static str,
    width: usize,
    value: fn(&PlanNode) -> String,
}

const ESTIMATED: [Column; 1] =
    [Column { title: "est. rows", width: 11, value: |node| or_unknown(node.estimated_rows.map(number)) }];

const ANALYZED: [Column; 4] = [
    Column { title: "est. rows", width: 11, value: |node| or_unknown(node.estimated_rows.map(number)) },
    Column { title: "rows", width: 11, value: |node| or_unknown(node.actual_rows.map(number)) },
    Column {
        title: "off",
        width: 6,
        value: |node| match node.misestimate {
            Some(factor) if factor >= 100.0 => format!("{factor:.0}x"),
            Some(factor) => format!("{factor:.1}x"),
            None => String::new(),
        },
    },
    Column {
        title: "ms",
        width: 8,
        value: |node| node.elapsed_ms.map_or_else(String::new, |elapsed| format!("{elapsed:.1}")),
    },
];

fn or_unknown(value: Option<String>) -> String {
    value.unwrap_or_else(|| "?".to_string())
}

#[cfg(test)]
mod tests;

use super::*;
use crate::explain::report::ScanFigures;

fn scan(detail: &str, estimated: u64) -> PlanNode {
    PlanNode { node: "TableScan", detail: detail.to_string(), estimated_rows: Some(estimated), ..PlanNode::default() }
}

fn sample() -> Report {
    let place = |line, column| Some(Place { line, column, end_line: line, end_column: column + 9, view: None });
    Report {
        scans: vec!["orders".to_string(), "nation".to_string()],
        plan: PlanNode {
            node: "Join",
            detail: "Inner Join: orders.o_custkey = customer.c_custkey Filter: orders.o_comment LIKE customer.c_name"
                .to_string(),
            estimated_rows: Some(15_000),
            children: vec![scan("orders projection=[o_orderkey]", 1_500_000), scan("nation", 25)],
            ..PlanNode::default()
        },
        verdicts: vec![
            Verdict {
                table: "customer".to_string(),
                alias: "c".to_string(),
                join: "inner",
                span: place(3, 8),
                verdict: Need::Removed,
                because:
                    "orders.o_custkey references the primary key of customer, and no other column of customer is read"
                        .to_string(),
                constraints: vec![
                    UsedConstraint { name: "orders_customer_fk".to_string(), trust: "checked" },
                    UsedConstraint { name: "customer_pkey".to_string(), trust: "rely" },
                ],
                added_filter: Some("o.o_custkey IS NOT NULL".to_string()),
                missing: vec![],
            },
            Verdict {
                table: "part".to_string(),
                alias: "part".to_string(),
                join: "left",
                span: Some(Place { view: Some("default.v".into()), ..place(4, 8).unwrap() }),
                verdict: Need::RemovableIf,
                because: "nothing says that part.p_partkey is unique".to_string(),
                constraints: vec![],
                added_filter: None,
                missing: vec!["ALTER TABLE default.part ADD UNIQUE (p_partkey) VALIDATE".to_string()],
            },
        ],
        clauses: vec![ClauseVerdict {
            clause: "DISTINCT",
            span: None,
            verdict: Need::Needed,
            because: "no usable key shows that the rows are distinct without it".to_string(),
            constraints: vec![],
        }],
        findings: vec![Finding {
            code: "OST001",
            severity: Severity::Warning,
            span: place(2, 3),
            message: "the join multiplies rows".to_string(),
            fix: Some("join a query that groups by the key".to_string()),
            saved_rows: 1.0,
        }],
    }
}

#[test]
fn a_report_fits_into_80_columns() {
    let text = render(&sample(), false);
    insta::assert_snapshot!(text, @r"
    Plan                                                                   est. rows
    Inner Join: orders.o_custkey = customer.c_custkey Filter: orders.o…       15,000
    ├─TableScan orders projection=[o_orderkey]                             1,500,000
    └─TableScan nation                                                            25

    Joins
      3:8  inner customer c: removed
        orders.o_custkey references the primary key of customer, and no other column
        of customer is read
        by orders_customer_fk (checked on these files), customer_pkey (RELY: on your
        word, not checked)
        in its place: WHERE o.o_custkey IS NOT NULL
      view default.v 4:8  left part: removable if
        nothing says that part.p_partkey is unique
        ALTER TABLE default.part ADD UNIQUE (p_partkey) VALIDATE;

    Clauses
      DISTINCT: needed
        no usable key shows that the rows are distinct without it

    Findings
      OST001 warning at 2:3
        the join multiplies rows
        fix: join a query that groups by the key
    ");
    assert!(text.lines().all(|line| console::measure_text_width(line) <= 80));
}

#[test]
fn after_a_run_there_are_actual_figures() {
    let mut report = sample();
    report.plan.actual_rows = Some(3);
    report.plan.misestimate = Some(5000.0);
    report.plan.elapsed_ms = Some(12.345);
    let orders = report.plan.children.first_mut().unwrap();
    orders.actual_rows = Some(1_400_000);
    orders.misestimate = Some(1.1);
    orders.scan = Some(ScanFigures {
        files: Some(3),
        files_pruned: Some(7),
        row_groups: Some(8),
        row_groups_pruned: Some(2),
        bytes_scanned: Some(1_234_567),
    });
    let text = render(&report, false);
    let plan: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    insta::assert_snapshot!(plan.join("\n"), @r"
    Plan                                       est. rows        rows    off       ms
    Inner Join: orders.o_custkey = custome…       15,000           3  5000x     12.3
    ├─TableScan orders projection=[o_order…    1,500,000   1,400,000   1.1x
    │   3 of 10 files, 6 of 8 row groups, 1.2 MB
    └─TableScan nation                                25           ?
    ");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let colored = render(&sample(), true);
    assert!(colored.contains("\u{1b}["));
    assert_eq!(console::strip_ansi_codes(&colored), render(&sample(), false));
}

#[test]
fn long_words_stand_alone() {
    let long = "x".repeat(100);
    assert_eq!(
        indented(&format!("a {long} b"), "  ", "  "),
        ["  a".to_string(), format!("  {long}"), "  b".to_string()]
    );
    assert_eq!(number(0), "0");
    assert_eq!(number(1_234_567), "1,234,567");
    assert_eq!(number(123), "123");
    assert_eq!(number(25_000_000_000), "2.5e10");
}

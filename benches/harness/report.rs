//! What `tpc` prints: a Markdown table with ratios, and what to look at.

use std::fmt::Write;

use super::engine::Outcome;

/// All outcomes of a query, in the engines' order.
pub struct QueryResult {
    pub query: String,
    pub outcomes: Vec<Outcome>,
}

impl QueryResult {
    /// The first engine's time over another's, if both have one.
    fn ratio(&self, other: usize) -> Option<f64> {
        match (self.outcomes.first(), self.outcomes.get(other)) {
            (Some(Outcome::Done { best_ms: first, .. }), Some(Outcome::Done { best_ms, .. })) if *best_ms > 0.0 => {
                Some(first / best_ms)
            }
            _ => None,
        }
    }
}

/// The geometric mean of the first engine's ratios to another, and of how many queries.
pub fn geomean(results: &[QueryResult], other: usize) -> Option<(f64, usize)> {
    let ratios: Vec<f64> =
        results.iter().filter_map(|result| result.ratio(other)).filter(|ratio| *ratio > 0.0).collect();
    let mean = ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64;
    (!ratios.is_empty()).then(|| (mean.exp(), ratios.len()))
}

/// A column of milliseconds per engine, and a column of ratios for each but the first.
pub fn markdown(engines: &[String], results: &[QueryResult]) -> String {
    let mut text = String::from("| query |");
    let mut rule = String::from("|---|");
    for (index, engine) in engines.iter().enumerate() {
        let _ = write!(text, " {engine} ms |");
        rule.push_str("---:|");
        if index > 0 {
            let _ = write!(text, " ratio |");
            rule.push_str("---:|");
        }
    }
    let _ = writeln!(text, "\n{rule}");
    for result in results {
        let _ = write!(text, "| {} |", result.query);
        for (index, outcome) in result.outcomes.iter().enumerate() {
            let _ = match outcome {
                Outcome::Done { best_ms, .. } => write!(text, " {best_ms:.1} |"),
                Outcome::Failed(_) => write!(text, " failed |"),
                Outcome::TimedOut => write!(text, " timed out |"),
            };
            if index > 0 {
                let _ =
                    write!(text, " {} |", result.ratio(index).map_or("–".to_owned(), |ratio| format!("{ratio:.2}")));
            }
        }
        text.push('\n');
    }
    let _ = write!(text, "| **geomean** |");
    for index in 0..engines.len() {
        text.push_str("  |");
        if index > 0 {
            let mean = geomean(results, index).map(|(mean, queries)| format!("**{mean:.2}** ({queries})"));
            let _ = write!(text, " {} |", mean.unwrap_or("–".to_owned()));
        }
    }
    text.push('\n');
    text
}

/// Failures, and results that are not the same for all engines.
pub fn remarks(engines: &[String], results: &[QueryResult]) -> Vec<String> {
    let mut remarks = Vec::new();
    for QueryResult { query, outcomes } in results {
        let mut first: Option<(&str, u64, &Option<String>)> = None;
        for (engine, outcome) in engines.iter().zip(outcomes) {
            match outcome {
                Outcome::Failed(message) => remarks.push(format!("{query}, {engine} failed: {}", one_line(message))),
                Outcome::TimedOut => remarks.push(format!("{query}, {engine} timed out")),
                Outcome::Done { rows, checksum, .. } => match first {
                    None => first = Some((engine, *rows, checksum)),
                    Some((other, other_rows, _)) if other_rows != *rows => {
                        remarks.push(format!("{query}: {other} has {other_rows} rows, {engine} has {rows}"));
                    }
                    Some((other, _, Some(sum))) if checksum.as_ref().is_some_and(|checksum| checksum != sum) => {
                        remarks.push(format!("{query}: {other} and {engine} have different values"));
                    }
                    Some(_) => {}
                },
            }
        }
    }
    remarks
}

/// The start of a message, for a list.
fn one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Everything, for programs.
pub fn json(engines: &[(String, String)], results: &[QueryResult]) -> serde_json::Value {
    let queries = results.iter().map(|result| {
        let outcomes = engines.iter().zip(&result.outcomes).map(|((engine, _), outcome)| {
            let outcome = match outcome {
                Outcome::Done { best_ms, rows, checksum } => {
                    serde_json::json!({"best_ms": best_ms, "rows": rows, "checksum": checksum, "error": null})
                }
                Outcome::Failed(message) => serde_json::json!({"error": message}),
                Outcome::TimedOut => serde_json::json!({"error": "timed out"}),
            };
            (engine.clone(), outcome)
        });
        serde_json::json!({"query": result.query, "engines": serde_json::Map::from_iter(outcomes)})
    });
    let geomeans = engines.iter().enumerate().skip(1).map(|(index, (engine, _))| {
        let mean =
            geomean(results, index).map(|(mean, queries)| serde_json::json!({"ratio": mean, "queries": queries}));
        (engine.clone(), mean.into())
    });
    let versions = engines.iter().map(|(engine, version)| (engine.clone(), version.clone().into()));
    serde_json::json!({
        "engines": serde_json::Map::from_iter(versions),
        "geomean": serde_json::Map::from_iter(geomeans),
        "queries": queries.collect::<Vec<_>>(),
    })
}

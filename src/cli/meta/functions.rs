//! `\df`: functions.

use async_trait::async_trait;

use super::relations::compile;
use super::{Call, Completes, Group, MetaCommand, batch, eyes};
use crate::cli::runner::Ended;
use crate::error::Result;
use crate::names::nearest;
use crate::session::Function;

/// Lists functions, or tells about one.
pub(super) struct Functions;

#[async_trait(?Send)]
impl MetaCommand for Functions {
    fn names(&self) -> &'static [&'static str] {
        &["\\df"]
    }

    fn arguments(&self) -> &'static str {
        "[name or pattern]"
    }

    fn help(&self) -> &'static str {
        "list functions, or tell about one, with an example"
    }

    fn group(&self) -> Group {
        Group::Tables
    }

    fn completes(&self) -> Completes {
        Completes::Functions
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let session = &call.runner.session;
        let mut functions = session.functions();
        if let Some(word) = call.arguments.optional(session)? {
            let wanted = word.text.trim_end_matches("()").to_lowercase();
            if functions.iter().any(|function| function.name == wanted) {
                functions.retain(|function| function.name == wanted);
                if eyes(call.runner.output_options().format) {
                    let text = functions.iter().map(about).collect::<Vec<_>>().join("\n");
                    return call.runner.print(&text);
                }
            } else if wanted.contains(['*', '?', '%']) {
                let pattern = compile(&call, &word, &wanted)?;
                functions.retain(|function| pattern.matches(&function.name.to_lowercase()));
            } else {
                let error = call.arguments.error(&word, format!("no function \"{}\"", word.text));
                let near = nearest(&wanted, functions.iter().map(|function| function.name.as_str()));
                return Err(match near {
                    Some(near) => error.help(format!("did you mean {near}?")),
                    None => error.help(format!("\\df *{wanted}* looks for a part of a name")),
                });
            }
        }
        let column = |value: fn(&Function) -> String| functions.iter().map(|function| Some(value(function))).collect();
        let rows = batch(vec![
            ("name", column(|function| function.name.clone())),
            ("type", column(|function| function.kind.to_string())),
            ("syntax", column(|function| function.syntax.clone())),
            ("description", column(|function| first_sentence(&function.description).to_string())),
        ])?;
        call.runner.show_batch(rows).await
    }
}

fn about(function: &Function) -> String {
    let mut text = format!("{} ({} function)\n", function.syntax, function.kind);
    for line in function.description.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    if let Some(example) = &function.example {
        text.push_str("Example:\n");
        // The examples are written for a web page.
        for line in example.lines().filter(|line| !line.trim_start().starts_with("```")) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

fn first_sentence(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line, |(sentence, _)| sentence).trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;
    use super::*;

    #[tokio::test]
    async fn one_function_is_explained() {
        let mut shell = shell().await;
        let text = shell.shows("\\df SUBSTR()").await;
        assert!(text.contains("substr(") && text.contains("scalar function") && text.contains("Example:"), "{text}");
        assert!(!text.contains("```"), "{text}");
    }

    #[tokio::test]
    async fn functions_are_found_by_a_part_of_the_name() {
        let mut shell = shell().await;
        let text = shell.shows("\\df *percentile*").await;
        assert!(text.contains("approx_percentile_cont") && !text.contains("substr"), "{text}");
        let error = shell.run("\\df sbstr").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean substr?"]);
    }

    #[test]
    fn a_list_has_the_first_sentence() {
        assert_eq!(first_sentence("Returns x. Then more.\nAnd more"), "Returns x");
        assert_eq!(first_sentence("Returns 1.5 of it."), "Returns 1.5 of it");
        assert_eq!(first_sentence(""), "");
    }
}

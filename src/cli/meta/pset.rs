//! `\pset`: how results look, option by option.

use async_trait::async_trait;
use clap::ValueEnum;

use super::arguments::{Argument, Arguments};
use super::{Call, Completes, Group, MetaCommand, batch, expanded};
use crate::cli::output::Format;
use crate::cli::runner::{Ended, Expanded, RunOptions, Runner};
use crate::error::Result;
use crate::names::nearest;

/// Changes an option, or shows them.
pub(super) struct Pset;

/// An option with its values.
pub(in crate::cli) struct DisplayOption {
    pub name: &'static str,
    /// Other names, of psql.
    also: &'static [&'static str],
    /// Its values, for completion; empty if they are not words.
    pub values: &'static [&'static str],
    get: fn(&RunOptions) -> String,
    set: fn(&mut Runner, &Arguments, Option<&Argument>) -> Result<()>,
}

pub(in crate::cli) const OPTIONS: &[DisplayOption] = &[
    DisplayOption {
        name: "expanded",
        also: &["x", "vertical"],
        values: &["on", "off", "auto"],
        get: |options| match options.expanded {
            Expanded::Off => "off".to_string(),
            Expanded::On => "on".to_string(),
            Expanded::Auto => "auto".to_string(),
        },
        set: |runner, arguments, word| {
            let value = match word {
                Some(word) if word.text.eq_ignore_ascii_case("auto") => Expanded::Auto,
                _ if arguments.switch(word, runner.options.expanded == Expanded::On)? => Expanded::On,
                _ => Expanded::Off,
            };
            expanded::set(&mut runner.options, value);
            Ok(())
        },
    },
    DisplayOption {
        name: "format",
        also: &[],
        values: &["table", "csv", "tsv", "json", "jsonl", "markdown", "vertical", "parquet", "arrow", "none"],
        get: |options| format_name(options.output.format),
        set: set_format,
    },
    DisplayOption {
        name: "header",
        also: &[],
        values: &["on", "off"],
        get: |options| on_off(options.output.header),
        set: |runner, arguments, word| {
            runner.options.output.header = arguments.switch(word, runner.options.output.header)?;
            Ok(())
        },
    },
    DisplayOption {
        name: "maxrows",
        also: &[],
        values: &[],
        get: |options| options.output.max_rows.map_or_else(|| "all".to_string(), |rows| rows.to_string()),
        set: |runner, arguments, word| {
            let word = word.ok_or_else(|| arguments.missing("number of rows"))?;
            runner.options.output.max_rows = match word.text.parse::<usize>() {
                Ok(0) => None,
                Ok(rows) => Some(rows),
                Err(_) if word.text.eq_ignore_ascii_case("all") => None,
                Err(_) => return Err(arguments.error(word, "this is not a number of rows").help("0 shows all")),
            };
            Ok(())
        },
    },
    DisplayOption {
        name: "null",
        also: &[],
        values: &[],
        get: |options| options.output.null.clone().unwrap_or_default(),
        set: |runner, _, word| {
            runner.options.output.null = word.map(|word| word.text.clone());
            Ok(())
        },
    },
    DisplayOption {
        name: "pager",
        also: &[],
        values: &["on", "off"],
        get: |options| on_off(options.pager),
        set: |runner, arguments, word| {
            runner.options.pager = arguments.switch(word, runner.options.pager)?;
            Ok(())
        },
    },
    DisplayOption {
        name: "timing",
        also: &[],
        values: &["on", "off"],
        get: |options| on_off(options.timing),
        set: |runner, arguments, word| {
            runner.options.timing = arguments.switch(word, runner.options.timing)?;
            Ok(())
        },
    },
];

#[async_trait(?Send)]
impl MetaCommand for Pset {
    fn names(&self) -> &'static [&'static str] {
        &["\\pset"]
    }

    fn arguments(&self) -> &'static str {
        "[option [value]]"
    }

    fn help(&self) -> &'static str {
        "change how results look: format, null, maxrows, header, pager, …"
    }

    fn group(&self) -> Group {
        Group::Display
    }

    fn completes(&self) -> Completes {
        Completes::Options
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let words = call.arguments.words(2, &call.runner.session)?;
        let Some(name) = words.first() else {
            let options = &call.runner.options;
            let rows = batch(vec![
                ("option", OPTIONS.iter().map(|option| Some(option.name.to_string())).collect()),
                ("value", OPTIONS.iter().map(|option| Some((option.get)(options))).collect()),
            ])?;
            return call.runner.show_batch(rows).await;
        };
        let is = |option: &&DisplayOption| option.name == name.text || option.also.contains(&name.text.as_str());
        let Some(option) = OPTIONS.iter().find(is) else {
            let error = call.arguments.error(name, format!("no option \"{}\"", name.text));
            let names: Vec<_> = OPTIONS.iter().map(|option| option.name).collect();
            return Err(match nearest(&name.text, names.iter().copied()) {
                Some(near) => error.help(format!("did you mean {near}?")),
                None => error.help(format!("the options are: {}", names.join(", "))),
            });
        };
        (option.set)(call.runner, &call.arguments, words.get(1))?;
        call.runner.say(&format!("{} is {}.", option.name, shown((option.get)(&call.runner.options))));
        Ok(Ended::Done)
    }
}

/// `\pset format` by the name of others.
pub(super) struct Mode;

#[async_trait(?Send)]
impl MetaCommand for Mode {
    fn names(&self) -> &'static [&'static str] {
        &[".mode"]
    }

    fn arguments(&self) -> &'static str {
        "[format]"
    }

    fn help(&self) -> &'static str {
        "the same as \\pset format"
    }

    fn group(&self) -> Group {
        Group::Display
    }

    fn completes(&self) -> Completes {
        Completes::Words(&["table", "csv", "tsv", "json", "jsonl", "markdown", "vertical", "parquet", "arrow", "none"])
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let word = call.arguments.optional(&call.runner.session)?;
        if word.is_some() {
            set_format(call.runner, &call.arguments, word.as_ref())?;
        }
        call.runner.say(&format!("format is {}.", format_name(call.runner.options.output.format)));
        Ok(Ended::Done)
    }
}

fn set_format(runner: &mut Runner, arguments: &Arguments, word: Option<&Argument>) -> Result<()> {
    let word = word.ok_or_else(|| arguments.missing("format"))?;
    let format = Format::from_str(&word.text, true).map_err(|_| {
        let error = arguments.error(word, format!("no format \"{}\"", word.text));
        let names: Vec<String> = Format::value_variants().iter().map(|format| format_name(*format)).collect();
        match nearest(&word.text, names.iter().map(String::as_str)) {
            Some(near) => error.help(format!("did you mean {near}?")),
            None => error.help(format!("the formats are: {}", names.join(", "))),
        }
    })?;
    runner.options.output.format = format;
    runner.options.format_chosen = true;
    if format != Format::Table {
        runner.options.expanded = Expanded::Off;
    }
    Ok(())
}

fn format_name(format: Format) -> String {
    format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
}

fn on_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_string()
}

fn shown(value: String) -> String {
    if value.is_empty() { "what the format does by itself".to_string() } else { value }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;
    use super::*;

    #[tokio::test]
    async fn options_change_what_is_shown() {
        let mut shell = shell().await;
        let shown = shell.shows("\\pset null '(none)'\n\\pset header off\nselect null as a;").await;
        assert!(shown.contains("(none)") && !shown.contains(" a "), "{shown}");
        let shown = shell.shows("\\pset maxrows 2\nselect * from generate_series(1, 5);").await;
        assert!(shown.contains("2 rows shown"), "{shown}");
        shell.run(".mode jsonl").await.unwrap();
        assert_eq!(shell.shows("select 1 as a;").await, "{\"a\":1}\n");
    }

    #[tokio::test]
    async fn all_options_are_listed_with_their_values() {
        let listed = shell().await.shows("\\pset").await;
        for option in OPTIONS {
            assert!(listed.contains(option.name), "{listed}");
        }
    }

    #[test]
    fn the_words_for_completion_are_the_formats() {
        let formats = OPTIONS.iter().find(|option| option.name == "format").unwrap().values;
        let all: Vec<_> = Format::value_variants().iter().map(|format| format_name(*format)).collect();
        assert_eq!(formats, all);
        assert_eq!(Mode.completes(), Completes::Words(formats));
    }

    #[tokio::test]
    async fn mistakes_are_named_where_they_stand() {
        let mut shell = shell().await;
        let error = shell.run("\\pset formta csv").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean format?"]);
        let error = shell.run("\\pset format cvs").await.unwrap_err();
        assert_eq!(error.help_lines(), ["did you mean csv?"]);
        assert_eq!(error.position().unwrap().span.start.column, 14);
        assert!(shell.run("\\pset maxrows many").await.is_err());
    }
}

//! The command line, as clap reads it.
//!
//! The names follow psql, DuckDB, Hive's beeline and Trino; several of them are accepted for one thing. What is not said here comes
//! from the settings files (`cli::config`).

use std::ffi::OsString;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::config::{Located, OnError, Settings, parse_memory, parse_timeout};
use super::environment;
use super::output::Format;
use crate::error::{Error, Result};
use crate::generate::{self, Suite};
use crate::profile::Sample;
use crate::session::constraints::NAMED_ROWS;
use crate::sql::dialect::Dialect;

/// SQL over lake files: Parquet, ORC, CSV, JSON, Avro and Hive's text where they lie
#[derive(Debug, Parser)]
#[command(
    name = "ostrich",
    version,
    max_term_width = 100,
    after_help = "Without -e, -f or a command, opens the shell (on a terminal) or runs standard input.\n\
                  Examples:\n  \
                  ostrich --data sales/                    the shell, with each file in sales/ as a table\n  \
                  ostrich -e \"SELECT count(*) FROM 'logs/*.parquet'\"\n  \
                  ostrich --catalog lake/ -f nightly.sql --var day=2026-01-31 --stats"
)]
pub struct Arguments {
    #[command(flatten)]
    pub common: CommonArguments,
    #[command(flatten)]
    pub scripts: ScriptArguments,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Parse query files and resolve their names and types; run nothing
    Check(CheckArguments),
    /// Say what queries need: each join and clause with its verdict, the plan with its rows, and what could be better
    Explain(ExplainArguments),
    /// Check declared constraints on the data
    #[command(subcommand)]
    Constraints(ConstraintsCommand),
    /// Show what the rows of tables and files tell: columns, keys, foreign keys
    Profile(ProfileArguments),
    /// Write test data: the tables of TPC-H or TPC-DS
    Generate(GenerateArguments),
    /// Start a project here: ostrich.toml, queries/, .gitignore
    Init(InitArguments),
    /// Print the completion script of a shell
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Args)]
pub struct ScriptArguments {
    /// Run SQL and leave; repeatable
    #[arg(
        short = 'e',
        long,
        visible_short_alias = 'c',
        alias = "command",
        value_name = "SQL",
        allow_hyphen_values = true
    )]
    pub execute: Vec<String>,
    /// Run a file and leave; `-` is standard input; repeatable, in the order given with -e
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Queries are explained, also those in INSERT, COPY, CREATE TABLE … AS and CREATE VIEW, and not run (but see --analyze\n\
                  and --verify). Statements without a query (SET, USE, CREATE EXTERNAL TABLE, ALTER TABLE, …) and CREATE VIEW are run as\n\
                  those behind them need them, but in a lasting catalog only SET, RESET and USE.\n\
                  --format text, the default, or json: an object, for several queries a list of them."
)]
pub struct ExplainArguments {
    #[command(flatten)]
    pub scripts: ScriptArguments,
    /// Run the queries, and show actual rows and times
    #[arg(long)]
    pub analyze: bool,
    /// Run the queries with pruning and without, and compare their rows; ends with 5 if they differ
    #[arg(long)]
    pub verify: bool,
}

#[derive(Debug, Args)]
pub struct CommonArguments {
    /// Make each data file and each folder of data files in DIR a table; repeatable; a URL works too
    #[arg(short, long, value_name = "DIR", global = true, env = "OSTRICH_DATA", help_heading = "Data")]
    pub data: Vec<String>,
    /// Keep tables and views in DIR; a missing or empty one becomes a catalog
    #[arg(long, value_name = "DIR", global = true, env = "OSTRICH_CATALOG", help_heading = "Data")]
    pub catalog: Option<String>,

    /// How SQL is read
    #[arg(long, value_enum, global = true, env = "OSTRICH_DIALECT", help_heading = "Statements")]
    pub dialect: Option<Dialect>,
    /// Define a variable for ${name} and :name; repeatable
    #[arg(long, value_name = "NAME=VALUE", visible_aliases = ["hivevar", "define"], global = true, value_parser = pair, help_heading = "Statements")]
    pub var: Vec<(String, String)>,
    /// Change a setting, as SET does; repeatable
    #[arg(long, value_name = "NAME=VALUE", visible_alias = "hiveconf", global = true, value_parser = pair, help_heading = "Statements")]
    pub conf: Vec<(String, String)>,
    /// Run FILE first [default: init.sql beside the user's config.toml]
    #[arg(short, long, value_name = "FILE", global = true, help_heading = "Statements")]
    pub init: Option<String>,
    /// Run no such file
    #[arg(long, global = true, conflicts_with = "init", help_heading = "Statements")]
    pub no_init: bool,
    /// What a failed statement means for those after it
    #[arg(long, value_enum, global = true, env = "OSTRICH_ON_ERROR", help_heading = "Statements")]
    pub on_error: Option<OnError>,

    /// Stop a statement that takes longer: 90s, 10m
    #[arg(long, value_name = "TIME", global = true, env = "OSTRICH_TIMEOUT", value_parser = |text: &str| parse_timeout(text).map_err(in_one_line), help_heading = "Resources")]
    pub timeout: Option<std::time::Duration>,
    /// Memory for queries, which spill to disk beyond it [default: 80 % of the machine's]
    #[arg(short, long, value_name = "SIZE", global = true, env = "OSTRICH_MEMORY_LIMIT", value_parser = |text: &str| parse_memory(text).map_err(in_one_line), help_heading = "Resources")]
    pub memory_limit: Option<u64>,
    /// How many tasks run at once [default: one a core]
    #[arg(long, value_name = "N", global = true, env = "OSTRICH_THREADS", value_parser = threads, help_heading = "Resources")]
    pub threads: Option<NonZeroUsize>,

    /// How results are written [default: table on a terminal, else csv]
    #[arg(long, value_enum, global = true, env = "OSTRICH_FORMAT", help_heading = "Output")]
    pub format: Option<Format>,
    /// Whether that stands on the command line itself. What OSTRICH_FORMAT says is for results.
    #[arg(skip)]
    pub format_typed: bool,
    /// Write results to FILE, or one file a result into DIR/
    #[arg(short, long, value_name = "FILE|DIR/", global = true, help_heading = "Output")]
    pub output: Option<String>,
    /// At most N rows of a result are shown as table, vertical or markdown; 0: all [default: 40 on a terminal]
    #[arg(long, value_name = "N", global = true, env = "OSTRICH_MAXROWS", value_parser = rows, help_heading = "Output")]
    pub maxrows: Option<usize>,
    /// What stands for NULL
    #[arg(long, value_name = "TEXT", global = true, env = "OSTRICH_NULL", help_heading = "Output")]
    pub null: Option<String>,
    /// No line of column names
    #[arg(long, global = true, env = "OSTRICH_NO_HEADER", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub no_header: bool,
    /// Show how long each statement took
    #[arg(long, global = true, env = "OSTRICH_TIMING", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub timing: bool,
    /// Write one line of JSON a statement to standard error
    #[arg(long, global = true, env = "OSTRICH_STATS", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub stats: bool,
    /// No banner, notes or progress
    #[arg(short, long, visible_short_alias = 'S', alias = "silent", global = true, env = "OSTRICH_QUIET", value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub quiet: bool,
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", global = true, env = "OSTRICH_COLOR", help_heading = "Output")]
    pub color: Option<ColorChoice>,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Query files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum ConstraintsCommand {
    /// Check constraints on the data, and keep what was found as evidence; exits with 5 if one is violated
    Check(ConstraintsCheckArguments),
}

#[derive(Debug, Args)]
pub struct ConstraintsCheckArguments {
    /// Tables whose constraints to check [default: all]
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,
    /// Check those of all tables
    #[arg(long, conflicts_with = "tables")]
    pub all: bool,
    /// Check all rows again, also where the files are as they were
    #[arg(long)]
    pub full: bool,
    /// Name N of the rows that violate a constraint, 20 at most
    #[arg(long, value_name = "N", default_value_t = NAMED_ROWS)]
    pub rows: usize,
}

#[derive(Debug, Args)]
pub struct ProfileArguments {
    /// Tables, views and files [default: all tables]
    #[arg(value_name = "TABLE|FILE")]
    pub tables: Vec<String>,
    /// Look at the first N rows, or at P% of all; of a sample nothing is proved
    #[arg(long, value_name = "N|P%", value_parser = |text: &str| text.parse::<Sample>().map_err(in_one_line))]
    pub sample: Option<Sample>,
    /// Count distinct values exactly, however many there are
    #[arg(long, conflicts_with = "sample")]
    pub exact: bool,
    /// Print what was found as statements: ALTER TABLE … ADD … VALIDATE
    #[arg(long)]
    pub emit_ddl: bool,
}

#[derive(Debug, Args)]
pub struct GenerateArguments {
    /// The benchmark whose tables to make
    pub suite: Suite,
    /// How much: 1 is about 1 GB of text
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    pub scale: f64,
    /// Only these tables
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub tables: Vec<String>,
    /// Take the place of files that are there
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Debug, Args)]
pub struct InitArguments {
    /// The project's folder
    #[arg(default_value = ".")]
    pub directory: PathBuf,
}

/// A text to run, in the order of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    Text(String),
    File(String),
}

impl Arguments {
    /// Reads the process's command line; clap prints help and mistakes itself and ends the process (with 2 for a mistake).
    pub fn from_process() -> (Self, Vec<Script>) {
        let words: Vec<OsString> = std::env::args_os().collect();
        let matches = match command().try_get_matches_from(&words) {
            Ok(matches) => matches,
            Err(error) => match environment::mistake(&error, &words) {
                Some(mistake) => {
                    let color = super::app::colors(None, std::io::stderr().is_terminal());
                    eprintln!("{}", super::errors::render(&mistake, color).trim_end());
                    std::process::exit(mistake.kind().exit_code().into());
                }
                None => error.exit(),
            },
        };
        let scripts = scripts_of(&matches);
        match Arguments::from_arg_matches(&matches) {
            Ok(mut arguments) => {
                let of_command = matches.subcommand().map_or(&matches, |(_, command)| command);
                arguments.common.format_typed = of_command.value_source("format") == Some(ValueSource::CommandLine);
                (arguments, scripts)
            }
            Err(error) => error.exit(),
        }
    }
}

/// What clap reads. The help of a command has its own options, and of those of all commands the ones that matter to it.
fn command() -> clap::Command {
    let mut command = Arguments::command();
    // Only now do the commands have the common options.
    command.build();
    command.mut_subcommands(|command| match COMMON_OPTIONS.iter().find(|(name, _)| *name == command.get_name()) {
        Some((_, shown)) => with_common_options(command, shown),
        None => command,
    })
}

fn with_common_options(command: clap::Command, shown: &[&str]) -> clap::Command {
    const OTHERS: &str = "ostrich --help has the options of all commands.";
    let after = match command.get_after_help() {
        Some(own) => format!(
            "{own}

{OTHERS}"
        ),
        None => OTHERS.to_string(),
    };
    let is_hidden = |option: &Arg| option.is_global_set() && !shown.contains(&option.get_id().as_str());
    command
        .mut_args(|option| if is_hidden(&option) { option.hide(true) } else { option })
        .mut_subcommands(|command| with_common_options(command, shown))
        .after_help(after)
}

/// Those of all commands that the help of each shows.
const COMMON_OPTIONS: &[(&str, &[&str])] = &[
    ("check", &["data", "catalog", "dialect", "var"]),
    ("explain", &["data", "catalog", "dialect", "var", "format"]),
    ("constraints", &["catalog"]),
    ("profile", &["data", "catalog", "format", "output"]),
    ("generate", &["output", "format"]),
    ("init", &[]),
    ("completions", &[]),
];

/// Those of the command, if it is one that has them.
fn scripts_of(matches: &ArgMatches) -> Vec<Script> {
    let mut found = scripts(matches);
    if let Some(("explain", command)) = matches.subcommand() {
        found.extend(scripts(command));
    }
    found
}

/// `-e` and `-f` as they were given, mixed.
fn scripts(matches: &ArgMatches) -> Vec<Script> {
    let of = |name: &str, script: fn(String) -> Script| -> Vec<(usize, Script)> {
        let values = matches.get_many::<String>(name).into_iter().flatten().cloned().map(script);
        matches.indices_of(name).into_iter().flatten().zip(values).collect()
    };
    let mut scripts = of("execute", Script::Text);
    scripts.extend(of("file", Script::File));
    scripts.sort_by_key(|(index, _)| *index);
    scripts.into_iter().map(|(_, script)| script).collect()
}

impl CommonArguments {
    /// What the command line and `OSTRICH_*` variables say; the rest stays open for the settings files.
    pub fn settings(&self) -> Settings {
        let located = |pairs: &[(String, String)]| {
            pairs.iter().map(|(name, value)| (name.clone(), Located::new(value.clone()))).collect()
        };
        let flag = |given: bool| given.then_some(true);
        Settings {
            catalog: self.catalog.clone().map(Located::new),
            color: self.color,
            data: (!self.data.is_empty()).then(|| self.data.iter().cloned().map(Located::new).collect()),
            dialect: self.dialect,
            format: self.format.and_then(|format| {
                clap::ValueEnum::to_possible_value(&format).map(|value| Located::new(value.get_name().to_string()))
            }),
            hive: None,
            init: self.init.clone().map(Located::new),
            maxrows: self.maxrows,
            memory_limit: self.memory_limit,
            no_header: flag(self.no_header),
            null: self.null.clone(),
            on_error: self.on_error,
            quiet: flag(self.quiet),
            stats: flag(self.stats),
            threads: self.threads,
            timeout: self.timeout,
            timing: flag(self.timing),
            vars: located(&self.var),
            conf: located(&self.conf),
            files: Vec::new(),
        }
    }
}

/// `name=value`
fn pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_string(), value.to_string())),
        _ => Err("write NAME=VALUE".to_string()),
    }
}

fn threads(text: &str) -> std::result::Result<NonZeroUsize, String> {
    text.parse().map_err(|_| format!("\"{text}\" is not a number of threads: 1, 2, 8"))
}

fn rows(text: &str) -> std::result::Result<usize, String> {
    text.parse().map_err(|_| format!("\"{text}\" is not a number of rows: 0, 40, 1000"))
}

fn in_one_line(error: Error) -> String {
    error.to_string()
}

impl GenerateArguments {
    /// The request for the library.
    ///
    /// # Errors
    ///
    /// Usage, without `--output`, or with a format that data is not generated in.
    pub fn request(&self, common: &CommonArguments) -> Result<generate::GenerateRequest> {
        let Some(output) = &common.output else {
            return Err(Error::usage("generate needs --output DIR to say where the files go"));
        };
        let format = match common.format {
            None | Some(Format::Parquet) => generate::Format::Parquet,
            Some(Format::Csv) => generate::Format::Csv,
            Some(_) => return Err(Error::usage("data is generated as parquet or csv")),
        };
        Ok(generate::GenerateRequest {
            suite: self.suite,
            scale: self.scale,
            output: PathBuf::from(output),
            tables: self.tables.clone(),
            format,
            overwrite: self.overwrite,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> (Arguments, Vec<Script>) {
        let matches = command().try_get_matches_from(words).unwrap();
        let scripts = scripts_of(&matches);
        (Arguments::from_arg_matches(&matches).unwrap(), scripts)
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
        command().debug_assert();
    }

    #[test]
    fn the_help_of_a_command_is_short_and_the_common_options_work_all_the_same() {
        let mut command = command();
        let help = command.find_subcommand_mut("check").unwrap().render_long_help().to_string();
        assert!(help.contains("--catalog") && !help.contains("--threads"), "{help}");
        let (arguments, _) = parse(&["ostrich", "constraints", "check", "--threads", "3"]);
        assert_eq!(arguments.common.threads.map(usize::from), Some(3));
    }

    #[test]
    fn scripts_keep_the_order_they_were_given_in() {
        let (_, scripts) = parse(&["ostrich", "-e", "a", "-f", "b.sql", "-c", "d", "--file", "-"]);
        let expected = [
            Script::Text("a".into()),
            Script::File("b.sql".into()),
            Script::Text("d".into()),
            Script::File("-".into()),
        ];
        assert_eq!(scripts, expected);
    }

    #[test]
    fn explain_has_scripts_of_its_own() {
        let (arguments, scripts) =
            parse(&["ostrich", "explain", "-f", "b.sql", "-e", "a", "--analyze", "--format", "json"]);
        assert_eq!(scripts, [Script::File("b.sql".into()), Script::Text("a".into())]);
        let Some(Command::Explain(explain)) = arguments.command else { panic!("{arguments:?}") };
        assert!(explain.analyze && !explain.verify);
        assert_eq!(arguments.common.format, Some(Format::Json));
        let (text, _) = parse(&["ostrich", "explain", "--format", "text", "-e", "a"]);
        assert_eq!(text.common.format, Some(Format::Table));
    }

    #[test]
    fn common_options_stand_before_or_after_the_command() {
        let (before, _) = parse(&["ostrich", "--dialect", "hive", "check", "a.sql"]);
        let (after, _) = parse(&["ostrich", "check", "a.sql", "--dialect", "hive"]);
        assert_eq!(before.common.dialect, Some(Dialect::Hive));
        assert_eq!(after.common.dialect, Some(Dialect::Hive));
    }

    #[test]
    fn variables_are_pairs_whose_value_may_hold_an_equals_sign() {
        let (arguments, _) = parse(&["ostrich", "--var", "a=b=c", "--hivevar", "d="]);
        assert_eq!(arguments.common.var, [("a".into(), "b=c".into()), ("d".into(), String::new())]);
    }
}

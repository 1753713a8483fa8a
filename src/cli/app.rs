//! The command from its arguments to its exit code.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ColorChoice, CommandFactory};
use futures::future::LocalBoxFuture;
use tokio::runtime::Handle;

use super::args::{Arguments, Command, CommonArguments, ConstraintsCommand, Script};
use super::config::Settings;
use super::meta::Meta;
use super::output::file::OutputFile;
use super::output::{Destination, Format, OutputOptions};
use super::runner::{Ended, Expanded, RunOptions, Runner, write_all};
use super::signals::Signals;
use super::target::{Target, format_of_file};
use super::{commands, errors, shell};
use crate::error::{Error, Result};
use crate::session::{Session, SessionOptions};
use crate::sql::source::Source;

/// Runs the command and returns its exit code. Queries run on `workers`.
///
/// Boxed, so that it is compiled with the library: the code of an `async fn` is made where it is awaited.
pub fn run(arguments: Arguments, scripts: Vec<Script>, workers: Handle) -> LocalBoxFuture<'static, u8> {
    Box::pin(async move {
        let color = colors(arguments.common.color, std::io::stderr().is_terminal());
        match dispatch(arguments, scripts, workers).await {
            Ok(ended) => ended.exit_code(),
            Err(error) => {
                eprintln!("{}", errors::render(&error, color).trim_end());
                error.kind().exit_code()
            }
        }
    })
}

async fn dispatch(arguments: Arguments, scripts: Vec<Script>, workers: Handle) -> Result<Ended> {
    let common = &arguments.common;
    let takes_scripts = matches!(arguments.command, None | Some(Command::Explain(_)));
    if !takes_scripts && !scripts.is_empty() {
        return Err(Error::usage("-e and -f go without a command"));
    }
    match &arguments.command {
        Some(Command::Generate(generate)) => return commands::generate::run(generate, common).await,
        Some(Command::Init(init)) => return commands::init::run(init),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "ostrich", &mut script);
            return write_all(&mut std::io::stdout(), &script);
        }
        Some(Command::Check(_) | Command::Constraints(_) | Command::Explain(_) | Command::Profile(_)) | None => {}
    }
    let settings = settings(common)?;
    let signals = Signals::listen()?;
    let session = Arc::new(open(&settings, workers, matches!(arguments.command, Some(Command::Check(_)))).await?);
    if let Some(Command::Check(check)) = &arguments.command {
        return commands::check::run(check, &session, colors(settings.color, std::io::stderr().is_terminal())).await;
    }
    let explain = match &arguments.command {
        Some(Command::Explain(explain)) => Some(explain),
        _ => None,
    };
    if explain.is_some() && scripts.is_empty() && std::io::stdin().is_terminal() {
        return Err(Error::usage("there is nothing to explain").help("-e SQL or -f FILE gives the query"));
    }
    let interactive = scripts.is_empty() && std::io::stdin().is_terminal();
    let (options, target) = output(common, &settings)?;
    let mut runner = Runner::new(session, options, signals.clone(), target);
    if let Some(Command::Constraints(ConstraintsCommand::Check(check))) = &arguments.command {
        let color = colors(settings.color, std::io::stderr().is_terminal());
        let ended = commands::constraints::check(check, &mut runner, &signals, color).await?;
        return Ok(runner.finish(ended));
    }
    let mut meta = Meta::default();
    if let Some(ended) = run_init_file(common, &settings, &mut runner, &mut meta).await? {
        return Ok(ended);
    }
    if let Some(Command::Profile(profile)) = &arguments.command {
        let ended = commands::profile::run(profile, &mut runner).await;
        return Ok(runner.finish(ended));
    }
    if interactive {
        return shell::run(runner, meta).await;
    }
    let scripts = if scripts.is_empty() { vec![Script::File("-".to_string())] } else { scripts };
    if let Some(explain) = explain {
        let lasting = settings.catalog.is_some();
        let ended = commands::explain::run(explain, common, &scripts, &mut runner, &mut meta, lasting).await?;
        return Ok(runner.finish(ended));
    }
    let ended = run_scripts(&scripts, &mut runner, &mut meta).await;
    Ok(runner.finish(ended))
}

/// The scripts in their order; a file that cannot be read is a failure like that of a statement.
async fn run_scripts(scripts: &[Script], runner: &mut Runner, meta: &mut Meta) -> Ended {
    let mut ended = Ended::Done;
    for script in scripts {
        let this = match read(script) {
            Ok((source, file)) => runner.run_script(&source, file.as_deref(), meta).await,
            Err(error) => runner.failed(&error),
        };
        if ended == Ended::Done || matches!(this, Ended::Stopped(_) | Ended::Unread) {
            ended = this;
        }
        if !this.goes_on(runner.options.on_error) {
            break;
        }
    }
    ended
}

/// A script's text, and its path if it has one.
pub(super) fn read(script: &Script) -> Result<(Arc<Source>, Option<String>)> {
    match script {
        Script::Text(text) => Ok((Source::new("-e", text.as_str()), None)),
        Script::File(path) if path == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .map_err(|error| Error::storage(format!("standard input cannot be read: {error}")))?;
            Ok((Source::new("<stdin>", text_of(bytes, "<stdin>")?), None))
        }
        Script::File(path) => Ok((read_file(path)?, Some(path.clone()))),
    }
}

/// A query file as a source that bears its path.
pub(super) fn read_file(path: &str) -> Result<Arc<Source>> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::usage(format!("there is no file {path}")),
        _ => Error::storage(format!("{path} cannot be read: {error}")),
    })?;
    Ok(Source::new(path, text_of(bytes, path)?))
}

fn text_of(bytes: Vec<u8>, name: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line =
            error.as_bytes().get(..at).map_or(0, |before| before.iter().filter(|byte| **byte == b'\n').count()) + 1;
        Error::usage(format!("{name}:{line}: this is not UTF-8 text")).help("iconv -f latin1 -t utf8 converts a file")
    })
}

/// Flags and `OSTRICH_*`, over the project's settings, over the user's.
fn settings(common: &CommonArguments) -> Result<Settings> {
    let here = std::env::current_dir()
        .map_err(|error| Error::storage(format!("the working folder cannot be used: {error}")))?;
    Ok(common.settings().merge(Settings::load(&here, home().as_deref())?))
}

fn home() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf())
}

/// The session that the settings describe, with its data and variables.
async fn open(settings: &Settings, workers: Handle, check_only: bool) -> Result<Session> {
    let options = SessionOptions {
        catalog: settings.catalog.as_ref().map(|folder| PathBuf::from(&folder.value)),
        dialect: settings.dialect.unwrap_or_default(),
        memory_limit: settings.memory_limit,
        threads: settings.threads.map(usize::from),
        timeout: settings.timeout.filter(|limit| !limit.is_zero()),
        workers: Some(workers),
        check_only,
        hive: settings.hive.clone(),
        temp_directory: std::env::var_os("OSTRICH_TMPDIR").map(PathBuf::from),
        ..SessionOptions::default()
    };
    let session = Session::open(options).await.map_err(|error| match &settings.catalog {
        Some(catalog) => catalog.blame(error),
        None => error,
    })?;
    for (name, value) in &settings.vars {
        session.set_variable(name, &value.value);
    }
    for (name, value) in &settings.conf {
        session.set(name, &value.value).await.map_err(|error| value.blame(as_usage(&error)))?;
    }
    for data in settings.data.iter().flatten() {
        let registered = session.register_data(&data.value).await.map_err(|error| data.blame(error))?;
        for error in registered.failed {
            let warning = errors::render_warning(&error, colors(settings.color, std::io::stderr().is_terminal()));
            eprintln!("{}", warning.trim_end());
        }
    }
    Ok(session)
}

/// A wrong setting on the command line is a mistake in the command line.
fn as_usage(error: &Error) -> Error {
    error.help_lines().iter().fold(Error::usage(error.message()), |usage, line| usage.help(line.as_str()))
}

/// How results look and where they go.
fn output(common: &CommonArguments, settings: &Settings) -> Result<(RunOptions, Target)> {
    let stdout_is_terminal = std::io::stdout().is_terminal();
    let stderr_is_terminal = std::io::stderr().is_terminal();
    let (target, destination) = match &common.output {
        None if stdout_is_terminal => (Target::Stdout, Destination::Terminal),
        None => (Target::Stdout, stdout_destination()),
        Some(path) if path.ends_with('/') || Path::new(path).is_dir() => {
            std::fs::create_dir_all(path).map_err(|error| Error::storage(format!("{path} cannot be made: {error}")))?;
            (Target::Folder(PathBuf::from(path)), Destination::File)
        }
        Some(path) => {
            let file = OutputFile::create(path)?;
            let destination = file.destination();
            (Target::File(file), destination)
        }
    };
    let mut output = OutputOptions::new(destination);
    let format: Option<Format> = match &settings.format {
        Some(format) => Some(format.choose("format")?),
        None => common.output.as_deref().and_then(format_of_file),
    };
    if let Some(format) = format {
        output.format = format;
    }
    output.header = settings.no_header != Some(true);
    output.null = settings.null.clone();
    match settings.maxrows {
        Some(0) => output.max_rows = None,
        Some(rows) => output.max_rows = Some(rows),
        None => {}
    }
    output.color = colors(settings.color, destination == Destination::Terminal);
    if destination == Destination::Terminal {
        output.width = terminal_width();
    }
    let options = RunOptions {
        on_error: settings.on_error.unwrap_or_default(),
        stats: settings.stats == Some(true),
        timing: settings.timing == Some(true),
        quiet: settings.quiet == Some(true),
        color: colors(settings.color, stderr_is_terminal),
        progress: stderr_is_terminal,
        output,
        format_chosen: format.is_some(),
        expanded: Expanded::Off,
        pager: false,
    };
    Ok((options, target))
}

fn stdout_destination() -> Destination {
    use std::os::fd::AsFd;
    let is_file = std::io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .and_then(|descriptor| std::fs::File::from(descriptor).metadata())
        .is_ok_and(|metadata| metadata.is_file());
    if is_file { Destination::File } else { Destination::Pipe }
}

/// `--color`, else NO_COLOR, else whether it is a terminal.
pub(super) fn colors(choice: Option<ColorChoice>, is_terminal: bool) -> bool {
    match choice {
        Some(ColorChoice::Always) => true,
        Some(ColorChoice::Never) => false,
        Some(ColorChoice::Auto) | None => {
            is_terminal
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Columns of the terminal on standard output.
pub(super) fn terminal_width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

/// The file of `--init`, or the user's `init.sql` if there is one. A failure in it ends the run.
async fn run_init_file(
    common: &CommonArguments,
    settings: &Settings,
    runner: &mut Runner,
    meta: &mut Meta,
) -> Result<Option<Ended>> {
    if common.no_init {
        return Ok(None);
    }
    let path = match &settings.init {
        Some(path) => path.value.clone(),
        None => {
            match directories::ProjectDirs::from("", "", "ostrich").map(|dirs| dirs.config_dir().join("init.sql")) {
                Some(path) if path.is_file() => path.display().to_string(),
                _ => return Ok(None),
            }
        }
    };
    let source = read_file(&path)?;
    match runner.run_script(&source, Some(&path), meta).await {
        Ended::Done => Ok(None),
        ended => Ok(Some(ended)),
    }
}

//! Settings files: what a project or a user has decided once, so that nobody has to type it.
//!
//! `ostrich.toml` of the project lies over `~/.config/ostrich/config.toml` of the user; flags and `OSTRICH_*` variables
//! lie over both, through [`Settings::merge`]. A mistake in a file is shown at its line and column.

mod init;
mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ColorChoice, ValueEnum};

pub use self::init::init_project;
use crate::catalog::hive::HiveOptions;
use crate::error::{Error, Position, Result};
use crate::names::nearest;
use crate::sql::dialect::Dialect;

/// The name of a project's settings file.
pub const PROJECT_FILE: &str = "ostrich.toml";

/// Settings as far as somebody has decided them.
///
/// The names are those of the long flags.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The folder of the lasting catalog; an absolute path or a URL when it comes from a file.
    pub catalog: Option<Located<String>>,
    pub color: Option<ColorChoice>,
    /// Folders, files and URLs whose data become tables; absolute when they come from a file.
    pub data: Option<Vec<Located<String>>>,
    pub dialect: Option<Dialect>,
    /// The Hive Metastore that is the catalog `hive`.
    pub hive: Option<HiveOptions>,
    /// The name of an output format.
    pub format: Option<Located<String>>,
    /// A file of statements to run first; absolute when it comes from a file.
    pub init: Option<Located<String>>,
    /// At most so many rows of a result are shown.
    pub maxrows: Option<usize>,
    /// In bytes.
    pub memory_limit: Option<u64>,
    pub no_header: Option<bool>,
    /// What is shown for NULL.
    pub null: Option<String>,
    pub on_error: Option<OnError>,
    pub quiet: Option<bool>,
    pub stats: Option<bool>,
    pub threads: Option<NonZeroUsize>,
    /// For each statement; zero is no limit.
    pub timeout: Option<Duration>,
    pub timing: Option<bool>,
    /// `[vars]`: variables for `${name}` and `:name` in SQL.
    pub vars: BTreeMap<String, Located<String>>,
    /// `[conf]`: settings as SET takes them, such as `datafusion.execution.batch_size`.
    pub conf: BTreeMap<String, Located<String>>,
    /// The settings files that were read, those that win first.
    pub files: Vec<PathBuf>,
}

impl Settings {
    /// Reads the project's file over the user's; settings that neither has stay open.
    ///
    /// The project's file is the nearest `ostrich.toml` in `start_dir` and the folders above it, up to the repository's
    /// root (a folder with `.git`) or `home`. The user's is `ostrich/config.toml` in `$XDG_CONFIG_HOME`, which is
    /// `~/.config` if it is not set.
    ///
    /// # Errors
    ///
    /// Usage, with its place: a file that is not TOML, a setting that does not exist or has a wrong value, a `${NAME}`
    /// that is not in the environment. Usage, with its path: a file that cannot be read.
    ///
    /// `home` is [`home_dir`], but for tests.
    pub fn load(start_dir: &Path, home: Option<&Path>) -> Result<Self> {
        Self::load_with(start_dir, home, &|name| std::env::var(name).ok())
    }

    /// [`Settings::load`] with another environment.
    fn load_with(start_dir: &Path, home: Option<&Path>, env: Environment<'_>) -> Result<Self> {
        let start_dir = std::path::absolute(start_dir)
            .map_err(|error| Error::usage(format!("cannot find out the current folder: {error}")))?;
        let mut settings = Settings::default();
        for file in [project_file(&start_dir, home), user_file(home, env)].into_iter().flatten() {
            // In a shell that was opened in ~/.config/ostrich, say.
            if settings.files.contains(&file) {
                continue;
            }
            settings = settings.merge(read::read_file(&file, &start_dir, home, env)?);
        }
        Ok(settings)
    }

    /// These settings, and where they are open those of `under`.
    ///
    /// Variables and `[conf]` are joined name by name; a list of data is taken as a whole.
    #[must_use]
    pub fn merge(self, under: Settings) -> Self {
        fn join<T>(over: BTreeMap<String, T>, under: BTreeMap<String, T>) -> BTreeMap<String, T> {
            under.into_iter().chain(over).collect()
        }
        Settings {
            catalog: self.catalog.or(under.catalog),
            color: self.color.or(under.color),
            data: self.data.or(under.data),
            dialect: self.dialect.or(under.dialect),
            hive: self.hive.or(under.hive),
            format: self.format.or(under.format),
            init: self.init.or(under.init),
            maxrows: self.maxrows.or(under.maxrows),
            memory_limit: self.memory_limit.or(under.memory_limit),
            no_header: self.no_header.or(under.no_header),
            null: self.null.or(under.null),
            on_error: self.on_error.or(under.on_error),
            quiet: self.quiet.or(under.quiet),
            stats: self.stats.or(under.stats),
            threads: self.threads.or(under.threads),
            timeout: self.timeout.or(under.timeout),
            timing: self.timing.or(under.timing),
            vars: join(self.vars, under.vars),
            conf: join(self.conf, under.conf),
            files: self.files.into_iter().chain(under.files).collect(),
        }
    }
}

/// What follows a statement that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OnError {
    /// Nothing: the rest of the script is not run
    #[default]
    Stop,
    /// The next statement; the exit code is still that of a failure
    Continue,
}

/// A value and where it was set, for errors that show only when the value is used.
#[derive(Clone)]
pub struct Located<T> {
    pub value: T,
    /// In a settings file; `None` for flags and variables.
    place: Option<Position>,
    /// Whether it has something from the environment in it: that may be a secret.
    from_environment: bool,
}

impl<T> Located<T> {
    /// A value that comes from no file.
    pub fn new(value: T) -> Self {
        Located { value, place: None, from_environment: false }
    }

    /// Points an error about this value at the place where it was set.
    pub fn blame(&self, error: Error) -> Error {
        match &self.place {
            Some(place) => error.at(&place.source, place.span),
            None => error,
        }
    }
}

impl Located<String> {
    /// The value as one of a flag's choices; `what` names the setting.
    ///
    /// # Errors
    ///
    /// Usage, at the value's place, if it is none of them.
    pub fn choose<T: ValueEnum>(&self, what: &str) -> Result<T> {
        choose(what, &self.value).map_err(|error| self.blame(error))
    }
}

/// Shows where a value was set, and hides one that comes from the environment.
impl<T: fmt::Debug> fmt::Debug for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from_environment {
            f.write_str("(from the environment)")?;
        } else {
            self.value.fmt(f)?;
        }
        match &self.place {
            Some(place) => write!(f, " at {}:{}", place.source.name(), place.span.start.line),
            None => Ok(()),
        }
    }
}

/// A number of bytes: `512MB`, `8GB` (powers of ten), `16GiB` (powers of two), or a bare number.
///
/// # Errors
///
/// Usage, if it is not one.
pub fn parse_memory(text: &str) -> Result<u64> {
    match text.trim().parse::<bytesize::ByteSize>() {
        Ok(size) if size.as_u64() > 0 => Ok(size.as_u64()),
        _ => Err(Error::usage(format!("\"{text}\" is not an amount of memory")).help("for example: 512MB, 8GB, 16GiB")),
    }
}

/// A time limit: `90s`, `10m`, `1h 30m`, or a bare number of seconds. Zero is no limit.
///
/// # Errors
///
/// Usage, if it is not one.
pub fn parse_timeout(text: &str) -> Result<Duration> {
    let text = text.trim();
    let seconds = text.parse::<u64>().map(Duration::from_secs);
    seconds.or_else(|_| humantime::parse_duration(text)).map_err(|_| {
        Error::usage(format!("\"{text}\" is not a time limit")).help("for example: 90s, 10m, 1h 30m; 0 is no limit")
    })
}

/// One of the choices of a flag, by its name or another name for it.
fn choose<T: ValueEnum>(what: &str, text: &str) -> Result<T> {
    T::from_str(text.trim(), true).map_err(|_| {
        let choices: Vec<_> = T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
        let names: Vec<&str> = choices.iter().map(|choice| choice.get_name()).collect();
        let error = Error::usage(format!("\"{text}\" is no {what}"));
        match nearest(text, names.iter().copied()) {
            Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
            None => error.help(format!("the choices are: {}", names.join(", "))),
        }
    })
}

/// The user's home folder, if there is one.
pub fn home_dir() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|folders| folders.home_dir().to_path_buf())
}

/// The variables of the environment, by name.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

fn project_file(start_dir: &Path, home: Option<&Path>) -> Option<PathBuf> {
    for folder in start_dir.ancestors() {
        let file = folder.join(PROJECT_FILE);
        if file.is_file() {
            return Some(file);
        }
        if home == Some(folder) || folder.join(".git").exists() {
            return None;
        }
    }
    None
}

fn user_file(home: Option<&Path>, env: Environment<'_>) -> Option<PathBuf> {
    // A relative path in the variable is to be ignored, says the XDG specification.
    let configured = env("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let file = configured.or_else(|| Some(home?.join(".config")))?.join("ostrich/config.toml");
    file.is_file().then_some(file)
}

#[cfg(test)]
mod tests;

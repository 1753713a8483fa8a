//! One settings file to [`Settings`], with every mistake at its place.
//!
//! The file is walked key by key and not deserialized: that keeps the place of each key and value, for unknown keys as
//! well as for values that are found wrong much later.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Environment, Located, Settings, choose, parse_memory, parse_timeout};
use crate::catalog::hive::HiveOptions;
use crate::error::{Error, Position, Result};
use crate::names::nearest;
use crate::sql::source::Source;

/// The keys of a settings file, for suggestions.
const KEYS: &[&str] = &[
    "catalog",
    "color",
    "conf",
    "data",
    "dialect",
    "format",
    "init",
    "maxrows",
    "memory-limit",
    "no-header",
    "null",
    "on-error",
    "quiet",
    "stats",
    "threads",
    "timeout",
    "timing",
    "vars",
];

/// Reads a settings file. Errors name it as it is seen from `current_dir`.
pub(super) fn read_file(
    path: &Path,
    current_dir: &Path,
    home: Option<&Path>,
    env: Environment<'_>,
) -> Result<Settings> {
    let shown = path.strip_prefix(current_dir).unwrap_or(path).display().to_string();
    let bytes = std::fs::read(path).map_err(|error| Error::usage(format!("cannot read {shown}: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.utf8_error().valid_up_to();
        let source = Source::new(&shown, String::from_utf8_lossy(error.as_bytes()));
        Error::usage("this is not UTF-8 text").at(&source, source.span(before..before))
    })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
    let file = SettingsFile { source: Source::new(shown, text), folder, home, env };
    let mut settings = file.settings()?;
    settings.files.push(path.to_path_buf());
    Ok(settings)
}

struct SettingsFile<'a> {
    source: Arc<Source>,
    /// What relative paths in the file are relative to.
    folder: PathBuf,
    home: Option<&'a Path>,
    env: Environment<'a>,
}

type Value<'i> = Spanned<DeValue<'i>>;

/// A key as it is looked up, and where it stands.
struct Key {
    name: String,
    span: Range<usize>,
}

impl SettingsFile<'_> {
    fn settings(&self) -> Result<Settings> {
        let document = DeTable::parse(self.source.text()).map_err(|error| {
            let message = error.message().replace('\n', ", ");
            let span = error.span().unwrap_or(0..0);
            self.wrong(format!("this is not TOML: {message}"), span)
        })?;

        let mut settings = Settings::default();
        for (key, value) in self.entries(document.get_ref())? {
            match key.name.as_str() {
                "catalog" => self.catalog(value, &mut settings)?,
                "color" => settings.color = Some(self.choice(&key, value)?),
                "conf" => self.conf(&key, value, "", &mut settings.conf)?,
                "data" => settings.data = Some(self.data(&key, value)?),
                "dialect" => settings.dialect = Some(self.choice(&key, value)?),
                "format" => settings.format = Some(self.string(&key, value)?),
                "init" => settings.init = Some(self.path(&key, value)?),
                "maxrows" => settings.maxrows = Some(self.whole_number(&key, value)?),
                "memory-limit" => settings.memory_limit = Some(self.quantity(&key, value, parse_memory)?),
                "no-header" => settings.no_header = Some(self.boolean(&key, value)?),
                "null" => settings.null = Some(self.string(&key, value)?.value),
                "on-error" => settings.on_error = Some(self.choice(&key, value)?),
                "quiet" => settings.quiet = Some(self.boolean(&key, value)?),
                "stats" => settings.stats = Some(self.boolean(&key, value)?),
                "threads" => settings.threads = Some(self.threads(&key, value)?),
                "timeout" => settings.timeout = Some(self.quantity(&key, value, parse_timeout)?),
                "timing" => settings.timing = Some(self.boolean(&key, value)?),
                "vars" => settings.vars = self.vars(&key, value)?,
                "datafusion" | "ostrich" => {
                    return Err(self
                        .wrong(format!("unknown setting \"{}\"", key.name), key.span)
                        .help("settings that SET takes stand under [conf]"));
                }
                _ => return Err(self.unknown(&key, KEYS)),
            }
        }
        Ok(settings)
    }

    /// `catalog = "dir"` is short for `path = "dir"` under `[catalog]`.
    fn catalog(&self, value: &Value<'_>, settings: &mut Settings) -> Result<()> {
        let DeValue::Table(table) = value.get_ref() else {
            let key = Key { name: "catalog".to_owned(), span: value.span() };
            settings.catalog = Some(self.path(&key, value)?);
            return Ok(());
        };
        for (key, value) in self.entries(table)? {
            match key.name.as_str() {
                "path" => settings.catalog = Some(self.path(&key, value)?),
                "hive" => settings.hive = Some(self.hive(&key, value)?),
                _ => return Err(self.unknown(&key, &["path", "hive"])),
            }
        }
        Ok(())
    }

    /// `[catalog.hive]`: a Hive Metastore.
    fn hive(&self, key: &Key, value: &Value<'_>) -> Result<HiveOptions> {
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self
                .wrong_type(key, value, "a table")
                .help("write [catalog.hive] and uri = \"thrift://host:port\""));
        };
        let (mut options, mut connect_timeout, mut timeout, mut is_default) = (None, None, None, false);
        for (key, value) in self.entries(table)? {
            match key.name.as_str() {
                "uri" => {
                    let uri = self.string(&key, value)?;
                    options = Some(HiveOptions::new(&uri.value).map_err(|error| uri.blame(error))?);
                }
                "connect-timeout" => connect_timeout = Some(self.waiting(&key, value)?),
                "timeout" => timeout = Some(self.waiting(&key, value)?),
                "default" => is_default = self.boolean(&key, value)?,
                _ => return Err(self.unknown(&key, &["uri", "default", "timeout", "connect-timeout"])),
            }
        }
        let Some(mut options) = options else {
            return Err(self
                .wrong("[catalog.hive] has no \"uri\"", key.span.clone())
                .help("uri = \"thrift://host:port\" is where the Hive Metastore is"));
        };
        options.connect_timeout = connect_timeout.unwrap_or(options.connect_timeout);
        options.timeout = timeout.unwrap_or(options.timeout);
        options.is_default = is_default;
        Ok(options)
    }

    /// A time limit that has to be one.
    fn waiting(&self, key: &Key, value: &Value<'_>) -> Result<Duration> {
        match self.quantity(key, value, parse_timeout)? {
            Duration::ZERO => Err(self.wrong(format!("\"{}\" cannot be without a limit", key.name), value.span())),
            limit => Ok(limit),
        }
    }

    fn data(&self, key: &Key, value: &Value<'_>) -> Result<Vec<Located<String>>> {
        match value.get_ref() {
            DeValue::String(_) => Ok(vec![self.path(key, value)?]),
            DeValue::Array(items) => items.iter().map(|item| self.path(key, item)).collect(),
            _ => Err(self.wrong_type(key, value, "a list of paths and URLs")),
        }
    }

    /// Settings may be written `"a.b.c" = 1`, `a.b.c = 1`, or under `[conf.a]`.
    fn conf(
        &self,
        key: &Key,
        value: &Value<'_>,
        prefix: &str,
        conf: &mut BTreeMap<String, Located<String>>,
    ) -> Result<()> {
        let DeValue::Table(table) = value.get_ref() else { return Err(self.wrong_type(key, value, "a table")) };
        for (inner, value) in in_order(table) {
            let key = Key { name: format!("{prefix}{}", inner.get_ref()), span: inner.span() };
            if value.get_ref().is_table() {
                self.conf(&key, value, &format!("{}.", key.name), conf)?;
                continue;
            }
            let setting = self.scalar(&key, value)?;
            if conf.contains_key(&key.name) {
                return Err(self.wrong(format!("\"{}\" is set twice", key.name), key.span));
            }
            conf.insert(key.name, setting);
        }
        Ok(())
    }

    fn vars(&self, key: &Key, value: &Value<'_>) -> Result<BTreeMap<String, Located<String>>> {
        let DeValue::Table(table) = value.get_ref() else { return Err(self.wrong_type(key, value, "a table")) };
        in_order(table)
            .into_iter()
            .map(|(key, value)| {
                let key = Key { name: key.get_ref().to_string(), span: key.span() };
                let variable = self.scalar(&key, value)?;
                Ok((key.name, variable))
            })
            .collect()
    }

    /// The entries of a table in the file's order, their keys spelled as the flags are.
    fn entries<'t, 'i>(&self, table: &'t DeTable<'i>) -> Result<Vec<(Key, &'t Value<'i>)>> {
        let mut entries: Vec<(Key, &Value<'_>)> = Vec::with_capacity(table.len());
        for (key, value) in in_order(table) {
            let key = Key { name: key.get_ref().replace('_', "-"), span: key.span() };
            if entries.iter().any(|(earlier, _)| earlier.name == key.name) {
                return Err(self.wrong(format!("\"{}\" is set twice", key.name), key.span));
            }
            entries.push((key, value));
        }
        Ok(entries)
    }

    fn string(&self, key: &Key, value: &Value<'_>) -> Result<Located<String>> {
        match value.get_ref() {
            DeValue::String(text) => self.expand(text, value.span()),
            _ => Err(self.wrong_type(key, value, "a string")),
        }
    }

    /// Any single value, as SET and SQL take it: as text.
    fn scalar(&self, key: &Key, value: &Value<'_>) -> Result<Located<String>> {
        let text = match value.get_ref() {
            DeValue::String(text) => return self.expand(text, value.span()),
            DeValue::Integer(_) => self.integer(value).map(|number| number.to_string()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            DeValue::Boolean(yes) => Some(yes.to_string()),
            DeValue::Datetime(time) => Some(time.to_string()),
            DeValue::Array(_) | DeValue::Table(_) => None,
        };
        match text {
            Some(text) => Ok(self.located(text, value.span(), false)),
            None => Err(self.wrong_type(key, value, "a single value")),
        }
    }

    fn boolean(&self, key: &Key, value: &Value<'_>) -> Result<bool> {
        value.get_ref().as_bool().ok_or_else(|| self.wrong_type(key, value, "true or false"))
    }

    fn integer(&self, value: &Value<'_>) -> Option<i64> {
        let number = value.get_ref().as_integer()?;
        i64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    fn whole_number(&self, key: &Key, value: &Value<'_>) -> Result<usize> {
        let number = self.integer(value).and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| self.wrong_type(key, value, "a whole number"))
    }

    fn threads(&self, key: &Key, value: &Value<'_>) -> Result<NonZeroUsize> {
        let number = self.whole_number(key, value)?;
        NonZeroUsize::new(number).ok_or_else(|| self.wrong("\"threads\" must be at least 1", value.span()))
    }

    /// A number with a unit in a string, or a bare number.
    fn quantity<T>(&self, key: &Key, value: &Value<'_>, parse: fn(&str) -> Result<T>) -> Result<T> {
        let text = self.scalar(key, value)?;
        parse(&text.value).map_err(|error| text.blame(error))
    }

    fn choice<T: ValueEnum>(&self, key: &Key, value: &Value<'_>) -> Result<T> {
        let text = self.string(key, value)?;
        choose(&key.name, &text.value).map_err(|error| text.blame(error))
    }

    /// A path, seen from the file's folder; a URL as it is.
    fn path(&self, key: &Key, value: &Value<'_>) -> Result<Located<String>> {
        let mut text = self.string(key, value)?;
        if text.value.is_empty() {
            return Err(text.blame(Error::usage(format!("\"{}\" has an empty path", key.name))));
        }
        if text.value.contains("://") {
            return Ok(text);
        }
        let path = match (text.value.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => self.folder.join(&text.value),
        };
        // Through its components, because `/here/./data` is hard to read in messages.
        text.value = path
            .components()
            .collect::<PathBuf>()
            .into_os_string()
            .into_string()
            .map_err(|path| text.blame(Error::usage(format!("the path {} is not UTF-8 text", path.display()))))?;
        Ok(text)
    }

    /// Replaces `${NAME}` from the environment; `$${` is a plain `${`.
    fn expand(&self, text: &str, span: Range<usize>) -> Result<Located<String>> {
        let mut expanded = String::with_capacity(text.len());
        let mut from_environment = false;
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, reference) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                expanded.push_str(before);
                expanded.push_str("${");
                rest = reference.strip_prefix("${").unwrap_or_default();
                continue;
            }
            expanded.push_str(before);
            let end = reference.find('}').map_or(reference.len(), |end| end + 1);
            let (reference, after) = reference.split_at(end);
            expanded.push_str(&self.variable(reference, &span)?);
            from_environment = true;
            rest = after;
        }
        expanded.push_str(rest);
        Ok(self.located(expanded, span, from_environment))
    }

    /// The value of `${NAME}`, which stands somewhere in the string at `span`.
    fn variable(&self, reference: &str, span: &Range<usize>) -> Result<String> {
        // Escapes may have moved it, so it is looked up in the text as written.
        let written = self.source.text().get(span.clone()).unwrap_or_default();
        let span = match written.find(reference) {
            Some(at) => span.start + at..span.start + at + reference.len(),
            None => span.clone(),
        };
        let name = reference.strip_prefix("${").and_then(|name| name.strip_suffix('}')).unwrap_or_default();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(self
                .wrong(format!("\"{reference}\" is no variable of the environment"), span)
                .help("write ${NAME}; for a plain ${ write $${"));
        }
        (self.env)(name).ok_or_else(|| {
            self.wrong(format!("{name} is not set in the environment"), span)
                .help(format!("set it before you start ostrich: export {name}=…"))
        })
    }

    fn located(&self, value: String, span: Range<usize>, from_environment: bool) -> Located<String> {
        let place = Position { source: Arc::clone(&self.source), span: self.source.span(span) };
        Located { value, place: Some(place), from_environment }
    }

    fn wrong(&self, message: impl Into<String>, span: Range<usize>) -> Error {
        Error::usage(message).at(&self.source, self.source.span(span))
    }

    fn wrong_type(&self, key: &Key, value: &Value<'_>, expected: &str) -> Error {
        let is = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "another number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(format!("\"{}\" must be {expected}; this is {is}", key.name), value.span())
    }

    fn unknown(&self, key: &Key, known: &[&str]) -> Error {
        let error = self.wrong(format!("unknown setting \"{}\"", key.name), key.span.clone());
        match nearest(&key.name, known.iter().copied()) {
            Some(meant) => error.help(format!("did you mean \"{meant}\"?")),
            None => error.help(format!("the settings are: {}", known.join(", "))),
        }
    }
}

/// The entries of a table in the order in which they stand in the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Spanned<Cow<'i, str>>, &'t Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

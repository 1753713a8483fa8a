//! Where the settings and credentials of object stores come from: the environment, and AWS's shared files.
//!
//! The stores never look at the process environment themselves. They are given a [`StoreConfig`], so that a test or an
//! embedding program can hand in its own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// How the environment variables begin that the stores understand.
const PREFIXES: [&str; 4] = ["AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR_HOST"];

/// Settings of object stores under the names of their environment variables, such as `AWS_REGION`.
#[derive(Clone, Default)]
pub struct StoreConfig {
    variables: BTreeMap<String, String>,
    /// The folder that `.aws` lies in.
    home: Option<PathBuf>,
}

impl StoreConfig {
    /// The settings of this process: its environment, and the home folder for `~/.aws`.
    pub fn from_env() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
            .collect();
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
        StoreConfig { variables, home }
    }

    /// Sets one variable; an empty value counts as not set.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Uses the `.aws` folder in `home`.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables that begin with `prefix`, in the lower-case spelling that object_store's builders parse.
    pub(super) fn lower_case<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        self.variables
            .iter()
            .filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
    }

    /// The settings of the profile in use from `~/.aws/credentials` and `~/.aws/config`, under the names that those files
    /// use. Empty if there are no such files; an error if `AWS_PROFILE` names a profile that neither file has.
    pub(super) fn aws_profile(&self) -> Result<BTreeMap<String, String>> {
        let profile = self.get("AWS_PROFILE").unwrap_or("default");
        let file = |variable: &str, name: &str| match self.get(variable) {
            Some(path) => Some(PathBuf::from(path)),
            None => self.home.as_ref().map(|home| home.join(".aws").join(name)),
        };
        let mut settings = BTreeMap::new();
        let mut found = false;
        // The credentials file comes last: where both have a key, it is the one that counts.
        for path in [file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")] {
            let Some(text) = path.as_deref().and_then(read_if_there) else { continue };
            for (section, key, value) in ini_entries(&text) {
                let name = section.strip_prefix("profile ").map_or(section, str::trim);
                if name == profile {
                    found = true;
                    settings.insert(key.to_ascii_lowercase(), value.to_string());
                }
            }
        }
        if !found && let Some(profile) = self.get("AWS_PROFILE") {
            return Err(Error::storage(format!("there is no AWS profile \"{profile}\""))
                .help("AWS_PROFILE names a section of ~/.aws/credentials or ~/.aws/config"));
        }
        Ok(settings)
    }
}

/// Names only: values may be secret.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig").field("variables", &self.variables.keys()).field("home", &self.home).finish()
    }
}

fn read_if_there(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The entries of an INI file as (section, key, value). Indented lines belong to a nested setting and are left out.
fn ini_entries(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut section = "";
    text.lines().filter_map(move |line| {
        if line.starts_with([' ', '\t', '#', ';']) {
            return None;
        }
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
            return None;
        }
        let (key, value) = line.split_once('=')?;
        Some((section, key.trim(), value.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_is_read_from_both_files() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(
            home.path().join(".aws/config"),
            "[default]\nregion = eu-west-1\n[profile lake]\n# note\nregion=eu-central-1\ns3 =\n  max_queue = 9\n",
        )
        .unwrap();
        std::fs::write(
            home.path().join(".aws/credentials"),
            "[lake]\naws_access_key_id = KEY\naws_secret_access_key = a=b/c\n",
        )
        .unwrap();
        let config = StoreConfig::default().with_home(home.path()).with("AWS_PROFILE", "lake");
        let profile = config.aws_profile().unwrap();
        assert_eq!(profile["region"], "eu-central-1");
        assert_eq!(profile["aws_access_key_id"], "KEY");
        assert_eq!(profile["aws_secret_access_key"], "a=b/c");
        assert!(!profile.contains_key("max_queue"));

        let default = StoreConfig::default().with_home(home.path());
        assert_eq!(default.aws_profile().unwrap()["region"], "eu-west-1");
        let missing = config.with("AWS_PROFILE", "nobody").aws_profile().unwrap_err();
        assert!(missing.message().contains("nobody"));
    }

    #[test]
    fn debug_shows_no_values() {
        let config = StoreConfig::default().with("AWS_SECRET_ACCESS_KEY", "hush");
        let text = format!("{config:?}");
        assert!(text.contains("AWS_SECRET_ACCESS_KEY") && !text.contains("hush"));
    }
}

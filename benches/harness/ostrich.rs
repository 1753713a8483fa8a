//! The `ostrich` binary with nobody's settings.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The binary, in a folder where it finds neither a project nor a user's settings.
pub fn command(binary: &Path, empty_folder: &Path) -> Command {
    let mut command = Command::new(program(binary));
    command.current_dir(empty_folder).env("XDG_CONFIG_HOME", empty_folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OSTRICH_") {
            command.env_remove(name);
        }
    }
    command
}

/// A program to be run in another folder: a path seen from there, a bare name as it is. Links are kept, because a
/// Python environment is one.
pub fn program(path: &Path) -> PathBuf {
    if path.components().count() > 1 { std::path::absolute(path).unwrap_or(path.to_path_buf()) } else { path.into() }
}

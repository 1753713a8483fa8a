//! Names of files, for paths that are being typed.

use std::path::Path;

use super::Candidate;
use crate::cli::meta::expand_home;

/// More would not be looked through by anybody.
const MOST: usize = 1000;

/// The paths that begin with `typed`, folders with `/` at the end. Hidden ones only if a dot was typed. Remote places
/// are not listed: that could take long.
pub(super) fn paths(typed: &str, base: &Path) -> Vec<Candidate> {
    if typed.contains("://") {
        return Vec::new();
    }
    let (folder, beginning) = match typed.rfind('/') {
        Some(slash) => typed.split_at(slash + 1),
        None => ("", typed),
    };
    let Ok(entries) = std::fs::read_dir(base.join(expand_home(folder))) else { return Vec::new() };
    let mut found: Vec<Candidate> = entries
        .take(MOST * 10)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            if !name.starts_with(beginning) || (name.starts_with('.') && !beginning.starts_with('.')) {
                return None;
            }
            // A link to a folder is one.
            let is_folder = entry.path().is_dir();
            let name = if is_folder { name + "/" } else { name };
            Some(Candidate { replacement: format!("{folder}{name}"), display: name })
        })
        .collect();
    found.sort_by(|a, b| a.display.cmp(&b.display));
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(typed: &str, base: &Path) -> Vec<String> {
        paths(typed, base).into_iter().map(|candidate| candidate.replacement).collect()
    }

    #[test]
    fn files_and_folders_are_found_by_their_beginning() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["sales.csv", "sales/2026.csv", "sales/.hidden", "other"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap_or_default();
            let _ = std::fs::write(path, "");
        }
        assert_eq!(shown("sa", folder.path()), ["sales.csv", "sales/"]);
        assert_eq!(shown("sales/", folder.path()), ["sales/2026.csv"]);
        assert_eq!(shown("sales/.", folder.path()), ["sales/.hidden"]);
        assert_eq!(shown("nothing/", folder.path()), Vec::<String>::new());
        assert_eq!(shown("s3://bucket/", folder.path()), Vec::<String>::new());
    }
}

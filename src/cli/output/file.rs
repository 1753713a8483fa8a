//! `-o FILE`: a file that is there as a whole or not at all.
//!
//! Rows go to a temporary file beside the target, which takes the target's name when everything is written. A query that
//! fails half-way leaves what was there before. Devices and pipes (`/dev/stdout`, a fifo) cannot be replaced and are
//! written to directly.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Destination;
use crate::catalog::provider::COMPRESSIONS;
use crate::error::{Error, Result};

/// An output file in the making. Dropped without [`commit`](OutputFile::commit), it leaves no trace.
#[derive(Debug)]
pub struct OutputFile {
    /// As the user wrote it.
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Replace { temporary: NamedTempFile, target: PathBuf },
    WriteThrough(File),
}

impl OutputFile {
    /// Makes sure that `path` can be written, without touching what is there.
    ///
    /// # Errors
    ///
    /// A storage error that names the path: its folder is missing, it is a folder, permission is denied. A usage error if its name says
    /// that it is compressed.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        if names_compression(&path) {
            return Err(Error::usage(format!("what is written to \"{}\" would not be compressed", path.display()))
                .help("COPY (SELECT …) TO 'rows.csv.gz' compresses, and so does | gzip > rows.csv.gz"));
        }
        let target = open_target(&path).map_err(|error| cannot_write(&path, &error))?;
        Ok(OutputFile { path, target })
    }

    /// What [`writer`](super::writer) is to write to. Several writers may follow one another: each goes on where the one before
    /// it stopped.
    pub fn sink(&self) -> Result<Box<dyn Write + Send>> {
        let file = self.file().try_clone().map_err(|error| cannot_write(&self.path, &error))?;
        Ok(Box::new(file))
    }

    /// As the user wrote it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of thing the bytes go to.
    pub fn destination(&self) -> Destination {
        let file = self.file();
        if file.is_terminal() {
            Destination::Terminal
        } else if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            Destination::File
        } else {
            Destination::Pipe
        }
    }

    /// Puts the file under its name. All writers must have finished.
    pub fn commit(self) -> Result<()> {
        let Target::Replace { temporary, target } = self.target else { return Ok(()) };
        // A disk that is full or gone may say so only now, and the old file is still there.
        temporary.as_file().sync_all().map_err(|error| cannot_write(&self.path, &error))?;
        temporary.persist(target).map_err(|error| cannot_write(&self.path, &error.error))?;
        Ok(())
    }

    fn file(&self) -> &File {
        match &self.target {
            Target::Replace { temporary, .. } => temporary.as_file(),
            Target::WriteThrough(file) => file,
        }
    }
}

/// Others would read the file as compressed.
fn names_compression(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| COMPRESSIONS.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

fn open_target(path: &Path) -> io::Result<Target> {
    let permissions = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        // What /dev/stdout stands for may be a file, but one that somebody else has open and means to keep.
        Ok(metadata) if !metadata.is_file() || path.starts_with("/dev") || path.starts_with("/proc") => {
            return OpenOptions::new().append(true).open(path).map(Target::WriteThrough);
        }
        Ok(metadata) => {
            // Replacing needs no permission on the file itself, but one that is protected is meant to be.
            OpenOptions::new().append(true).open(path)?;
            metadata.permissions()
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Permissions::from_mode(0o666),
        Err(error) => return Err(error),
    };
    // A link keeps pointing to the file, which is what gets replaced.
    let target = if path.exists() { fs::canonicalize(path)? } else { path.to_path_buf() };
    let name = target.file_name().ok_or(ErrorKind::InvalidFilename)?.to_string_lossy().into_owned();
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Hidden, so that a table over the folder does not read it.
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    if target.exists() {
        temporary.as_file().set_permissions(permissions)?;
    }
    Ok(Target::Replace { temporary, target })
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    let failure = Error::storage(format!("cannot write \"{shown}\": {error}"));
    match path.parent() {
        Some(folder) if error.kind() == ErrorKind::NotFound && !folder.as_os_str().is_empty() => {
            failure.help(format!("the folder \"{}\" does not exist", folder.display()))
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::error::ErrorKind as Kind;

    fn write(output: &OutputFile, text: &str) {
        output
            .sink()
            .and_then(|mut sink| sink.write_all(text.as_bytes()).map_err(|e| Error::storage(e.to_string())))
            .expect("written");
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_name_appears_with_the_commit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rows.csv");
        let output = OutputFile::create(&path).expect("writable");
        assert_eq!(output.destination(), Destination::File);
        write(&output, "a\n");
        write(&output, "b\n");
        assert!(!path.exists());
        output.commit().expect("renamed");
        assert_eq!(fs::read_to_string(&path).expect("there"), "a\nb\n");
        assert_eq!(names(folder.path()), ["rows.csv"]);
    }

    #[test]
    fn a_failed_query_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rows.csv");
        fs::write(&path, "old").expect("written");
        let output = OutputFile::create(&path).expect("writable");
        write(&output, "half");
        drop(output);
        assert_eq!(fs::read_to_string(&path).expect("there"), "old");
        assert_eq!(names(folder.path()), ["rows.csv"]);
    }

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_links_to_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rows.csv");
        let link = folder.path().join("latest.csv");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o604)).expect("changed");
        std::os::unix::fs::symlink("rows.csv", &link).expect("linked");
        let output = OutputFile::create(&link).expect("writable");
        write(&output, "new");
        output.commit().expect("renamed");
        assert_eq!(fs::read_to_string(&path).expect("there"), "new");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o604);
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    }

    #[test]
    fn a_new_file_is_as_readable_as_any_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let usual = folder.path().join("usual");
        fs::write(&usual, "").expect("written");
        let path = folder.path().join("rows.csv");
        OutputFile::create(&path).and_then(OutputFile::commit).expect("an empty file");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&path), mode(&usual));
    }

    #[test]
    fn a_fifo_is_written_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        let status = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
        assert!(status.success());
        let reader = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut text = String::new();
                File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map(|_| text)
            }
        });
        let output = OutputFile::create(&path).expect("writable");
        assert_eq!(output.destination(), Destination::Pipe);
        write(&output, "row\n");
        output.commit().expect("nothing to rename");
        assert_eq!(reader.join().expect("no panic").expect("read"), "row\n");
        assert_eq!(names(folder.path()), ["pipe"]);
    }

    #[test]
    fn standard_output_is_never_replaced() {
        let output = OutputFile::create("/dev/null").expect("writable");
        assert!(matches!(output.target, Target::WriteThrough(_)));
    }

    #[test]
    fn what_cannot_be_written_is_said_before_the_query_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = OutputFile::create(folder.path().join("no/such/file")).expect_err("no folder");
        assert_eq!(error.kind(), Kind::Storage);
        assert!(error.help_lines().iter().any(|line| line.ends_with("no/such\" does not exist")), "{error}");
        let error = OutputFile::create(folder.path()).expect_err("a folder");
        assert!(error.message().contains("is a directory"), "{error}");
    }
}

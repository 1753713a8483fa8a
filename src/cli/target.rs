//! Where results go: the screen, a file, a folder, another program.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::output::file::OutputFile;
use super::output::{Destination, Format, OutputOptions};
use crate::error::{Error, Result};

/// Where results go.
#[derive(Debug)]
pub enum Target {
    Stdout,
    /// All results into one file, which appears when the last one is written.
    File(OutputFile),
    /// A file a result: `q05.csv`, `q05_2.csv`.
    Folder(PathBuf),
    /// A program's standard input.
    Pipe(Child),
}

impl Target {
    /// Starts `command` in the user's shell, to be given results.
    pub fn program(command: &str) -> Result<Self> {
        let child = Command::new("sh").arg("-c").arg(command).stdin(Stdio::piped()).spawn();
        child.map(Target::Pipe).map_err(|error| Error::storage(format!("cannot start \"{command}\": {error}")))
    }

    /// How results look there. What the screen needs (a cap on the rows, lines that fit, colours) is not for files and
    /// programs.
    pub(super) fn options(&self, options: &OutputOptions) -> OutputOptions {
        let mut options = options.clone();
        let destination = match self {
            Target::Stdout => return options,
            Target::File(file) => file.destination(),
            Target::Folder(_) => Destination::File,
            Target::Pipe(_) => Destination::Pipe,
        };
        if options.destination == Destination::Terminal && destination != Destination::Terminal {
            options.max_rows = None;
            options.width = None;
            options.color = false;
        }
        options.destination = destination;
        options
    }

    /// Closes it. A file appears under its name; a program is waited for, because it decides when it is done.
    pub(super) fn close(self) -> Result<()> {
        match self {
            Target::Stdout | Target::Folder(_) => Ok(()),
            Target::File(output) => output.commit(),
            Target::Pipe(mut child) => {
                drop(child.stdin.take());
                let _ = child.wait();
                Ok(())
            }
        }
    }

    /// A second handle on the program's standard input; the program reads until all are closed.
    pub(super) fn pipe(child: &Child) -> Result<Box<dyn Write + Send>> {
        let Some(stdin) = &child.stdin else { return Ok(Box::new(std::io::sink())) };
        let descriptor = duplicate(stdin.as_fd())
            .map_err(|error| Error::storage(format!("cannot write to the program: {error}")))?;
        Ok(Box::new(descriptor))
    }
}

fn duplicate(descriptor: BorrowedFd<'_>) -> std::io::Result<std::fs::File> {
    descriptor.try_clone_to_owned().map(std::fs::File::from)
}

/// `-o x.parquet` asks for Parquet.
pub(super) fn format_of_file(path: &str) -> Option<Format> {
    match Path::new(path).extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "tsv" => Some(Format::Tsv),
        "json" => Some(Format::Json),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "md" => Some(Format::Markdown),
        "parquet" => Some(Format::Parquet),
        "arrow" => Some(Format::Arrow),
        _ => None,
    }
}

/// `out/q05.csv` for the first result of `queries/q05.sql`, `out/q05_2.csv` for the second.
pub(super) fn result_file(folder: &Path, file: Option<&str>, number: u64, format: Format) -> PathBuf {
    let stem = file
        .and_then(|file| Path::new(file).file_stem())
        .map_or_else(|| "result".into(), |stem| stem.to_string_lossy());
    let extension = match format {
        Format::Table | Format::Vertical | Format::None => "txt",
        Format::Csv => "csv",
        Format::Tsv => "tsv",
        Format::Json => "json",
        Format::Jsonl => "jsonl",
        Format::Markdown => "md",
        Format::Parquet => "parquet",
        Format::Arrow => "arrow",
    };
    match number {
        1 => folder.join(format!("{stem}.{extension}")),
        number => folder.join(format!("{stem}_{number}.{extension}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_named_after_their_query_file() {
        let folder = Path::new("out");
        assert_eq!(result_file(folder, Some("queries/q05.sql"), 1, Format::Csv), Path::new("out/q05.csv"));
        assert_eq!(result_file(folder, Some("queries/q05.sql"), 2, Format::Parquet), Path::new("out/q05_2.parquet"));
        assert_eq!(result_file(folder, None, 1, Format::Jsonl), Path::new("out/result.jsonl"));
    }

    #[test]
    fn what_is_for_the_screen_does_not_reach_files() {
        let screen = OutputOptions { color: true, width: Some(80), ..OutputOptions::new(Destination::Terminal) };
        let options = Target::Folder("out".into()).options(&screen);
        assert_eq!((options.color, options.width, options.max_rows), (false, None, None));
        assert_eq!(options.destination, Destination::File);
        assert_eq!(Target::Stdout.options(&screen).max_rows, screen.max_rows);
    }

    #[test]
    fn a_program_gets_all_that_is_written_before_it_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let target = Target::program(&format!("cat > '{}'", path.display())).unwrap();
        let Target::Pipe(child) = &target else { panic!("a program") };
        Target::pipe(child).unwrap().write_all(b"a\n").unwrap();
        Target::pipe(child).unwrap().write_all(b"b\n").unwrap();
        target.close().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "a\nb\n");
    }
}

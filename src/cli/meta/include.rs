//! `\i`: run a file.

use std::path::Path;

use async_trait::async_trait;

use super::arguments::{Arguments, expand_home};
use super::{Call, Completes, Group, InScript, MetaCommand};
use crate::cli::app::read_file;
use crate::cli::runner::Ended;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::sql::source::Span;

/// A file that runs itself would never end.
pub(in crate::cli) const DEPTH: usize = 32;

/// Runs the statements and commands of a file.
pub(super) struct Include;

#[async_trait(?Send)]
impl MetaCommand for Include {
    fn names(&self) -> &'static [&'static str] {
        &["\\i", "\\include", "source", ".read", "!run"]
    }

    fn arguments(&self) -> &'static str {
        "file"
    }

    fn help(&self) -> &'static str {
        "run a file"
    }

    fn group(&self) -> Group {
        Group::Files
    }

    fn completes(&self) -> Completes {
        Completes::Files
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        include(call, None).await
    }

    fn read(&self, arguments: &Arguments, session: &Session) -> Result<InScript> {
        let (path, place) = file(arguments, session, None)?;
        Ok(InScript::Runs { path, place })
    }
}

/// The same, for files beside the script.
pub(super) struct IncludeRelative;

#[async_trait(?Send)]
impl MetaCommand for IncludeRelative {
    fn names(&self) -> &'static [&'static str] {
        &["\\ir", "\\include_relative"]
    }

    fn arguments(&self) -> &'static str {
        "file"
    }

    fn help(&self) -> &'static str {
        "run a file whose path starts at the script's folder"
    }

    fn group(&self) -> Group {
        Group::Files
    }

    fn completes(&self) -> Completes {
        Completes::Files
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        let script = call.arguments.source().name().to_string();
        include(call, Path::new(&script).parent()).await
    }

    fn read(&self, arguments: &Arguments, session: &Session) -> Result<InScript> {
        let script = arguments.source().name().to_string();
        let (path, place) = file(arguments, session, Path::new(&script).parent())?;
        Ok(InScript::Runs { path, place })
    }
}

/// The path of the file, and where it is named.
fn file(arguments: &Arguments, session: &Session, folder: Option<&Path>) -> Result<(String, Span)> {
    let word = arguments.one("file", session)?;
    let path = expand_home(&word.text);
    let path = folder.map_or_else(|| path.clone(), |folder| folder.join(&path).display().to_string());
    Ok((path, arguments.span(&word)))
}

pub(in crate::cli) fn too_deep() -> Error {
    Error::usage(format!("scripts run scripts more than {DEPTH} deep"))
}

async fn include(call: Call<'_>, folder: Option<&Path>) -> Result<Ended> {
    let (path, place) = file(&call.arguments, &call.runner.session, folder)?;
    let at = |error: Error| error.at(call.arguments.source(), place);
    if call.meta.depth >= DEPTH {
        return Err(at(too_deep()));
    }
    let source = read_file(&path).map_err(at)?;
    call.meta.depth += 1;
    let ended = Box::pin(call.runner.run_script(&source, Some(&path), call.meta)).await;
    call.meta.depth -= 1;
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{TestShell, shell};
    use super::*;

    fn write(shell: &TestShell, name: &str, text: &str) -> String {
        let path = shell.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    #[tokio::test]
    async fn statements_and_commands_of_a_file_run() {
        let mut shell = shell().await;
        let path = write(&shell, "a b.sql", "select 1 as first;\n\\x\nselect 2 as second;");
        let shown = shell.shows(&format!("\\i '{path}'")).await;
        assert!(shown.contains("first") && shown.contains("second | 2"), "{shown}");
    }

    #[tokio::test]
    async fn a_path_may_start_at_the_script() {
        let mut shell = shell().await;
        write(&shell, "sub/two.sql", "select 2 as two;");
        let path = write(&shell, "sub/one.sql", "\\ir two.sql");
        assert!(shell.shows(&format!("source {path};")).await.contains("two"));
    }

    #[tokio::test]
    async fn a_missing_file_is_an_error_at_its_name() {
        let mut shell = shell().await;
        let error = shell.run("\\i nothing.sql").await.unwrap_err();
        assert_eq!(error.position().unwrap().span.start.column, 4);
        assert!(shell.run("\\i").await.unwrap_err().message().contains("file is missing"));
    }

    #[tokio::test]
    async fn a_file_that_runs_itself_ends() {
        let mut shell = shell().await;
        let path = write(&shell, "loop.sql", "");
        write(&shell, "loop.sql", &format!("\\i {path}"));
        assert_eq!(shell.run(&format!("\\i {path}")).await.unwrap(), Ended::Failed(2));
    }

    #[tokio::test]
    async fn a_failure_in_the_file_is_one_of_the_command() {
        let mut shell = shell().await;
        let path = write(&shell, "bad.sql", "select nothing;\nselect 1;");
        assert_eq!(shell.run(&format!("\\i {path}")).await.unwrap(), Ended::Failed(1));
    }
}

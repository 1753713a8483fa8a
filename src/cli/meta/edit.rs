//! `\e`: the statement in an editor.

use std::io::Write;
use std::process::Command;

use async_trait::async_trait;

use super::buffer::statement;
use super::system::run_on_terminal;
use super::{Call, Group, MetaCommand, only_in_the_shell};
use crate::cli::runner::Ended;
use crate::error::{Error, Result};

/// Opens it in the user's editor and then runs what was saved.
pub(super) struct Edit;

#[async_trait(?Send)]
impl MetaCommand for Edit {
    fn names(&self) -> &'static [&'static str] {
        &["\\e", "\\edit"]
    }

    fn help(&self) -> &'static str {
        "edit it in $VISUAL or $EDITOR, then run it"
    }

    fn group(&self) -> Group {
        Group::Statement
    }

    async fn run(&self, call: Call<'_>) -> Result<Ended> {
        call.arguments.none()?;
        let Some(shell) = &mut call.meta.shell else { return Err(only_in_the_shell(call.name)) };
        let before = match statement(call.runner) {
            // Of the last one, the end as it was typed; of one that waits there is none yet.
            Ok(piece) if call.runner.pending.is_none() => piece.full_text().trim().to_string() + "\n",
            Ok(piece) => piece.text().to_string() + "\n",
            Err(_) => String::new(),
        };
        let failed = |error: std::io::Error| Error::storage(format!("the statement cannot be edited: {error}"));
        let mut file = tempfile::Builder::new().prefix("ostrich-").suffix(".sql").tempfile().map_err(failed)?;
        file.write_all(before.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
        let editor = editor();
        let status = run_on_terminal(
            call.runner,
            Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file.path()),
        )?;
        if !status.success() {
            return Err(
                Error::usage(format!("the editor \"{editor}\" failed")).help("VISUAL or EDITOR names the one to use")
            );
        }
        // Editors that write a new file and rename it leave another file under the name.
        let after = std::fs::read_to_string(file.path()).map_err(failed)?;
        if after == before || after.trim().is_empty() {
            call.runner.say("Nothing was changed, and nothing is run.");
            return Ok(Ended::Done);
        }
        call.runner.pending = None;
        shell.edited = Some(after.trim_end().to_string());
        Ok(Ended::Done)
    }
}

fn editor() -> String {
    let set = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_string())
}

#[cfg(test)]
mod tests {
    use super::super::testing::shell;

    #[tokio::test]
    async fn a_script_has_no_editor() {
        let error = shell().await.run("select 1;\n\\e").await.unwrap_err();
        assert!(error.message().contains("\\e"), "{error}");
    }
}

//! `ostrich init`: the first files of a project.

use crate::cli::args::InitArguments;
use crate::cli::config::init_project;
use crate::cli::runner::Ended;
use crate::error::Result;

pub(in crate::cli) fn run(init: &InitArguments) -> Result<Ended> {
    let made = init_project(&init.directory)?;
    if made.is_empty() {
        eprintln!("everything is there already; nothing was changed");
    }
    for path in made {
        eprintln!("made {}", path.display());
    }
    Ok(Ended::Done)
}

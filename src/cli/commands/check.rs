//! `ostrich check FILE…`: parses, resolves names and types, runs nothing.

use std::sync::Arc;

use crate::cli::app::read_file;
use crate::cli::args::CheckArguments;
use crate::cli::errors;
use crate::cli::runner::Ended;
use crate::error::Result;
use crate::session::Session;
use crate::sql::dialect::Dialect;
use crate::sql::splitter::PieceKind;

/// Reports every mistake of every file, not just the first.
pub(in crate::cli) async fn run(check: &CheckArguments, session: &Arc<Session>, color: bool) -> Result<Ended> {
    let (mut statements, mut mistakes) = (0_u64, 0_u64);
    let mut code = None;
    for file in &check.files {
        let source = read_file(if file == "-" { "/dev/stdin" } else { file })?;
        let around = session.dialect();
        session.set_dialect(Dialect::of_file(file).unwrap_or(around));
        for piece in session.split(&source) {
            if matches!(piece.kind(), PieceKind::Blank | PieceKind::MetaCommand) {
                continue;
            }
            statements += 1;
            let checked = async {
                let parsed = session.parse(&piece)?;
                session.check(&parsed).await
            };
            if let Err(error) = checked.await {
                mistakes += 1;
                code.get_or_insert(error.kind().exit_code());
                eprintln!("{}", errors::render(&error, color).trim_end());
            }
        }
        session.set_dialect(around);
    }
    let files = check.files.len();
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    eprintln!(
        "{files} file{}, {statements} statement{}, {mistakes} mistake{}",
        plural(files as u64),
        plural(statements),
        plural(mistakes)
    );
    Ok(code.map_or(Ended::Done, Ended::Failed))
}

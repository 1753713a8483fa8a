//! How a benchmark ends: what went wrong goes to standard error.

use std::fmt::Display;
use std::process::ExitCode;

/// The program's exit code.
pub fn exit_code(outcome: Result<(), impl Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

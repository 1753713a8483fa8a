//! `OSTRICH_THREADS=x`: the variable is named, not an option that nobody wrote
//!
//! clap reads both in one way, and complains of `--threads`.

use std::error::Error as _;
use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, CommandFactory};

use super::args::Arguments;
use crate::error::Error;

/// What is wrong with a variable of the environment; `None` if it is the command line that clap complains of.
pub(super) fn mistake(error: &clap::Error, words: &[OsString]) -> Option<Error> {
    if !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        return None;
    }
    let option = option_of(error)?;
    let command = Arguments::command();
    let variable = command.get_arguments().find(|known| is_called(known, &option))?.get_env()?.to_str()?;
    let value = std::env::var(variable).ok()?;
    // Without the variables, the command line is right.
    let alone = Arguments::command().mut_args(|option| option.env(Resettable::Reset));
    if alone.try_get_matches_from(words).is_err_and(|other| option_of(&other).as_ref() == Some(&option)) {
        return None;
    }
    let possible = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => Some(values.join(", ")),
        _ => None,
    };
    let message = match (possible, error.source().map(ToString::to_string)) {
        (Some(values), _) => format!("{variable} is \"{value}\", and takes one of: {values}"),
        (None, Some(why)) if why.contains("not a boolean") => {
            format!("{variable} is \"{value}\", and takes true or false")
        }
        (None, Some(why)) => format!("{variable}: {why}"),
        (None, None) => format!("{variable} is \"{value}\", which it does not take"),
    };
    Some(Error::usage(message).help(format!("unset it, or let {option} on the command line go before it")))
}

/// `--threads` of `--threads <N>`.
fn option_of(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(shown)) => shown.split(' ').next().map(str::to_string),
        _ => None,
    }
}

fn is_called(option: &Arg, written: &str) -> bool {
    option.get_long().is_some_and(|long| written.strip_prefix("--") == Some(long))
}

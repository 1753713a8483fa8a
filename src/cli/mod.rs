//! What a person touches: arguments, settings files, the shell, what they print, and how they say what went wrong.

pub mod app;
pub mod args;
mod commands;
pub mod config;
mod environment;
pub mod errors;
pub(crate) mod meta;
pub mod output;
mod progress;
pub mod runner;
pub(crate) mod shell;
pub mod signals;
pub mod target;
mod text_result;

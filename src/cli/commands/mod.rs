//! The commands behind `ostrich`: one a file.

pub(super) mod check;
pub(super) mod generate;
pub(super) mod init;

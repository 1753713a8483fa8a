//! The commands behind `ostrich`: one a file.

pub(super) mod check;
pub(super) mod constraints;
pub(super) mod explain;
pub(super) mod generate;
pub(super) mod init;
pub(super) mod profile;

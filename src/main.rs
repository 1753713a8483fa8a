//! The command `ostrich`.

fn main() {}

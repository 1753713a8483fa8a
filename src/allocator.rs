//! mimalloc, told to keep what was freed for ten seconds.
//!
//! By itself it gives memory back to the system after ten milliseconds. A scan takes and frees a buffer for each column of each row group,
//! and the system clears every page that it gives out again: that was a third of the time of a scan.

use std::ffi::{c_int, c_long};

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` in mimalloc.h, which the crate has no name for.
const PURGE_DELAY: c_int = 15;
const MILLISECONDS: c_long = 10_000;

unsafe extern "C" {
    /// Not where the environment sets the option (`MIMALLOC_PURGE_DELAY`).
    fn mi_option_set_default(option: c_int, value: c_long);
}

/// To be called before there are other threads.
pub(crate) fn keep_what_is_freed() {
    // Safe: it stores a number, and no other thread reads it meanwhile.
    unsafe { mi_option_set_default(PURGE_DELAY, MILLISECONDS) };
}

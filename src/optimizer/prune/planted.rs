//! Conditions broken on purpose: a test that never fails proves nothing.
//!
//! A rule or a fact asks [`broken`] at the condition that carries its safety; a test breaks one at a time, in its own thread, and
//! shows that wrong rows come to light. Nothing is ever broken outside of debug builds, where the question is a constant.

/// What can be broken.
pub const CONDITIONS: [&str; 5] = [
    // A parent that lost rows (to a filter, a LIMIT, a join) counts as complete.
    "complete",
    // The child's nullable foreign key columns are not filtered when the parent goes.
    "nullable foreign key",
    // A UNIQUE over nullable columns tells rows apart even where NULLs are equal: DISTINCT, GROUP BY.
    "lax key as strict",
    // NOT NULL survives the NULLs that an outer join puts in place of a row.
    "null-extended not null",
    // The columns of grouping sets are a key, although totals repeat their NULLs.
    "key of grouping sets",
];

#[cfg(debug_assertions)]
thread_local! {
    static BROKEN: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
}

/// Whether a test has broken the condition.
#[cfg(debug_assertions)]
pub fn broken(condition: &str) -> bool {
    debug_assert!(CONDITIONS.contains(&condition), "{condition}");
    BROKEN.get() == Some(condition)
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn broken(_condition: &str) -> bool {
    false
}

/// Runs `test` with the condition broken in this thread.
#[cfg(debug_assertions)]
pub fn with_broken<T>(condition: &'static str, test: impl FnOnce() -> T) -> T {
    struct Mend;
    impl Drop for Mend {
        fn drop(&mut self) {
            BROKEN.set(None);
        }
    }
    BROKEN.set(Some(condition));
    let _mend = Mend;
    test()
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_broken_for_the_time_of_the_test_in_its_thread() {
        assert!(!broken("complete"));
        with_broken("complete", || {
            assert!(broken("complete"));
            assert!(!broken("lax key as strict"));
            let elsewhere = std::thread::spawn(|| broken("complete")).join().unwrap();
            assert!(!elsewhere);
        });
        assert!(!broken("complete"));
    }
}

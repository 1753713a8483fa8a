//! Statements over tables that others write to meanwhile.
//!
//! A table of many partitions has its folders listed first and its files when a scan asks for them (`storage/unlisted.rs`). If a write is
//! committed in between, the two do not belong together, and the plan is given up with [`ErrorKind::Changed`]. Nothing has been read
//! or written by then, so that the statement can be planned anew.

use futures::future::BoxFuture;

use crate::error::{ErrorKind, Result};

/// How often a statement is planned at most. Planning takes milliseconds, and a write is committed once in its run: a second attempt
/// that is disturbed, too, is rare, and a fifth means that something is wrong.
const ATTEMPTS: usize = 5;

/// Runs a statement until no write comes between its folders and its files.
///
/// # Errors
///
/// Those of the statement; [`ErrorKind::Changed`] if there was a write in every attempt.
pub(super) async fn undisturbed<'a, T>(mut attempt: impl FnMut() -> BoxFuture<'a, Result<T>> + Send) -> Result<T> {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if error.kind() == ErrorKind::Changed => {}
            outcome => return outcome,
        }
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// What comes of a statement whose first attempts end with an error, and how often it was tried.
    async fn after(failures: usize, kind: ErrorKind) -> (Result<usize>, usize) {
        let mut attempts = 0;
        let outcome = undisturbed(|| {
            attempts += 1;
            let attempt = attempts;
            Box::pin(async move { if attempt <= failures { Err(Error::new(kind, "no")) } else { Ok(attempt) } })
        });
        (outcome.await, attempts)
    }

    #[tokio::test]
    async fn a_statement_is_planned_again_after_a_write() {
        assert_eq!(after(0, ErrorKind::Changed).await.0.unwrap(), 1);
        assert_eq!(after(ATTEMPTS - 1, ErrorKind::Changed).await.0.unwrap(), ATTEMPTS);
    }

    #[tokio::test]
    async fn but_not_for_ever() {
        let (outcome, attempts) = after(ATTEMPTS, ErrorKind::Changed).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Changed);
        assert_eq!(attempts, ATTEMPTS);
    }

    #[tokio::test]
    async fn other_errors_are_final() {
        let (outcome, attempts) = after(1, ErrorKind::Storage).await;
        assert_eq!((outcome.unwrap_err().kind(), attempts), (ErrorKind::Storage, 1));
    }
}

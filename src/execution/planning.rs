//! Planning beside the caller's thread.
//!
//! Planning computes without a pause, and for a statement of some thousand terms it does so for long: on the caller's thread
//! it would keep a time limit or Ctrl-C from being noticed. It also recurses as deep as the statement nests, which a thread's
//! usual stack does not always allow.

use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use tokio::runtime::Handle;

/// Address space, touched only as far as it is used.
const STACK: usize = 256 << 20;

/// Does a piece of planning on a thread of its own. When this future is dropped, the thread goes on to the end of its work, which
/// nobody reads.
///
/// # Errors
///
/// Those of the work, and that it panicked.
pub(crate) async fn aside<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let runtime = Handle::current();
    SpawnedTask::spawn_blocking(move || stacker::grow(STACK, || runtime.block_on(work)))
        .join()
        .await
        .map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn the_clock_is_seen_while_planning_does_not_pause() {
        let start = Instant::now();
        let busy = aside(async {
            std::thread::sleep(Duration::from_secs(3));
            Ok(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(50), busy).await.is_err());
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let failed = aside::<()>(async { panic!("planned") }).await;
        assert!(matches!(failed, Err(DataFusionError::ExecutionJoin(_))));
    }
}

//! Ctrl-C and SIGTERM.
//!
//! In the shell the first Ctrl-C stops the query and the shell lives on. In batch it stops the run (exit code 130), as
//! SIGTERM does (143); both let what is half-done be cleaned up. A second Ctrl-C does not wait for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};

/// Why a run is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT: Ctrl-C.
    Interrupted,
    /// SIGTERM or SIGHUP.
    Terminated,
}

impl Interrupt {
    pub fn exit_code(self) -> u8 {
        match self {
            Interrupt::Interrupted => 130,
            Interrupt::Terminated => 143,
        }
    }
}

/// Listens for signals from when it is made.
#[derive(Debug, Clone)]
pub struct Signals {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// 0: none; 1: Ctrl-C; 2: SIGTERM.
    arrived: AtomicU8,
    /// How many programs have the terminal now.
    lent: AtomicUsize,
    notify: Notify,
}

/// A program of ours has the terminal: the pager, an editor. Ctrl-C is meant for it.
#[derive(Debug)]
pub struct Lent {
    shared: Arc<Shared>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.shared.lent.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Signals {
    /// Starts to listen, on the current runtime.
    pub fn listen() -> Result<Self> {
        let failed = |error| Error::new(ErrorKind::Storage, format!("signals cannot be received: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let signals = Signals { shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            loop {
                let arrived = tokio::select! {
                    _ = interrupt.recv() => 1,
                    _ = terminate.recv() => 2,
                    _ = hangup.recv() => 2,
                };
                let earlier = shared.arrived.fetch_max(arrived, Ordering::SeqCst);
                if earlier == 1 && arrived == 1 && shared.lent.load(Ordering::SeqCst) == 0 {
                    // The first has not been answered: the user does not want to wait.
                    std::process::exit(130);
                }
                shared.notify.notify_waiters();
            }
        });
        Ok(signals)
    }

    /// The signal that has arrived and was not yet taken.
    pub fn arrived(&self) -> Option<Interrupt> {
        match self.shared.arrived.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Interrupt::Interrupted),
            _ => Some(Interrupt::Terminated),
        }
    }

    /// Forgets a Ctrl-C that has been answered.
    pub fn clear(&self) {
        let _ = self.shared.arrived.compare_exchange(1, 0, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Until the answer is dropped, a second Ctrl-C does not end this process: another one has the terminal.
    pub fn lend_terminal(&self) -> Lent {
        self.shared.lent.fetch_add(1, Ordering::SeqCst);
        Lent { shared: Arc::clone(&self.shared) }
    }

    /// Waits for a signal.
    pub async fn wait(&self) -> Interrupt {
        loop {
            let notified = self.shared.notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Some(interrupt) = self.arrived() {
                return interrupt;
            }
            notified.await;
        }
    }
}

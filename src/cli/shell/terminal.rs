//! The terminal as it was before line editing.
//!
//! A SIGTERM at the prompt ends the process while the editor has the terminal in raw mode. Whoever looks at the screen
//! afterwards would not see what they type.

use std::io::{IsTerminal, Write};
use std::mem::MaybeUninit;

/// The mode of the terminal on standard input.
pub(super) struct Terminal {
    mode: Option<libc::termios>,
}

impl Terminal {
    /// Remembers the mode.
    pub(super) fn remember() -> Self {
        let mut mode = MaybeUninit::uninit();
        // SAFETY: `mode` is valid for writes of a termios, and is read only if the call says that it has filled it.
        let filled = unsafe { libc::tcgetattr(libc::STDIN_FILENO, mode.as_mut_ptr()) } == 0;
        // SAFETY: as above.
        Terminal { mode: filled.then(|| unsafe { mode.assume_init() }) }
    }

    /// Puts it back.
    pub(super) fn restore(&self) {
        let Some(mode) = &self.mode else { return };
        // SAFETY: `mode` is a termios that came from tcgetattr.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, mode) };
        let mut stdout = std::io::stdout();
        if stdout.is_terminal() {
            // Pasting is no longer marked, and what comes next begins a line.
            let _ = stdout.write_all(b"\x1b[?2004l\r\n").and_then(|()| stdout.flush());
        }
    }
}

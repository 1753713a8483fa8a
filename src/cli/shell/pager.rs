//! Long results, a page at a time.
//!
//! What fits on the screen is simply written. As soon as there is more, a pager is started and gets all of it.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cli::signals::{Lent, Signals};

/// A result that has no line ends is passed on when it is this long.
const LONGEST: usize = 1 << 20;
/// `less`: leaves if it all fits, keeps colours, and does not wrap or clear.
const DEFAULT_PAGER: &str = "less -FRSX";

/// Standard output, through a pager if the text turns out to be longer than the screen.
pub(in crate::cli) struct PagedScreen {
    state: State,
    lines: usize,
    height: usize,
    signals: Signals,
}

enum State {
    /// It may still fit.
    Held(Vec<u8>),
    Paged(Child, #[expect(dead_code, reason = "dropped when the pager has ended")] Lent),
    /// There is no pager, or no screen.
    Direct,
}

impl PagedScreen {
    pub(in crate::cli) fn new(signals: &Signals) -> Self {
        let rows = console::Term::stdout().size_checked().map(|(rows, _)| usize::from(rows));
        let (state, height) = match rows {
            Some(rows) if io::stdout().is_terminal() => (State::Held(Vec::new()), rows),
            _ => (State::Direct, 0),
        };
        PagedScreen { state, lines: 0, height, signals: signals.clone() }
    }

    /// Gives what was held to the pager, or to the screen if there is none.
    fn start(&mut self) -> io::Result<()> {
        let State::Held(held) = std::mem::replace(&mut self.state, State::Direct) else { return Ok(()) };
        if let Some(program) = pager(&|name| std::env::var(name).ok()) {
            let lent = self.signals.lend_terminal();
            let mut command = Command::new("sh");
            command.arg("-c").arg(program).stdin(Stdio::piped());
            if std::env::var_os("LESS").is_none() {
                command.env("LESS", "FRSX");
            }
            if let Ok(child) = command.spawn() {
                self.state = State::Paged(child, lent);
            }
        }
        self.write_all(&held)
    }
}

impl Write for PagedScreen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Held(held) => {
                held.extend_from_slice(bytes);
                self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
                // The prompt needs a line as well.
                if self.lines >= self.height || held.len() >= LONGEST {
                    self.start()?;
                }
                Ok(bytes.len())
            }
            State::Paged(child, _) => match &mut child.stdin {
                Some(stdin) => stdin.write(bytes),
                None => Err(ErrorKind::BrokenPipe.into()),
            },
            State::Direct => io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Held(_) => Ok(()),
            State::Paged(child, _) => child.stdin.as_mut().map_or(Ok(()), Write::flush),
            State::Direct => io::stdout().flush(),
        }
    }
}

impl Drop for PagedScreen {
    fn drop(&mut self) {
        match &mut self.state {
            // Whoever has no terminal any more will not miss it.
            State::Held(held) => {
                let mut stdout = io::stdout();
                let _ = stdout.write_all(held).and_then(|()| stdout.flush());
            }
            State::Paged(child, _) => {
                drop(child.stdin.take());
                let _ = child.wait();
            }
            State::Direct => {}
        }
    }
}

/// The user's pager, else `less` if it is installed. `OSTRICH_PAGER=` and `PAGER=cat` mean none.
fn pager(variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if variable("TERM").as_deref() == Some("dumb") {
        return None;
    }
    match variable("OSTRICH_PAGER").or_else(|| variable("PAGER")) {
        Some(program) if program.trim().is_empty() || program.trim() == "cat" => None,
        Some(program) => Some(program),
        None => {
            let installed = |folder: &Path| folder.join("less").is_file();
            let path = variable("PATH")?;
            std::env::split_paths(&path).any(|folder| installed(&folder)).then(|| DEFAULT_PAGER.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> Option<String> {
        pager(&|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_string()))
    }

    #[test]
    fn our_own_variable_goes_before_the_common_one() {
        assert_eq!(chosen(&[("PAGER", "more"), ("OSTRICH_PAGER", "most")]).as_deref(), Some("most"));
        assert_eq!(chosen(&[("PAGER", "more")]).as_deref(), Some("more"));
    }

    #[test]
    fn a_pager_can_be_done_without() {
        assert_eq!(chosen(&[("PAGER", "more"), ("OSTRICH_PAGER", "")]), None);
        assert_eq!(chosen(&[("PAGER", "cat")]), None);
        assert_eq!(chosen(&[("PATH", "/nowhere")]), None, "less is not installed");
        assert_eq!(chosen(&[("TERM", "dumb"), ("PAGER", "less")]), None);
    }
}

//! A child process whose lines are awaited with a limit, and which never outlives its owner.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Where the lines come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// What came within the limit.
pub enum Line {
    Text(String),
    /// The stream ended.
    End,
    TimedOut,
}

impl Process {
    /// Starts a command and reads the lines of one of its streams; the other goes nowhere if it is standard output,
    /// and to ours if it is standard error.
    pub fn start(command: &mut Command, stream: Stream) -> std::io::Result<Self> {
        command.stdin(Stdio::piped());
        match stream {
            Stream::Stdout => command.stdout(Stdio::piped()).stderr(Stdio::inherit()),
            Stream::Stderr => command.stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let output: Option<Box<dyn Read + Send>> = match stream {
            Stream::Stdout => child.stdout.take().map(|output| Box::new(output) as _),
            Stream::Stderr => child.stderr.take().map(|output| Box::new(output) as _),
        };
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Process { child, stdin, lines })
    }

    /// Sends a line; that it cannot be sent shows as [`Line::End`] when the answer is read.
    pub fn send(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = writeln!(stdin, "{line}").and_then(|()| stdin.flush());
        }
    }

    pub fn line(&self, limit: Duration) -> Line {
        match self.lines.recv_timeout(limit) {
            Ok(line) => Line::Text(line),
            Err(RecvTimeoutError::Timeout) => Line::TimedOut,
            Err(RecvTimeoutError::Disconnected) => Line::End,
        }
    }

    /// How it ended, once its stream has.
    pub fn exit(&mut self) -> String {
        self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

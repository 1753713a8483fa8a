//! The line editor, on a thread of its own.
//!
//! Reading a line blocks its thread, possibly for days. The rest of the shell goes on: columns are looked up, and a
//! SIGTERM ends the process.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;

use parking_lot::Mutex;
use rustyline::config::Config;
use rustyline::error::ReadlineError;
use rustyline::{Behavior, ColorMode, CompletionType, Editor};
use tokio::sync::oneshot;

use super::continuation::Continuation;
use super::helper::{Assistant, Layout, bindings};
use super::history::History;
use super::names::Names;
use crate::error::{Error, Result};
use crate::sql::dialect::Dialect;

/// More candidates are listed only if the user says so.
const LIST_LIMIT: usize = 100;

/// What the editor works with.
#[derive(Clone)]
pub(super) struct Tools {
    pub names: Arc<Names>,
    pub history: History,
    /// Where relative paths start.
    pub base: PathBuf,
    pub colors: bool,
    /// Standard output is not the terminal, so that prompts and echo must find it by themselves.
    pub is_redirected: bool,
}

/// What came of a prompt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text(String),
    /// Ctrl-C.
    Cleared,
    /// Ctrl-D, or the terminal has gone.
    End,
    /// The editor itself failed.
    Failed(String),
}

/// Reads statements from the terminal.
pub(super) struct LineEditor {
    requests: mpsc::Sender<Request>,
}

struct Request {
    prompt: String,
    dialect: Dialect,
    begun: String,
    reply: oneshot::Sender<Line>,
}

impl LineEditor {
    /// # Errors
    ///
    /// Storage, if there is no terminal to use or no thread can be started.
    pub(super) fn start(tools: Tools) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| Error::storage(format!("the terminal cannot be used: {error}"));
        let layout: Layout = Arc::new(Mutex::new(Continuation { width: 0, dialect: Dialect::default() }));
        let mut editor = editor(tools.clone(), Arc::clone(&layout)).map_err(|error| failed(&error))?;
        let (requests, received) = mpsc::channel::<Request>();
        let work = move || {
            for request in received {
                let line = read(&mut editor, &request, &tools, &layout);
                // Nobody waits any more when the process is being ended.
                let _ = request.reply.send(line);
            }
        };
        thread::Builder::new().name("line editor".to_string()).spawn(work).map_err(|error| failed(&error))?;
        Ok(LineEditor { requests })
    }

    /// Reads a statement that may have been `begun`.
    pub(super) async fn read(&self, prompt: &str, dialect: Dialect, begun: &str) -> Line {
        let (reply, line) = oneshot::channel();
        let request = Request { prompt: prompt.to_string(), dialect, begun: begun.to_string(), reply };
        let gone = || Line::Failed("the line editor has stopped".to_string());
        match self.requests.send(request) {
            Ok(()) => line.await.unwrap_or_else(|_| gone()),
            Err(_) => gone(),
        }
    }
}

fn editor(tools: Tools, layout: Layout) -> rustyline::Result<Editor<Assistant, History>> {
    let behavior = if tools.is_redirected { Behavior::PreferTerm } else { Behavior::Stdio };
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .completion_prompt_limit(LIST_LIMIT)
        // The highlighter paints the arrows too; whether there are colours is its business.
        .color_mode(ColorMode::Forced)
        .behavior(behavior)
        .build();
    let mut editor = Editor::with_history(config, tools.history)?;
    for (key, handler) in bindings(&layout) {
        editor.bind_sequence(key, handler);
    }
    editor.set_helper(Some(Assistant {
        names: tools.names,
        base: tools.base,
        layout,
        colors: tools.colors,
        is_final: Cell::new(false),
    }));
    Ok(editor)
}

fn read(editor: &mut Editor<Assistant, History>, request: &Request, tools: &Tools, layout: &Layout) -> Line {
    let continuation = Continuation { width: request.prompt.chars().count(), dialect: request.dialect };
    *layout.lock() = continuation;
    tools.history.lay_out(continuation);
    let styled = if tools.colors { format!("\x1b[1m{}\x1b[0m", request.prompt) } else { request.prompt.clone() };
    let begun = continuation.add_indent(&request.begun);
    match editor.readline_with_initial(&(request.prompt.as_str(), styled.as_str()), (&begun, "")) {
        Ok(text) => Line::Text(continuation.take_indent(&text)),
        Err(ReadlineError::Interrupted) => Line::Cleared,
        Err(ReadlineError::Eof) => Line::End,
        Err(ReadlineError::Io(error)) if is_hangup(&error) => Line::End,
        Err(ReadlineError::Errno(error)) if is_hangup(&std::io::Error::from(error)) => Line::End,
        Err(error) => Line::Failed(error.to_string()),
    }
}

/// The terminal was closed.
fn is_hangup(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::ENXIO | libc::EBADF))
}

//! What the line editor asks while somebody types.

use std::borrow::Cow;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, ConditionalEventHandler, Context, Event, EventContext, EventHandler, Helper, KeyCode, KeyEvent, Modifiers,
    Movement, RepeatCount,
};

use super::complete::{complete, tables_named};
use super::continuation::Continuation;
use super::highlight::{dim, highlight};
use super::input::{OpenQuote, is_finished, open_quote};
use super::names::Names;

/// How the text is laid out now; the key bindings share it.
pub(super) type Layout = Arc<Mutex<Continuation>>;

/// Longer texts are pasted, and their tables are looked up when they are run.
const LONGEST: usize = 64 * 1024;

/// Completes, colours and checks what is typed.
pub(super) struct Assistant {
    pub names: Arc<Names>,
    /// Where relative paths start.
    pub base: PathBuf,
    pub layout: Layout,
    pub colors: bool,
    /// The text is shown for the last time: no cursor any more.
    pub is_final: Cell<bool>,
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(complete(line, pos, &self.names, &self.base))
    }
}

/// What is said behind the text, and never becomes part of it.
pub(super) struct Remark(String);

impl Hint for Remark {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant {
    type Hint = Remark;

    /// In the lines behind an open quote, says so: they have no arrow in front. It is called with each change, so columns are looked up
    /// here too, before Tab is pressed.
    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Remark> {
        // A name that is being typed is not yet one.
        let is_behind_word = line.get(..pos).is_some_and(|before| before.ends_with([' ', '\n', '.', ',', '(']));
        if is_behind_word && line.len() <= LONGEST {
            for table in tables_named(line, pos, &self.names) {
                self.names.ask_for_columns(&table);
            }
        }
        if pos != line.len() || line.len() > LONGEST {
            return None;
        }
        let OpenQuote { mark, line } = open_quote(line, self.layout.lock().dialect)?;
        Some(Remark(format!("  <- {mark} of line {line} is open")))
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        let cursor = if self.is_final.get() { usize::MAX } else { pos };
        highlight(line, cursor, *self.layout.lock(), self.colors)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colors { Cow::Owned(dim(hint)) } else { Cow::Borrowed(hint) }
    }

    fn highlight_char(&self, line: &str, _: usize, kind: CmdKind) -> bool {
        self.is_final.set(kind == CmdKind::ForcedRefresh);
        // A letter may turn a name into a keyword, and the cursor may reach a bracket. Without colours only arrows change.
        self.colors || line.contains('\n')
    }
}

/// For terminals without line editing; on others, [`Enter`] decides.
impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_finished(context.input(), self.layout.lock().dialect) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

/// The keys that do something of ours.
pub(super) fn bindings(layout: &Layout) -> Vec<(KeyEvent, EventHandler)> {
    let conditional = |handler: Box<dyn ConditionalEventHandler>| EventHandler::Conditional(handler);
    let enter = || conditional(Box::new(Enter { layout: Arc::clone(layout) }));
    let new_line = || conditional(Box::new(NewLine { layout: Arc::clone(layout) }));
    let backspace = || conditional(Box::new(Backspace { layout: Arc::clone(layout) }));
    vec![
        (KeyEvent(KeyCode::Enter, Modifiers::NONE), enter()),
        (KeyEvent::ctrl('M'), enter()),
        (KeyEvent::ctrl('J'), enter()),
        (KeyEvent(KeyCode::Enter, Modifiers::ALT), new_line()),
        (KeyEvent(KeyCode::Backspace, Modifiers::NONE), backspace()),
        (KeyEvent::ctrl('H'), backspace()),
    ]
}

/// Runs what is finished, else begins a new line.
struct Enter {
    layout: Layout,
}

impl ConditionalEventHandler for Enter {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let layout = *self.layout.lock();
        Some(if is_finished(context.line(), layout.dialect) { Cmd::AcceptLine } else { new_line(layout, context) })
    }
}

/// Begins a new line in any case.
struct NewLine {
    layout: Layout,
}

impl ConditionalEventHandler for NewLine {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        Some(new_line(*self.layout.lock(), context))
    }
}

fn new_line(layout: Continuation, context: &EventContext<'_>) -> Cmd {
    let before = context.line().get(..context.pos()).unwrap_or_default();
    Cmd::Insert(1, format!("\n{}", layout.indent_after(before)))
}

/// Behind an indent of ours, takes it off with the line end.
struct Backspace {
    layout: Layout,
}

impl ConditionalEventHandler for Backspace {
    fn handle(&self, _: &Event, count: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let layout = *self.layout.lock();
        let start = context.pos().checked_sub(layout.width)?;
        let is_behind_indent = count == 1 && layout.indented_lines(context.line()).contains(&start);
        let length = RepeatCount::try_from(layout.width + 1).ok()?;
        is_behind_indent.then_some(Cmd::Kill(Movement::BackwardChar(length)))
    }
}

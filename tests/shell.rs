//! The shell as somebody at a terminal meets it: the real program on a pseudo-terminal.
//!
//! The tests wait for prompts and words, never for a time, and give a slow machine a minute for each.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{Captures, Expect, NBytes, Regex, Session};

const PATIENCE: Duration = Duration::from_secs(60);
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const UP: &str = "\x1b[A";

/// What the line editor sends when it begins to read; the prompt follows.
const READING: &str = "\x1b[?2004h";

struct Terminal {
    session: OsSession,
    /// Everything that was shown so far, for the message of a failure.
    seen: String,
}

impl Terminal {
    /// Opens a shell on the tables of TPC-H, with `home` as the user's home.
    fn open(home: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostrich"));
        command
            .args(["--data", concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tpch"), "--color", "never"])
            .current_dir(home)
            .env("HOME", home)
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("TERM", "xterm")
            .env("OSTRICH_PAGER", "");
        let mut session = Session::spawn(command).expect("the shell starts");
        session.get_process_mut().set_window_size(120, 40).expect("a size");
        session.set_expect_timeout(Some(PATIENCE));
        Terminal { session, seen: String::new() }
    }

    /// Waits for `text` and returns all up to its end.
    fn until(&mut self, text: &str) -> String {
        self.wait(text, |session| session.check(text))
    }

    /// Waits for what a regular expression matches.
    fn until_matches(&mut self, pattern: &str) -> String {
        self.wait(pattern, |session| session.check(Regex(pattern)))
    }

    fn wait(&mut self, text: &str, check: impl Fn(&mut OsSession) -> Result<Captures, expectrl::Error>) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match check(&mut self.session) {
                Ok(found) if !found.is_empty() => {
                    let shown = String::from_utf8_lossy(found.as_bytes()).into_owned();
                    self.seen += &shown;
                    return shown;
                }
                Ok(_) if Instant::now() < deadline => sleep(Duration::from_millis(10)),
                Ok(_) => {
                    let rest = self.rest();
                    panic!("{text:?} did not come. Before it:\n{}\nSince then:\n{rest}", self.seen)
                }
                Err(error) => panic!("{error} while waiting for {text:?}, after:\n{}", self.seen),
            }
        }
    }

    /// What has come that nothing waited for.
    fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        while let Ok(found) = self.session.check(NBytes(1)) {
            if found.is_empty() {
                break;
            }
            rest.extend_from_slice(found.as_bytes());
        }
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// Waits until the shell reads a line, and returns what it showed before.
    fn prompt(&mut self) -> String {
        let shown = self.until(READING);
        self.until("> ");
        shown
    }

    fn send(&mut self, keys: &str) {
        self.session.send(keys).expect("the terminal takes keys");
    }

    /// Types a line and returns what is shown until the next prompt, with the line's own echo.
    fn enter(&mut self, line: &str) -> String {
        self.send(line);
        self.send("\r");
        self.prompt()
    }

    /// Waits until the program has ended, and returns its exit code.
    fn exit_code(self) -> i32 {
        match self.session.get_process().wait() {
            Ok(WaitStatus::Exited(_, code)) => code,
            other => panic!("it ended as {other:?} after:\n{}", self.seen),
        }
    }
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_query_shows_its_rows_and_quit_leaves() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    let greeting = terminal.prompt();
    assert!(greeting.contains("ostrich ") && greeting.contains("\\? for help"), "{greeting}");
    assert!(greeting.contains("8 tables"), "{greeting}");
    let shown = terminal.enter("select count(*) as nations from nation;");
    assert!(shown.contains("│ nations │") && shown.contains(" 25 "), "{shown}");
    terminal.send("\\q\r");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn ctrl_d_leaves() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    terminal.send(CTRL_D);
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn tab_completes_a_column_of_the_table_in_from() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    terminal.send("select r_regionkey from region where r_na\t");
    terminal.until("r_name");
    let shown = terminal.enter(" = 'ASIA';");
    assert!(shown.contains("(1 row)"), "{shown}");
}

#[test]
fn a_mistake_is_pointed_at_with_what_was_meant() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    let shown = terminal.enter("select n_nmae from nation;");
    assert!(shown.contains("<shell>:1:8: error:"), "{shown}");
    assert!(shown.contains("^^^^^^") && shown.contains("did you mean \"n_name\"?"), "{shown}");
}

#[test]
fn a_statement_goes_over_lines_until_its_semicolon() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    terminal.send("select 40 + 2\r");
    terminal.until("      -> ");
    let shown = terminal.enter("as answer;");
    assert!(shown.contains("│ answer │") && shown.contains(" 42 "), "{shown}");
}

#[test]
fn an_open_quote_is_told_in_the_lines_behind_it() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    terminal.send("select 'a\r");
    terminal.until("<- ' of line 1 is open");
    let shown = terminal.enter("b' as c, 1 as answer;");
    assert!(shown.contains("│ c "), "{shown}");
    assert!(shown.contains("answer"), "{shown}");
}

#[test]
fn ctrl_c_stops_a_query_and_the_shell_lives_on() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    terminal.send("select count(*) from generate_series(1, 1000000000000) t(i) where i % 7 = 3;\r");
    // Once the progress says how long it has taken, the query runs.
    terminal.until_matches("[0-9] s");
    terminal.send(CTRL_C);
    terminal.until("cancelled");
    terminal.prompt();
    let shown = terminal.enter("select 1 as still_here;");
    assert!(shown.contains("│ still_here │"), "{shown}");
}

#[test]
fn ctrl_c_at_the_prompt_clears_the_line() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    terminal.send("select nonsense");
    terminal.until("nonsense");
    terminal.send(CTRL_C);
    terminal.prompt();
    let shown = terminal.enter("select 1 as fresh;");
    assert!(shown.contains("│ fresh │") && !shown.contains("error"), "{shown}");
}

#[test]
fn commands_describe_and_change_what_is_shown() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    let shown = terminal.enter("\\d region");
    assert!(shown.contains("r_regionkey") && shown.contains("r_comment"), "{shown}");
    terminal.enter("\\x on");
    let shown = terminal.enter("select 1 as one;");
    assert!(shown.contains("-[ RECORD 1 ]") && shown.contains("one | 1"), "{shown}");
    terminal.enter("\\x off");
    let shown = terminal.enter("\\timing on");
    assert!(shown.contains("Timing is on."), "{shown}");
    let shown = terminal.enter("select 1;");
    assert!(shown.contains("Time: "), "{shown}");
}

#[test]
fn a_file_is_run() {
    let home = home();
    std::fs::write(home.path().join("two.sql"), "select 1 as first;\nselect 2 as second;\n").expect("written");
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    let shown = terminal.enter("\\i two.sql");
    assert!(shown.contains("│ first │") && shown.contains("│ second │"), "{shown}");
}

#[test]
fn an_unknown_command_waits_for_nothing() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    let shown = terminal.enter("\\timign");
    assert!(shown.contains("no command \\timign") && shown.contains("did you mean \\timing?"), "{shown}");
    let shown = terminal.enter("select 1 as next;");
    assert!(shown.contains("│ next │"), "{shown}");
}

#[test]
fn a_statement_is_recalled_whole_in_the_next_session() {
    let home = home();
    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    terminal.send("select 6 * 7\r");
    terminal.until("-> ");
    terminal.enter("as recalled;");
    terminal.send(CTRL_D);
    assert_eq!(terminal.exit_code(), 0);
    assert!(home.path().join("state/ostrich/history").is_file());

    let mut terminal = Terminal::open(home.path());
    terminal.prompt();
    terminal.send(UP);
    terminal.until("as recalled;");
    let shown = terminal.enter("");
    assert!(shown.contains("│ recalled │") && shown.contains(" 42 "), "{shown}");
}

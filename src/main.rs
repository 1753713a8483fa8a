//! The command `ostrich`: arguments in, exit code out.

mod allocator;

use std::process::ExitCode;
use std::time::Duration;

use ostrich::cli::{app, args::Arguments};
use tokio::runtime::Builder;

/// Planning walks deep trees by recursion; this is address space, touched only as far as it is used.
const STACK: usize = 256 << 20;
/// Tasks of running queries recurse less.
const WORKER_STACK: usize = 16 << 20;
/// How long work that was stopped may take to clean up.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    allocator::keep_what_is_freed();
    let (arguments, scripts) = Arguments::from_process();
    let run = move || {
        // Two runtimes: queries may keep all of their threads busy for long, and this one still sees the clock and the signals.
        let workers = Builder::new_multi_thread().enable_all().thread_stack_size(WORKER_STACK).build();
        let main = Builder::new_current_thread().enable_all().build();
        match (workers, main) {
            (Ok(workers), Ok(main)) => {
                let code = main.block_on(app::run(arguments, scripts, workers.handle().clone()));
                workers.shutdown_timeout(PATIENCE);
                main.shutdown_timeout(PATIENCE);
                code
            }
            (Err(error), _) | (_, Err(error)) => {
                eprintln!("error: no threads can be started: {error}");
                3
            }
        }
    };
    let thread = std::thread::Builder::new().name("main".to_string()).stack_size(STACK).spawn(run);
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(_)) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: no threads can be started: {error}");
            ExitCode::from(3)
        }
    }
}

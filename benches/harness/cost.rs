//! What a process took: time, processor time, memory.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

/// Of one run.
#[derive(Clone, Copy)]
pub struct Cost {
    pub seconds: f64,
    /// Of all threads, in the program and in the system for it.
    pub processor_seconds: f64,
    /// The most that the process had at once.
    pub megabytes: f64,
}

/// Runs a command to its end; what it prints goes nowhere.
pub fn cost_of(command: &mut Command) -> Result<Cost, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let start = Instant::now();
    let child = command.spawn().map_err(|error| format!("cannot run {name}: {error}"))?;
    let (status, usage) = wait(&child)?;
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{name} failed: {status}"));
    }
    let of = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    // Linux counts memory in KiB.
    let megabytes = usage.ru_maxrss as f64 / 1024.0;
    Ok(Cost { seconds, processor_seconds: of(usage.ru_utime) + of(usage.ru_stime), megabytes })
}

/// Waits for a process to end, and tells how it did and what it used.
fn wait(child: &Child) -> Result<(ExitStatus, libc::rusage), String> {
    let process = libc::pid_t::try_from(child.id()).map_err(|error| error.to_string())?;
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both places are valid for writes, and the process is a child that nobody has waited for.
    let waited = unsafe { libc::wait4(process, &raw mut status, 0, usage.as_mut_ptr()) };
    if waited != process {
        return Err(std::io::Error::last_os_error().to_string());
    }
    // SAFETY: zeroes are a valid `rusage`, and wait4 has written one.
    Ok((ExitStatus::from_raw(status), unsafe { usage.assume_init() }))
}

//! A bar for statements that take longer than a second, on a terminal only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use crate::execution::progress::Progress;
use crate::session::Session;

/// A statement that is done sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);
const REFRESH: Duration = Duration::from_millis(100);
/// The bar's length in steps.
const STEPS: u64 = 1000;

/// Draws the bar of the session's running statement until it is dropped.
pub(super) struct Bar {
    task: Option<JoinHandle<()>>,
    bar: ProgressBar,
}

impl Bar {
    /// `enabled`: standard error is a terminal, and the user has not asked for quiet.
    pub(super) fn watch(session: &Arc<Session>, enabled: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::hidden());
        let task = enabled.then(|| tokio::spawn(draw(Arc::clone(session), bar.clone())));
        Bar { task, bar }
    }

    /// Takes the bar off the screen; rows are about to be shown there.
    pub(super) fn finish(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            self.bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
    }
}

async fn draw(session: Arc<Session>, bar: ProgressBar) {
    tokio::time::sleep(PATIENCE).await;
    let start = Instant::now().checked_sub(PATIENCE).unwrap_or_else(Instant::now);
    let known = style("{bar:30.cyan/dim} {percent:>3}% {wide_msg}");
    let unknown = style("{spinner} {wide_msg}");
    bar.set_draw_target(ProgressDrawTarget::stderr());
    let mut progress: Option<Progress> = None;
    loop {
        if progress.is_none() {
            progress = session.running_plan().map(Progress::new);
        }
        let elapsed = start.elapsed();
        match progress.as_mut().and_then(Progress::fraction) {
            Some(fraction) => {
                bar.set_style(known.clone());
                bar.set_position((fraction * STEPS as f64) as u64);
                bar.set_message(match remaining(elapsed, fraction) {
                    Some(remaining) => format!("{}, about {} left", seconds(elapsed), seconds(remaining)),
                    None => seconds(elapsed),
                });
            }
            None => {
                bar.set_style(unknown.clone());
                bar.set_message(seconds(elapsed));
                bar.tick();
            }
        }
        tokio::time::sleep(REFRESH).await;
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// An estimate is worth showing once a twentieth is done.
fn remaining(elapsed: Duration, fraction: f64) -> Option<Duration> {
    (fraction >= 0.05).then(|| elapsed.mul_f64((1.0 - fraction) / fraction))
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_estimated_from_what_is_done() {
        assert_eq!(remaining(Duration::from_secs(10), 0.01), None);
        assert_eq!(remaining(Duration::from_secs(10), 0.25), Some(Duration::from_secs(30)));
        assert_eq!(seconds(Duration::from_secs(75)), "1:15 min");
        assert_eq!(seconds(Duration::from_secs(3700)), "1:01 h");
    }
}

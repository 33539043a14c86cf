//! Progress on standard error: bars with the remaining time on a capable terminal, otherwise lines.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use inputs::Progress;
use inputs::progress::Unit;

use crate::output;

/// Without a terminal, shorter steps get no line.
const WORTH_A_LINE: Duration = Duration::from_millis(300);
/// Without a terminal, the time between two lines about the progress of a step.
const BETWEEN_LINES: Duration = Duration::from_secs(30);
/// How often to check whether a line is due, since a tool may be silent for minutes.
const LOOK: Duration = Duration::from_secs(5);
/// Percentage of a step from which on its speed is used to estimate the remaining time.
const PACE_KNOWN: u64 = 5;

/// Displays the steps of a build.
#[derive(Debug)]
pub struct Shown {
    bars: MultiProgress,
    state: Arc<Mutex<State>>,
    terminal: bool,
}

/// The state of all steps.
#[derive(Debug, Default)]
struct State {
    running: HashMap<String, Running>,
    /// Names of the long steps.
    planned: Vec<String>,
    /// Number of long steps that have begun.
    begun: usize,
}

/// A running step.
#[derive(Debug)]
struct Running {
    /// Its name; with its number if it is a long one.
    title: String,
    total: Option<u64>,
    bar: Option<ProgressBar>,
    began: Instant,
    /// When a line was last printed.
    told: Instant,
    /// Its progress.
    done: u64,
}

impl Default for Shown {
    fn default() -> Self {
        let bars = MultiProgress::new();
        // A terminal that can't move its cursor (`TERM=dumb`) gets lines instead of bars.
        let terminal = std::io::stderr().is_terminal() && !bars.is_hidden();
        let state = Arc::default();
        if !terminal {
            let watched = Arc::downgrade(&state);
            // Without the thread, a silent tool is reported only when it ends, which is no reason to fail.
            let _ = thread::Builder::new().name("progress".to_owned()).spawn(move || tell_on(&watched));
        }
        Shown { bars, state, terminal }
    }
}

impl Shown {
    /// Calls `with` with the state of all steps.
    fn with<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        locked(&self.state, with)
    }

    /// Prints a line above the bars.
    fn line(&self, text: &str) {
        match self.terminal {
            true => drop(self.bars.println(text)),
            false => output::tell(text),
        }
    }

    /// Draws the bar of a step.
    fn bar(&self, title: &str, unit: Unit, total: Option<u64>) -> ProgressBar {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        let bar = self.bars.add(bar.with_style(style(unit, total)).with_message(title.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

impl Progress for Shown {
    fn started(&self, step: &str, unit: Unit, total: Option<u64>) {
        let title = self.with(|state| state.title(step));
        // Printed at once only if nothing else would be printed for minutes.
        if !self.terminal && (title != step || total.is_some_and(|t| t > 1000)) {
            output::tell(&format!("{title} …"));
        }
        let bar = self.terminal.then(|| self.bar(&title, unit, total));
        let now = Instant::now();
        let running = Running { title, total, bar, began: now, told: now, done: 0 };
        self.with(|state| state.running.insert(step.to_owned(), running));
    }

    fn advanced(&self, step: &str, done: u64) {
        self.with(|state| {
            let Some(running) = state.running.get_mut(step) else { return };
            running.done = done;
            if let Some(bar) = &running.bar {
                bar.set_position(done);
            }
        });
    }

    fn finished(&self, step: &str, took: Duration) {
        let running = self.with(|state| state.running.remove(step));
        let title = running.as_ref().map_or(step, |r| &r.title);
        if let Some(bar) = running.as_ref().and_then(|r| r.bar.as_ref()) {
            bar.finish_and_clear();
        }
        if took >= WORTH_A_LINE {
            self.line(&format!("{title}: {}", seconds(took)));
        }
    }

    fn planned(&self, steps: &[String]) {
        self.with(|state| (state.planned, state.begun) = (steps.to_vec(), 0));
        self.line(&ahead(steps));
    }

    fn said(&self, line: &str) {
        self.line(line);
    }
}

impl State {
    /// Returns the title of a step that begins: a long one has its number.
    fn title(&mut self, step: &str) -> String {
        if !self.planned.iter().any(|planned| planned == step) {
            return step.to_owned();
        }
        self.begun += 1;
        format!("[{} of {}] {step}", self.begun, self.planned.len())
    }

    /// Returns the progress lines that are due.
    fn due(&mut self, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        for running in self.running.values_mut() {
            if now.saturating_duration_since(running.told) >= BETWEEN_LINES {
                running.told = now;
                lines.push(so_far(running, now.saturating_duration_since(running.began)));
            }
        }
        lines
    }
}

/// Calls `with` with the locked state.
fn locked<T>(state: &Mutex<State>, with: impl FnOnce(&mut State) -> T) -> T {
    // After a panic in another thread, at worst a bar is drawn wrongly.
    with(&mut state.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Prints progress lines from time to time, as long as the state exists.
fn tell_on(state: &Weak<Mutex<State>>) {
    loop {
        thread::sleep(LOOK);
        let Some(state) = state.upgrade() else { return };
        for line in locked(&state, |state| state.due(Instant::now())) {
            output::tell(&line);
        }
    }
}

/// Returns the line about the long steps that are ahead.
fn ahead(steps: &[String]) -> String {
    let names: Vec<&str> = steps.iter().map(|s| s.strip_prefix("build ").unwrap_or(s)).collect();
    format!("not in the cache, so to be built now ({}): {}", steps.len(), names.join(", "))
}

/// Returns the line about the progress of a step. It estimates the remaining time if the amount of work is
/// known and enough of it is done.
fn so_far(Running { title, total, done, .. }: &Running, took: Duration) -> String {
    let share = total.filter(|total| *total > 0).map(|total| ((*done).min(total), total));
    let Some((done, total)) = share else { return format!("{title}: {} so far", seconds(took)) };
    let percent = done.saturating_mul(100) / total;
    if percent < PACE_KNOWN {
        return format!("{title}: {percent} %");
    }
    let left = Duration::from_secs(took.as_secs().saturating_mul(total - done) / done);
    format!("{title}: {percent} %, about {} left", roughly(left))
}

/// Formats a duration, rounded to half a minute.
fn roughly(time: Duration) -> String {
    match time.as_secs() {
        0..30 => "half a minute".to_owned(),
        secs => format!("{} min", secs.div_ceil(60)),
    }
}

/// Returns the appearance of a bar.
fn style(unit: Unit, total: Option<u64>) -> ProgressStyle {
    let template = match (total, unit) {
        (None, _) => "{msg} {spinner} {elapsed}",
        (Some(_), Unit::Bytes) => "{msg:28} {bar:20} {bytes}/{total_bytes}, {eta} left",
        (Some(_), Unit::Items) => "{msg:28} {bar:20} {percent} %, {eta} left",
    };
    ProgressStyle::with_template(template).expect("the templates are constants and well-formed")
}

/// Formats a duration for display.
pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        secs => format!("{} min {} s", secs / 60, secs % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_well_formed() {
        for unit in [Unit::Bytes, Unit::Items] {
            for total in [None, Some(1)] {
                let _style = style(unit, total);
            }
        }
    }

    fn running(title: &str, total: Option<u64>, done: u64) -> Running {
        let now = Instant::now();
        Running { title: title.to_owned(), total, bar: None, began: now, told: now, done }
    }

    #[test]
    fn the_rest_is_told_only_where_it_was_counted_and_enough_is_done() {
        let minute = Duration::from_secs(60);
        let told = |total, done| so_far(&running("build x", total, done), minute);
        assert_eq!(told(None, 70), "build x: 1 min 0 s so far");
        assert_eq!(told(Some(0), 0), "build x: 1 min 0 s so far");
        assert_eq!(told(Some(1000), 10), "build x: 1 %");
        assert_eq!(told(Some(1000), 250), "build x: 25 %, about 3 min left");
        assert_eq!(told(Some(1000), 2000), "build x: 100 %, about half a minute left");
    }

    #[test]
    fn a_silent_tool_is_told_of_every_half_minute() {
        let mut state = State::default();
        state.running.insert("x".to_owned(), running("build x", None, 0));
        let began = state.running["x"].began;
        let lines = |state: &mut State, secs| state.due(began + Duration::from_secs(secs));
        assert!(lines(&mut state, 29).is_empty());
        assert_eq!(lines(&mut state, 31), ["build x: 31.0 s so far"]);
        assert!(lines(&mut state, 60).is_empty());
        assert_eq!(lines(&mut state, 61), ["build x: 1 min 1 s so far"]);
    }

    #[test]
    fn long_steps_are_told_before_they_begin_and_have_numbers() {
        let steps = ["build init", "build kernel 6.12"].map(String::from);
        assert_eq!(ahead(&steps), "not in the cache, so to be built now (2): init, kernel 6.12");
        let mut state = State { planned: steps.to_vec(), ..State::default() };
        let titles = ["fetch a", "build kernel 6.12", "build init"].map(|step| state.title(step));
        assert_eq!(titles, ["fetch a", "[1 of 2] build kernel 6.12", "[2 of 2] build init"]);
    }

    #[test]
    fn times() {
        assert_eq!(seconds(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }
}

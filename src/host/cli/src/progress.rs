//! Progress on standard error: bars with the remaining time on a terminal that can draw them, else lines.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use inputs::Progress;
use inputs::progress::Unit;

use crate::output;

/// Steps that take less are not worth a line where there is no terminal.
const WORTH_A_LINE: Duration = Duration::from_millis(300);

/// Shows the steps of a build.
#[derive(Debug)]
pub struct Shown {
    bars: MultiProgress,
    running: Mutex<HashMap<String, ProgressBar>>,
    terminal: bool,
}

impl Default for Shown {
    fn default() -> Self {
        let bars = MultiProgress::new();
        // A terminal that can't move its cursor (`TERM=dumb`) gets no bars, so it gets lines.
        let terminal = std::io::stderr().is_terminal() && !bars.is_hidden();
        Shown { bars, running: Mutex::default(), terminal }
    }
}

impl Shown {
    /// Runs `with` on the bars of running steps.
    fn with<T>(&self, with: impl FnOnce(&mut HashMap<String, ProgressBar>) -> T) -> T {
        // A bar is at worst drawn wrongly after a panic elsewhere.
        with(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Prints a line above the bars.
    fn line(&self, text: &str) {
        match self.terminal {
            true => drop(self.bars.println(text)),
            false => output::tell(text),
        }
    }
}

impl Progress for Shown {
    fn started(&self, step: &str, unit: Unit, total: Option<u64>) {
        if !self.terminal {
            // Said at once only where nothing else would be heard for minutes.
            if total.is_some_and(|t| t > 1000) {
                output::tell(&format!("{step} …"));
            }
            return;
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        let bar = self.bars.add(bar.with_style(style(unit, total)).with_message(step.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(200));
        self.with(|running| running.insert(step.to_owned(), bar));
    }

    fn advanced(&self, step: &str, done: u64) {
        self.with(|running| {
            if let Some(bar) = running.get(step) {
                bar.set_position(done);
            }
        });
    }

    fn finished(&self, step: &str, took: Duration) {
        if let Some(bar) = self.with(|running| running.remove(step)) {
            bar.finish_and_clear();
        }
        if took >= WORTH_A_LINE {
            self.line(&format!("{step}: {}", seconds(took)));
        }
    }

    fn said(&self, line: &str) {
        self.line(line);
    }
}

/// Returns how a bar looks.
fn style(unit: Unit, total: Option<u64>) -> ProgressStyle {
    let template = match (total, unit) {
        (None, _) => "{msg} {spinner} {elapsed}",
        (Some(_), Unit::Bytes) => "{msg:28} {bar:20} {bytes}/{total_bytes}, {eta} left",
        (Some(_), Unit::Items) => "{msg:28} {bar:20} {percent} %, {eta} left",
    };
    ProgressStyle::with_template(template).expect("the templates are constants and well-formed")
}

/// Returns a time as people read it.
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

    #[test]
    fn times() {
        assert_eq!(seconds(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }
}

//! What a terminal shows.

use crate::{Scene, scene::swath_binary};

/// A command on a terminal of its own that has ended, and what the screen showed.
#[derive(Debug)]
pub struct Screen {
    /// The exit code of the command.
    pub code: i64,
    /// What stands there at the end, without blank lines at the bottom.
    pub lines: Vec<String>,
    /// The progress bar, each time that it said something else.
    pub bars: Vec<String>,
    /// The most lines at once that looked like a progress bar.
    pub most_bars: u64,
}

impl Scene {
    /// Runs the program to its end on a terminal with so many columns.
    #[track_caller]
    pub fn on_screen(&self, columns: u32, arguments: &str) -> Screen {
        self.interrupted_on_screen(columns, "never", arguments)
    }

    /// The same, and presses Ctrl-C when the progress bar says this.
    #[track_caller]
    pub fn interrupted_on_screen(&self, columns: u32, when: &str, arguments: &str) -> Screen {
        let script = self.python_script("screen.py").arg(columns.to_string()).arg(when).arg(swath_binary());
        let seen = script.args(arguments.split_whitespace()).succeed().json();
        let lines = |name: &str| -> Vec<String> {
            let lines = seen[name].as_array().expect("a list").iter();
            lines.map(|line| line.as_str().map(str::to_owned).expect("text")).collect()
        };
        Screen {
            code: seen["code"].as_i64().expect("an exit code"),
            lines: lines("screen"),
            bars: lines("bars"),
            most_bars: seen["most_bars"].as_u64().expect("a count"),
        }
    }
}

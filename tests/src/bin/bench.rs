//! `make bench`: prints measurements of this project, side by side with other tools'.
//!
//! No measurement passes or fails; the exit status says only whether all of them could be made.

use std::process::ExitCode;

use e2e::bench::{self, Options, USAGE};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|w| w == "--help" || w == "-h") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match Options::parse(&words) {
        Ok(options) if bench::run(&options) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprint!("error: {error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

//! Tests that this program accepts every command line in README and docs.
//!
//! A line that begins with `$ ironhull` is parsed as it is. Text between backticks may be shortened
//! (`ironhull inspect`) or leave a part open (`…`, `a|b`): the words that are there must be valid.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use super::Cli;

/// Returns README and all pages of docs.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let mut pages = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(e) if e == "md" => pages.push(path),
                _ => {}
            }
        }
    }
    pages
}

/// Returns the command of a line with a prompt, without redirections.
fn at_prompt(line: &str) -> Option<&str> {
    let line = line.trim().strip_prefix("$ ").filter(|l| l.starts_with("ironhull "))?;
    Some(line.split(" > ").next().unwrap_or(line))
}

/// Returns the commands between backticks of a page; a line end within one is a space.
fn in_text(page: &str) -> impl Iterator<Item = String> {
    let text = page.replace('\n', " ");
    let spans: Vec<String> = text.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    spans.into_iter().filter(|s| s.starts_with("ironhull "))
}

/// Parses a command line.
fn parse(line: &str) -> Result<(), clap::Error> {
    let words = shlex::split(line).unwrap_or_else(|| panic!("quotes of {line:?}"));
    Cli::try_parse_from(words).map(drop)
}

#[test]
fn every_command_at_a_prompt_is_whole_and_right() {
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for command in text.lines().filter_map(at_prompt) {
            parse(command).unwrap_or_else(|e| panic!("{}: {command}\n{e}", page.display()));
            count += 1;
        }
    }
    assert!(count >= 15, "only {count} commands were found");
    assert!(parse("ironhull build single --frmat raw").is_err());
}

#[test]
fn every_command_in_the_text_is_right_as_far_as_it_goes() {
    let mut count = 0;
    for page in pages() {
        // Three backticks delimit a code block, which is not text.
        let text = std::fs::read_to_string(&page).unwrap();
        let prose: String = text.split("```").step_by(2).collect();
        for command in in_text(&prose) {
            let known = command.split(" …").next().unwrap_or(&command);
            for one in alternatives(known) {
                match parse(&one).map_err(|e| e.kind()) {
                    Ok(()) | Err(ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand) => {}
                    Err(ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) => {}
                    Err(kind) => panic!("{}: `{command}`: {one:?} is wrong: {kind:?}", page.display()),
                }
                count += 1;
            }
        }
    }
    assert!(count >= 40, "only {count} commands were found");
}

/// Returns a line once for each alternative `a|b` in its last word.
fn alternatives(line: &str) -> Vec<String> {
    let (before, last) = line.rsplit_once(' ').unwrap_or(("", line));
    // In a table the bar is escaped.
    let last = last.replace('\\', "");
    last.split('|').filter(|w| *w != "…").map(|word| format!("{before} {word}").trim().to_owned()).collect()
}

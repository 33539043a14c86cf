//! The upgrades described in docs/how-to/upgrade.md, with `demo/upgrade`: N to N+1 keeps pods and data, and a
//! generation that never becomes healthy is replaced by the previous one without intervention.

use std::process::Command;

use e2e::lab::Lab;
use e2e::tool;

/// The test.
pub fn show(lab: &mut Lab) {
    // Two emulated machines at once would compete for the processors.
    lab.discard_node();
    let state = lab.dir().join("demo-state");
    let mut demo = Command::new(tool::source_root().join("demo/upgrade"));
    demo.arg(lab.dir().join("demo")).env("XDG_STATE_HOME", &state);
    let output = tool::output(demo.env("IRONHULL_PROGRAM", tool::ironhull()));
    if !output.status.success() {
        // The demo leaves its machine running for the user to look at.
        let mut stop = Command::new(tool::ironhull());
        let _ =
            tool::output(stop.args(["stop", "upgrade-demo", "--grace", "1"]).env("XDG_STATE_HOME", &state));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = text(&output.stdout);
    assert!(output.status.success(), "{}:\n{told}\n{}", output.status, text(&output.stderr));
    assert!(told.contains("generation 2 in slot b is healthy and blessed"), "{told}");
    print!("{}", lines_of(&told));
}

/// Returns the slots as printed by the demo at its end.
fn lines_of(told: &str) -> String {
    let slots = told.lines().skip_while(|l| !l.starts_with("SLOT")).take(3);
    slots.map(|l| format!("     {l}\n")).collect()
}

//! What docs/how-to/upgrade.md tells, by `demo/upgrade`: N to N+1 keeps pods and data, and a generation that
//! never gets healthy gives way to the one before it by itself.

use std::process::Command;

use e2e::lab::Lab;
use e2e::tool;

/// Shows it.
pub fn show(lab: &mut Lab) {
    // Two emulated machines at once would take turns on the processors.
    lab.discard_node();
    let state = lab.dir().join("demo-state");
    let mut demo = Command::new(tool::source_root().join("demo/upgrade"));
    demo.arg(lab.dir().join("demo")).env("XDG_STATE_HOME", &state);
    let output = tool::output(demo.env("IRONHULL_PROGRAM", tool::ironhull()));
    if !output.status.success() {
        // It leaves its machine to be looked at; here nobody would.
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

/// Returns what the demo says of the slots at its end.
fn lines_of(told: &str) -> String {
    let slots = told.lines().skip_while(|l| !l.starts_with("SLOT")).take(3);
    slots.map(|l| format!("     {l}\n")).collect()
}

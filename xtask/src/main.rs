//! Tasks of the workspace: `cargo xtask <task>`.

mod golden;

use std::process::ExitCode;

/// A task: its name, what it does, and how.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<(), String>,
}

const TASKS: [Task; 1] = [Task {
    name: "golden",
    about: "write the golden table of the Win32 calls anew, and run it on this machine",
    run: golden::run,
}];

fn main() -> ExitCode {
    let named = std::env::args().nth(1);
    let Some(task) = TASKS.iter().find(|task| named.as_deref() == Some(task.name)) else {
        eprintln!("usage: cargo xtask <task>\n");
        for task in &TASKS {
            eprintln!("  {:<8} {}", task.name, task.about);
        }
        return ExitCode::from(2);
    };
    match (task.run)() {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("xtask {}: {what}", task.name);
            ExitCode::FAILURE
        }
    }
}

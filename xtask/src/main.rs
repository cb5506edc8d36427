//! Tasks of the workspace: `cargo xtask <task>`.

mod conformance;
mod golden;
mod wine;

use std::process::ExitCode;

/// A task: its name, what it does, and how.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), String>,
}

const TASKS: [Task; 3] = [
    Task {
        name: "conformance",
        about: "write docs/conformance.md anew from the rows, the tests and the notes; --check only compares",
        run: conformance::run,
    },
    Task {
        name: "golden",
        about: "write the golden table of the Win32 calls anew, and run it on this machine",
        run: golden::run,
    },
    Task {
        name: "wine",
        about: "record anew what Wine answers to generated calls; --check, --seed N, --table",
        run: wine::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = arguments.first();
    let Some(task) = TASKS.iter().find(|task| named.is_some_and(|name| name == task.name)) else {
        eprintln!("usage: cargo xtask <task>\n");
        for task in &TASKS {
            eprintln!("  {:<12} {}", task.name, task.about);
        }
        return ExitCode::from(2);
    };
    match (task.run)(&arguments[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("xtask {}: {what}", task.name);
            ExitCode::FAILURE
        }
    }
}

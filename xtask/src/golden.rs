//! Writes the golden table of the Win32 calls.
//!
//! The generator lives beside the test that checks the table, so that there is one
//! way to make a row; this only tells it to write, and then to check.

use std::process::Command;

/// The test that generates, and the variable that makes it write.
const GUEST: &str = "an_emulated_guest_does_what_the_golden_table_says";
const VARIABLE: &str = "PAGEWRIGHT_GOLDEN";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(odd) = arguments.first() {
        return Err(format!("{odd} is no argument of it"));
    }
    cargo_test(&["--exact", GUEST], Some((VARIABLE, "write")))?;
    cargo_test(&[], None)?;
    println!("crates/pagewright/tests/golden/win32.txt is written; read the difference before it goes in");
    Ok(())
}

fn cargo_test(filter: &[&str], variable: Option<(&str, &str)>) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--package", "pagewright", "--test", "win32_golden", "--"]).args(filter);
    command.envs(variable);
    let status = command.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo test failed ({status})")) }
}

//! The program, compiled for the one and for the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{folder, root};

const FOR_WINDOWS: &str = "x86_64-w64-mingw32-gcc";

/// Compiles it for Windows.
pub(super) fn for_windows(program: &Path) -> Result<(), String> {
    let mut command = Command::new(FOR_WINDOWS);
    command.args(["-O1", "-Wall", "-Wextra", "-o"]).arg(program).args(sources()?).arg("-lntdll");
    succeed(&mut command, &format!("{FOR_WINDOWS} (Debian: gcc-mingw-w64-x86-64)"))
}

/// Compiles it for Linux, with the library in that folder.
pub(super) fn for_linux(program: &Path, library: &Path) -> Result<(), String> {
    let include = root().join("include");
    let mut command = Command::new("cc");
    command.args(["-O1", "-std=gnu11"]).arg("-I").arg(include.join("compat")).arg("-I").arg(&include);
    command.arg("-o").arg(program).args(sources()?).arg("-L").arg(library).arg("-lpagewright");
    succeed(&mut command, "cc")
}

/// Builds the library, and says where it is.
pub(super) fn library() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "pagewright-capi"]).current_dir(root());
    succeed(&mut command, "cargo")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join("debug"))
}

fn sources() -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder()).map_err(|error| format!("{}: {error}", folder().display()))?;
    let mut sources: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    sources.retain(|path| path.extension().is_some_and(|end| end == "c"));
    sources.sort();
    Ok(sources)
}

fn succeed(command: &mut Command, name: &str) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed ({status})")) }
}

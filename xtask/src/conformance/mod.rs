//! Writes `docs/conformance.md`: for every row of the three contracts, whether it holds, and
//! the test that proves it.
//!
//! ```text
//!   docs/conformance/rows/*.tsv     what there is to prove          catalogue
//!   // Rows: … above tests          what is proven, and where       tags, tests
//!   golden table                    the same, a row per line        golden
//!   docs/conformance/notes.toml     what differs, comes later, or   notes
//!                                   has no place on Linux
//! ```
//!
//! A row without a test and without a note is an error, and so is a tag or a note that
//! contradicts the rest; so no row is forgotten and none is claimed.

mod catalogue;
mod golden;
mod judge;
mod notes;
mod report;
mod tags;
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let check = match arguments {
        [] => false,
        [only] if only == "--check" => true,
        _ => return Err("the only argument is --check".into()),
    };
    let root = root();
    let text = document(&root)?;
    let path = root.join("docs/conformance.md");
    if !check {
        return fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()));
    }
    match fs::read_to_string(&path) {
        Ok(old) if old == text => Ok(()),
        _ => Err("docs/conformance.md is stale; `cargo xtask conformance` writes it anew".into()),
    }
}

/// The document as it should be.
fn document(root: &Path) -> Result<String, String> {
    let catalogue = catalogue::read(&root.join("docs/conformance/rows"))?;
    let mut proofs = tags::read(root)?;
    proofs.extend(golden::read(root)?);
    let notes = notes::read(&root.join("docs/conformance/notes.toml"))?;
    let verdicts = judge::judge(&catalogue, &proofs, &notes)?;
    Ok(report::write(&catalogue, &verdicts, &notes))
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod stale {
    /// The document says what the tests say. If this fails: `cargo xtask conformance`.
    #[test]
    fn the_conformance_document_is_not_stale() {
        super::run(&["--check".into()]).expect("docs/conformance.md follows from the tests and the notes");
    }
}

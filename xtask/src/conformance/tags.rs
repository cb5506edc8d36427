//! What the tests say that they prove: `// Rows: GP01 GP02` directly above `#[test]`, above a body
//! that several tests share, or inside of a test beside the entry of a table; `// Rows in part: …`
//! where a test proves a part of a row.

use std::fs;
use std::path::{Path, PathBuf};

use super::tests::{Function, functions};
use super::text;

/// That one test proves one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Proof {
    pub(crate) row: String,
    /// `file::function`, the file below `crates`.
    pub(crate) test: String,
    pub(crate) extent: Extent,
    /// Where the test runs.
    pub(crate) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    Whole,
    Part,
}

/// Where a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// On processes of this machine, and on the software MMU.
    Both,
    /// On processes of this machine.
    Linux,
    /// On the software MMU.
    Soft,
    /// In what all machines have in common, before any machine is asked.
    Core,
}

const TAGS: [(&str, Extent); 2] = [("Rows: ", Extent::Whole), ("Rows in part: ", Extent::Part)];

/// The proofs in all sources below `crates`.
pub(crate) fn read(root: &Path) -> Result<Vec<Proof>, String> {
    let crates = root.join("crates");
    let mut proofs = Vec::new();
    for path in sources(&crates)? {
        let name = path.strip_prefix(&crates).unwrap_or(&path).display().to_string();
        let found = of_file(&name, &text(&path)?);
        proofs.extend(found.map_err(|what| format!("crates/{name}: {what}"))?);
    }
    proofs.sort();
    proofs.dedup();
    Ok(proofs)
}

/// The Rust files below `folder`, without what was built.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let listed = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found = Vec::new();
    for entry in listed {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn of_file(name: &str, text: &str) -> Result<Vec<Proof>, String> {
    let lines: Vec<&str> = text.lines().collect();
    let functions = functions(&lines);
    let mut proofs = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((rows, extent)) = tag(line) else { continue };
        let test = owner(&functions, at).ok_or_else(|| format!("line {}: no test follows", at + 1))?;
        if !test.is_test && !is_shared(name) && !is_called(text, test.name) {
            return Err(format!("line {}: {} is no test", at + 1, test.name));
        }
        if test.is_ignored {
            return Err(format!("line {}: {} is ignored, so it proves nothing", at + 1, test.name));
        }
        let place = place(name, &lines[test.first..=test.last]);
        let test = format!("{name}::{}", test.name);
        let proof = |row: &str| Proof { row: row.into(), test: test.clone(), extent, place };
        proofs.extend(rows.split([' ', ',']).filter(|row| !row.is_empty()).map(proof));
    }
    Ok(proofs)
}

/// Whether a file is a module that several tests share: its functions are their bodies, and the
/// compiler tells of those that nobody runs.
fn is_shared(file: &str) -> bool {
    file.split_once("/tests/").is_some_and(|(_, inside)| inside.contains('/'))
}

/// Whether a function is also named elsewhere in its file: a body that its tests run.
fn is_called(text: &str, function: &str) -> bool {
    text.matches(function).count() > 1
}

fn tag(line: &str) -> Option<(&str, Extent)> {
    let comment = line.trim().strip_prefix("//")?.trim_start_matches('/').trim_start();
    TAGS.iter().find_map(|(tag, extent)| Some((comment.strip_prefix(tag)?, *extent)))
}

/// The function whose head or body the line is in.
fn owner<'a, 'b>(functions: &'b [Function<'a>], line: usize) -> Option<&'b Function<'a>> {
    functions.iter().filter(|test| test.first <= line && line <= test.last).max_by_key(|test| test.first)
}

fn place(file: &str, body: &[&str]) -> Place {
    let says = |word: &str| body.iter().any(|line| line.contains(word));
    match file {
        _ if says("everywhere(") || says("here_and_guest(") => Place::Both,
        _ if file.starts_with("core/") || file.starts_with("testkit/") => Place::Core,
        _ if file.starts_with("soft/") || says("Guest") || says("guest") => Place::Soft,
        _ => Place::Linux,
    }
}

#[cfg(test)]
mod checks {
    use super::*;

    const SOURCE: &str = "\
mod a {
    // Rows: XX01 XX02
    // Rows in part: XX03
    #[test]
    fn above() {
        everywhere(|on| ());
    }

    #[test]
    fn beside() {
        for row in [
            // Rows: XX04
            (1, 2),
        ] {}
    }
}
";

    #[test]
    fn a_tag_belongs_to_the_next_or_the_enclosing_test() {
        let proofs = of_file("pagewright/tests/a.rs", SOURCE).expect("well-formed");
        let seen: Vec<_> = proofs
            .iter()
            .map(|proof| (proof.row.as_str(), proof.test.as_str(), proof.extent, proof.place))
            .collect();
        let above = "pagewright/tests/a.rs::above";
        assert_eq!(
            seen,
            [
                ("XX01", above, Extent::Whole, Place::Both),
                ("XX02", above, Extent::Whole, Place::Both),
                ("XX03", above, Extent::Part, Place::Both),
                ("XX04", "pagewright/tests/a.rs::beside", Extent::Whole, Place::Linux),
            ]
        );
    }

    #[test]
    fn a_tag_elsewhere_is_an_error() {
        for wrong in [
            "// Rows: XX01\nconst A: u32 = 1;\n",
            "// Rows: XX01\nfn helper() {\n}\n",
            "// Rows: XX01\n#[test]\n#[ignore = \"slow\"]\nfn ignored() {\n}\n",
        ] {
            assert!(of_file("pagewright/tests/a.rs", wrong).is_err(), "{wrong}");
        }
        let body = "// Rows: XX01\nfn body() {\n}\n";
        assert!(of_file("pagewright/tests/shared/a.rs", body).is_ok_and(|proofs| proofs.len() == 1));
    }
}

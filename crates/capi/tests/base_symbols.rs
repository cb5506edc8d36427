//! The symbols of the shared library are those that are documented, and no others.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use support::{is_installed, library, root, succeed};

/// The documented ones.
fn listed() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("crates/capi/symbols.txt")).expect("the list");
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn the_library_exports_what_is_listed_and_nothing_else() {
    if !is_installed("nm", "the_library_exports_what_is_listed_and_nothing_else") {
        return;
    }
    let library = library().join("libpagewright.so");
    let text = succeed(Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(library));
    let exported: BTreeSet<_> =
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    let listed = listed();
    let missing: Vec<_> = listed.difference(&exported).collect();
    let beyond: Vec<_> = exported.difference(&listed).collect();
    assert!(missing.is_empty() && beyond.is_empty(), "not exported: {missing:?}\nnot listed: {beyond:?}");
}

/// A name that no header mentions cannot be called by anybody.
#[test]
fn every_symbol_is_declared_in_a_header() {
    let mut words = BTreeSet::new();
    let mut folders = vec![root().join("include")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = fs::read_to_string(entry).expect("a header");
            let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            words.extend(text.split(|letter| !is_word(letter)).map(str::to_owned));
        }
    }
    let missing: Vec<_> = listed().into_iter().filter(|name| !words.contains(name)).collect();
    assert!(missing.is_empty(), "in no header: {missing:?}");
}

//! The golden table of the Win32 calls, on an emulated guest and in this process.
//!
//! `cargo xtask golden` writes it anew; then read the difference before it goes in.

mod golden;

use std::fs;
use std::path::PathBuf;

use pagewright::soft::Guest;
use pagewright::win32::{MEM_FREE, virtual_query};
use pagewright::{Memory, Process};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/win32.txt")
}

const HEADER: &str = "\
# What the Win32 calls answer. Made by `cargo xtask golden`; do not edit.
# state call = outcome ; query after it ; fact. See mod.rs.
";

fn expected() -> String {
    fs::read_to_string(path()).expect("the golden table is checked in; `cargo xtask golden` makes it")
}

fn text(rows: &[String]) -> String {
    format!("{HEADER}{}\n", rows.join("\n"))
}

/// Fails with the first differences.
fn compare(what: &str, rows: &[String]) {
    let (expected, found) = (expected(), text(rows));
    if expected == found {
        return;
    }
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let mut report = String::new();
    for row in new.iter().filter(|row| !old.contains(row)).take(20) {
        let call = row.split(" = ").next().unwrap_or_default();
        let before = old.iter().find(|old| old.split(" = ").next() == Some(call));
        report += &format!("- {}\n+ {row}\n", before.unwrap_or(&"(no such row)"));
    }
    let gone = old.iter().filter(|row| !new.contains(row)).count();
    panic!(
        "{what} differs from tests/golden/win32.txt ({} rows now, {} before, {gone} of them gone or changed):\n\
         {report}if that is right: cargo xtask golden",
        new.len(),
        old.len(),
    );
}

/// Large pages are denied, whatever this machine would permit: the table is the same everywhere.
fn deny_large_pages() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: every test of this program comes here first, so nobody reads the environment
    // meanwhile.
    ONCE.call_once(|| unsafe { std::env::set_var("PAGEWRIGHT_LOCK_PAGES", "deny") });
}

/// A free megabyte and its surroundings.
fn arena(memory: &dyn Memory) -> u64 {
    let candidates = (0x1800_0000_0000..0x1900_0000_0000).step_by(1 << 32);
    let mut free = candidates.filter(|at| {
        virtual_query(memory, *at)
            .is_ok_and(|record| record.State == MEM_FREE && record.RegionSize as u64 > 4 * golden::ARENA)
    });
    free.next().expect("a terabyte with room for a megabyte")
}

#[test]
fn an_emulated_guest_does_what_the_golden_table_says() {
    deny_large_pages();
    let guest = Guest::new();
    let rows = golden::table(&guest, arena(&guest));
    if std::env::var_os("PAGEWRIGHT_GOLDEN").is_some_and(|what| what == "write") {
        fs::write(path(), text(&rows)).expect("the golden table can be written");
        return;
    }
    compare("the emulated guest", &rows);
}

#[test]
fn this_process_does_what_the_golden_table_says() {
    deny_large_pages();
    let process = Process::current();
    compare("this process", &golden::table(&process, arena(&process)));
}

//! `watch`: which pages of a real program were written.

mod common;

use common::{Sleeper, blamed, command, json, number, run, sleeper, stderr, stdout, text};
use pagewright::{Memory, Process};
use serde_json::{Value, json as document};

const PAGE: u64 = 0x1000;

/// Watched memory in a program: its base as text and number.
fn watched(sleeper: &Sleeper, size: &str) -> (String, u64) {
    let base = json(&["alloc", &sleeper.pid(), "--size", size, "--write-watch"])["base"].clone();
    (base.as_str().expect("a string").to_owned(), number(&base))
}

fn hex(at: u64) -> String {
    format!("{at:#x}")
}

fn pages(list: &[u64]) -> Value {
    list.iter().map(|at| hex(*at)).collect()
}

// Rows: WW05
// Rows in part: WW06 WW07 WW08 WW10
#[test]
fn the_pages_that_were_written_are_listed_until_they_are_forgotten() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let (base, at) = watched(&sleeper, "64K");
    let fresh = json(&["watch", pid, &base, "--size", "64K"]);
    assert_eq!(fresh, document!({"pages": [], "granularity": 4096, "ranges": [], "reset": false}));

    json(&["write", pid, &hex(at + 2 * PAGE - 2), "--hex", "01020304"]);
    json(&["write", pid, &hex(at + 9 * PAGE), "--hex", "05"]);
    let three = pages(&[at + PAGE, at + 2 * PAGE, at + 9 * PAGE]);
    let seen = json(&["watch", pid, &base, "--size", "64K"]);
    assert_eq!(seen["pages"], three);
    let ranges = document!([
        {"base": hex(at + PAGE), "size": 2 * PAGE}, {"base": hex(at + 9 * PAGE), "size": PAGE}
    ]);
    assert_eq!(seen["ranges"], ranges);
    assert_eq!(
        json(&["watch", pid, &hex(at + 2 * PAGE + 5), "--size", "1"])["pages"],
        pages(&[at + 2 * PAGE])
    );

    let first = json(&["watch", pid, &base, "--size", "8K", "--reset"]);
    assert_eq!((&first["pages"], &first["reset"]), (&pages(&[at + PAGE]), &true.into()));
    let rest = json(&["watch", pid, &base, "--size", "64K", "--reset"]);
    assert_eq!(rest["pages"], pages(&[at + 2 * PAGE, at + 9 * PAGE]));
    assert_eq!(json(&["watch", pid, &base, "--size", "64K"])["pages"], pages(&[]));
    json(&["write", pid, &base, "--text", "again"]);
    assert_eq!(json(&["watch", pid, &base, "--size", "64K"])["pages"], pages(&[at]));
}

#[test]
fn people_see_ranges() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let (base, at) = watched(&sleeper, "64K");
    assert_eq!(
        text(&["watch", pid, &base, "--size", "64K"]),
        format!("0 pages of 16 at {base} were written\n")
    );
    json(&["write", pid, &hex(at + PAGE), "--text", &"x".repeat(0x2001)]);
    let seen = text(&["watch", pid, &base, "--size", "64K", "--reset"]);
    let (from, to) = (hex(at + PAGE), hex(at + 4 * PAGE));
    let expected = format!(
        "3 pages of 16 at {base} were written; forgotten now\n\n{:>width$}  {:>width$}  PAGES  SIZE\n{from}  {to}      3  12K\n",
        "FROM",
        "TO",
        width = from.len()
    );
    assert_eq!(seen, expected);
}

#[test]
fn thousands_of_ranges_are_all_reported() {
    const RUNS: u64 = 3000;
    let sleeper = sleeper!();
    let (base, at) = watched(&sleeper, "32M");
    let process = Process::open(sleeper.pid().parse().expect("a number")).expect("it lives");
    let expected: Vec<u64> = (0..RUNS).map(|run| at + 2 * run * PAGE).collect();
    for page in &expected {
        assert_eq!(process.write(*page, &[1]).expect("it is committed"), 1);
    }
    let seen = json(&["watch", &sleeper.pid(), &base, "--size", "32M", "--reset"]);
    assert!(seen["pages"] == pages(&expected), "{}", seen["pages"].as_array().map_or(0, Vec::len));
    assert_eq!(json(&["watch", &sleeper.pid(), &base, "--size", "32M"])["pages"], pages(&[]));
}

// Rows in part: WW37
#[test]
fn memory_that_is_not_watched_says_how_to_have_it() {
    let mut sleeper = sleeper!();
    let pid = &sleeper.pid();
    let nobody = ["watch", pid, "0x10000", "--size", "64K"];
    assert_eq!(blamed(&nobody), (87, "ADDR, --size".to_owned()));
    assert_eq!(json(&["status", pid])["attached"], false, "asking does not attach");
    let message = stderr(&run(&nobody));
    assert!(message.contains(&format!("pagewright alloc {pid} --size 64K --write-watch")), "{message}");

    let plain = json(&["alloc", pid, "--size", "64K"])["base"].clone();
    let plain = plain.as_str().expect("a string");
    assert_eq!(blamed(&["watch", pid, plain, "--size", "4K"]).0, 87);
    let (base, at) = watched(&sleeper, "64K");
    assert_eq!(blamed(&["watch", pid, &base, "--size", "68K"]).0, 87, "one page beyond");
    assert_eq!(blamed(&["watch", pid, &hex(at + 16 * PAGE), "--size", "1"]).0, 87);
    assert_eq!(blamed(&["watch", pid, &base, "--size", "0"]), (87, "--size".to_owned()));
    assert_eq!(json(&["watch", pid, &base, "--size", "64K"])["pages"], pages(&[]), "nothing was harmed");
    assert!(sleeper.is_asleep());
}

#[test]
fn usage_errors_exit_with_2() {
    for args in [&["watch"][..], &["watch", "1", "0x1000"], &["watch", "1", "--size", "1"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    use std::io::Read;
    let sleeper = sleeper!();
    let (base, _) = watched(&sleeper, "4M");
    json(&["write", &sleeper.pid(), &base, "--text", &"x".repeat(0x10000)]);
    let mut child = command(&["watch", &sleeper.pid(), &base, "--size", "4M", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut one = [0];
    let _ = child.stdout.take().expect("piped").read(&mut one);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

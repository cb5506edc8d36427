//! The same generated calls here and under Wine: a recording of what Wine answered is compared with
//! what the library answers. `docs/differential.md` says how; `cargo xtask wine` records.

#[path = "differential/known.rs"]
mod known;
#[allow(dead_code, reason = "the task that records uses the rest")]
#[path = "differential/record.rs"]
mod record;
mod support;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;

use known::Known;
use record::{Recorded, SEEDS, Seed};
use support::{Program, Source};

#[test]
fn a_hundred_thousand_calls_are_answered_as_by_wine_or_the_difference_is_known() {
    let recording = recording();
    let recorded = record::read(&recording).expect("a recording");
    let program = program();
    let runs = run_all(&program);
    let mut known = Known::read(&text("known.toml"));
    let mut calls = 0;
    for run in &runs {
        for seed in record::parse(run).unwrap_or_else(|odd| panic!("the program said: {odd}")) {
            let wine = &recorded[seed.number as usize];
            compare(&seed, wine, &mut known);
            calls += seed.lines.len();
        }
    }
    assert!(calls >= 100_000, "only {calls} calls");
    for entry in &known.differences {
        assert!(entry.times > 0, "explains nothing any more: {} {}", entry.rows, entry.what);
    }
}

/// Panics with the first call that the two answer differently for no known reason.
fn compare(seed: &Seed, wine: &Recorded, known: &mut Known) {
    assert_eq!(seed.number, wine.number, "the seeds are recorded in their order");
    for (number, line) in seed.lines.iter().enumerate() {
        let Some(&answer) = wine.results.get(number) else { break };
        if line.result != answer && !known.explains(line.call, answer, line.result) {
            report(seed, number, answer);
        }
    }
    let all = seed.lines.len();
    let same = all == wine.results.len() && seed.sum(all) == wine.sum;
    assert!(same, "seed {} ({}) made other calls than recorded: `cargo xtask wine`", seed.number, seed.theme);
}

/// Says what differs, what came before it, and how to see it again.
fn report(seed: &Seed, number: usize, wine: &str) -> ! {
    let before: Vec<String> = seed.lines[number.saturating_sub(8)..number]
        .iter()
        .map(|line| format!("    {} = {}", line.call, line.result))
        .collect();
    let line = &seed.lines[number];
    panic!(
        "seed {} ({}), call {number}:\n{}\n    {}\n        Wine: {wine}\n        ours: {}\n\
         To see all of it: cargo xtask wine --seed {}",
        seed.number,
        seed.theme,
        before.join("\n"),
        line.call,
        line.result,
        seed.number,
    );
}

/// What the library answers to every seed: two processes, for two processors.
fn run_all(program: &Program) -> Vec<String> {
    let half = SEEDS / 2;
    let run = |first: u32, last: u32| {
        let mut command = program.command();
        support::succeed(command.arg(first.to_string()).arg(last.to_string()))
    };
    thread::scope(|scope| {
        let later = scope.spawn(|| run(half, SEEDS - 1));
        let sooner = run(0, half - 1);
        vec![sooner, later.join().expect("the second half")]
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn recording() -> String {
    let file = fs::File::open(folder().join("wine-8.0.txt.gz")).expect("the recording");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("the recording is whole");
    text
}

/// The program, compiled for Linux.
fn program() -> Program {
    let mut others: Vec<String> = fs::read_dir(folder())
        .expect("the sources")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "c") && !path.ends_with("calls.c"))
        .map(|path| path.display().to_string())
        .collect();
    others.sort();
    let arguments = others.iter().map(String::as_str).chain(["-O1"]);
    Source::at(folder().join("calls.c")).with(arguments).build()
}

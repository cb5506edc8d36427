//! The tour proves what it says, and leaves nothing behind.

mod common;

use common::{command, json, run, stderr, stdout, text};

#[test]
fn every_proof_holds() {
    let tour = text(&["tour"]);
    assert!(!tour.contains('✗'), "{tour}");
    assert!(!tour.contains('\u{1b}') && !tour.contains('\r'), "{tour}");
    let last = tour.lines().last().unwrap_or_default();
    assert!(last.contains("All") && last.contains("proofs hold"), "{tour}");
}

#[test]
fn the_document_has_every_step() {
    let tour = json(&["tour"]);
    assert_eq!((&tour["ok"], &tour["proofs"]), (&true.into(), &tour["hold"]));
    let programs = tour["programs"].as_array().expect("a list");
    assert_eq!(programs.len(), 2);
    for program in programs {
        assert_eq!(program["exit_code"], 0);
        assert!(program["seconds"].as_f64().is_some_and(|seconds| (3.0..3.5).contains(&seconds)));
        let steps: Vec<_> =
            program["steps"].as_array().expect("a list").iter().map(|step| &step["step"]).collect();
        for name in [
            "attach", "reserve", "commit", "write", "protect", "query", "read", "decommit", "free", "detach",
            "finish",
        ] {
            assert!(steps.contains(&&name.into()), "{name}");
        }
    }
    let pid = &programs[0]["pid"];
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "it has ended and is buried");
}

#[test]
fn without_programs_there_is_no_tour() {
    let output = command(&["tour", "--json"]).env("PATH", "/nonexistent").output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).starts_with("{\"error\":"), "{}", stdout(&output));
    let output = run(&["tour", "unexpected"]);
    assert_eq!((output.status.code(), stderr(&output).is_empty()), (Some(2), false));
}

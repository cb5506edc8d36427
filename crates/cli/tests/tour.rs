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
        // A busy machine gets more time.
        let command = program["command"].as_str().expect("a command");
        let meant: f64 = command.strip_prefix("sleep ").and_then(|text| text.parse().ok()).expect("seconds");
        assert!((4.0..=16.0).contains(&meant), "{meant}");
        assert!(program["seconds"].as_f64().is_some_and(|took| (meant..meant + 0.5).contains(&took)));
        let steps: Vec<_> =
            program["steps"].as_array().expect("a list").iter().map(|step| &step["step"]).collect();
        for name in [
            "attach", "reserve", "commit", "write", "protect", "query", "read", "decommit", "free", "detach",
            "finish",
        ] {
            assert!(steps.contains(&&name.into()), "{name}");
        }
    }
    let together = &tour["together"];
    let steps = together["steps"].as_array().expect("a list").iter().map(|step| &step["step"]);
    let names = ["alias", "store", "outlive", "fill", "copy", "again", "memcpy", "part", "release"];
    assert_eq!(steps.collect::<Vec<_>>(), names);
    let special = tour["special"].as_array().expect("a list").iter().map(|step| &step["step"]);
    assert_eq!(special.collect::<Vec<_>>(), ["guard", "watch", "reset", "remap", "large", "release"]);
    let trials = together["trials"].as_array().expect("a list");
    let added = |name: &str| trials.iter().find(|trial| trial["name"] == name).map(|trial| &trial["added"]);
    assert_eq!(added("first copy"), Some(&0.into()));
    assert_eq!(added("later copy"), Some(&0.into()));
    assert_eq!(added("first write"), Some(&4096.into()));
    assert!(
        added("memcpy").and_then(|added| added.as_u64()) >= together["copied"].as_u64().map(|size| size / 2)
    );
    assert!(trials.iter().all(|trial| trial["ns"].as_u64() > Some(0)), "{trials:?}");

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

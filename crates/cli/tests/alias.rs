//! `alias`: memory of one real program in another.

mod common;

use std::process::Stdio;

use common::{Sleeper, blamed, command, json, number, refusal, run, sleeper, stderr, stdout, text};
use serde_json::json as document;

/// A program with `size` bytes of ours, and where they are.
fn with_memory(sleeper: &Sleeper, size: &str) -> (String, u64) {
    let made = json(&["alloc", &sleeper.pid(), "--size", size]);
    (made["base"].as_str().expect("a string").to_owned(), number(&made["base"]))
}

fn hex(at: u64) -> String {
    format!("{at:#x}")
}

/// Rights and inode of the mapping that holds `at`.
fn mapping(sleeper: &Sleeper, at: u64) -> (String, String) {
    let line = sleeper.maps_line(at).expect("it is mapped");
    let fields: Vec<&str> = line.split_whitespace().collect();
    (fields[1].to_owned(), fields[4].to_owned())
}

#[test]
fn what_one_program_writes_the_other_sees() {
    let (first, second) = (sleeper!(), sleeper!());
    let (from, into) = (&first.pid(), &second.pid());
    let (base, at) = with_memory(&first, "64K");
    json(&["write", from, &base, "--text", "before"]);

    let made = json(&["alias", from, &base, "--size", "64K", "--into", into]);
    let view = made["base"].as_str().expect("a string");
    let expected = document!({
        "base": view, "size": 65536, "range": {"base": view, "size": 65536},
        "shared": 65536, "copied": 0, "exposed": 0,
    });
    assert_eq!(made, expected);
    let there = number(&made["base"]);
    assert_eq!(mapping(&first, at), mapping(&second, there));
    assert_eq!(mapping(&first, at).0, "rw-s");
    assert_eq!(second.bytes(there, 6), b"before");

    json(&["write", into, view, "--text", "from 2"]);
    assert_eq!(json(&["read", from, &base, "--size", "6"])["data"], "66726f6d2032");
    json(&["write", from, &hex(at + 0xfff0), "--text", "from 1"]);
    assert_eq!(json(&["read", into, &hex(there + 0xfff0), "--size", "6"])["data"], "66726f6d2031");

    // Either end may go first; the bytes live as long as one of them.
    json(&["free", from, &base]);
    assert_eq!(first.maps_line(at), None);
    assert_eq!(second.bytes(there, 6), b"from 2");
    json(&["free", into, view]);
    assert_eq!(second.maps_line(there), None);
    for pid in [from, into] {
        assert_eq!(json(&["detach", pid]), document!({"attached": false}));
    }
}

#[test]
fn a_view_goes_where_it_is_told_to() {
    let (first, second) = (sleeper!(), sleeper!());
    let (from, into) = (&first.pid(), &second.pid());
    let (base, _) = with_memory(&first, "16K");
    json(&["write", from, &base, "--text", "placed"]);
    let room = json(&["alloc", into, "--size", "64K", "--reserve"]);
    let at = hex(number(&room["base"]) + 0x3000);
    let request = ["alias", from, &base, "--size", "16K", "--into", into, "--at", &at, "--protect", "r"];
    let made = json(&request);
    assert_eq!((&made["base"], &made["shared"]), (&document!(at), &document!(16384)));
    assert_eq!(second.bytes(number(&made["base"]), 6), b"placed");
    let region = json(&["query", into, &at]);
    assert_eq!((&region["protect"], &region["size"]), (&document!("r"), &document!(16384)));
    assert_eq!(region["allocation_base"], room["base"]);
    assert_eq!(refusal(&["write", into, &at, "--hex", "00"]).0, 998, "the view is read-only");
    json(&["write", from, &base, "--text", "source"]);
    assert_eq!(second.bytes(number(&made["base"]), 6), b"source");
    assert_eq!(blamed(&request), (87, "--at".to_owned()), "there is memory now");
}

#[test]
fn one_program_can_have_a_second_view() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let (base, at) = with_memory(&sleeper, "8K");
    let made = json(&["alias", pid, &base, "--size", "8K", "--into", pid]);
    let view = number(&made["base"]);
    assert_ne!(view, at);
    json(&["write", pid, &hex(view + 5), "--text", "twice"]);
    assert_eq!(sleeper.bytes(at + 5, 5), b"twice");
    assert_eq!(mapping(&sleeper, at), mapping(&sleeper, view));
}

#[test]
fn edges_are_a_choice() {
    let (first, second) = (sleeper!(), sleeper!());
    let (from, into) = (&first.pid(), &second.pid());
    let (base, at) = with_memory(&first, "64K");
    json(&["write", from, &base, "--hex", &"aa".repeat(0x3000)]);
    let start = hex(at + 0x800);
    let request = |edges| ["alias", from, &start, "--size", "8K", "--into", into, "--edges", edges];

    assert_eq!(blamed(&request("strict")), (87, "ADDR, --edges".to_owned()));
    let odd = ["alias", from, &base, "--size", "8000", "--into", into];
    assert_eq!(blamed(&odd), (87, "--size, --edges".to_owned()));

    let whole = json(&request("whole"));
    assert_eq!(whole["exposed"], 0x1000, "half a page before, and half a page behind");
    assert_eq!((&whole["shared"], &whole["copied"]), (&document!(0x2000), &document!(0)));
    assert_eq!(whole["range"]["size"], 0x3000);
    assert_eq!(number(&whole["base"]) % 0x1000, 0x800, "the first byte keeps its place in its page");
    let view = number(&whole["range"]["base"]);
    assert_eq!(second.bytes(view, 0x3000), vec![0xaa; 0x3000]);

    let split = json(&request("split"));
    assert_eq!(split["exposed"], 0);
    assert_eq!((&split["shared"], &split["copied"]), (&document!(0x1000), &document!(0x1000)));
    let view = number(&split["range"]["base"]);
    let mut expected = vec![0; 0x3000];
    expected[0x800..0x2800].fill(0xaa);
    assert_eq!(second.bytes(view, 0x3000), expected, "nothing outside of the range is there");

    let plain = text(&request("whole"));
    assert!(plain.contains("4K around them"), "{plain}");
    assert!(text(&request("split")).contains("a private copy made now"));
}

#[test]
fn memory_of_the_program_needs_consent() {
    let (mut first, second) = (sleeper!(), sleeper!());
    let (from, into) = (&first.pid(), &second.pid());
    let heap = first.named("[heap]");
    let address = &hex(heap);
    let request = ["alias", from, address, "--size", "4K", "--into", into, "--protect", "r"];
    assert_eq!(blamed(&request), (5, "--foreign".to_owned()));
    let sentence = stderr(&run(&request));
    assert!(sentence.contains("fork"), "the hazard is named: {sentence}");
    assert_eq!(refusal(&request).0, 5, "and nothing was done");

    let before = first.bytes(heap, 0x1000);
    let made = json(&[&request[..], &["--foreign"]].concat());
    assert_eq!(second.bytes(number(&made["base"]), 0x1000), before);
    assert_eq!(first.bytes(heap, 0x1000), before);
    assert_eq!(mapping(&first, heap).1, mapping(&second, number(&made["base"])).1);
    assert!(first.is_asleep());

    for name in ["[stack]", "[vdso]"] {
        let at = &hex(first.named(name));
        let request = ["alias", from, at, "--size", "4K", "--into", into, "--protect", "r", "--foreign"];
        assert_eq!(blamed(&request), (50, "ADDR".to_owned()), "{name}");
    }
}

#[test]
fn sentences_name_the_argument_to_change() {
    let (first, second) = (sleeper!(), sleeper!());
    let (from, into) = (&first.pid(), &second.pid());
    let (base, at) = with_memory(&first, "64K");
    let reserved = &hex(number(&json(&["alloc", into, "--size", "64K", "--reserve"])["base"]));
    let committed = &hex(number(&json(&["alloc", into, "--size", "64K"])["base"]));
    let odd = &hex(number(&json(&["alloc", into, "--size", "64K", "--reserve"])["base"]) + 1);
    let (inside, behind) = (&hex(at + 0x10), &hex(at + 0xf000));
    for (args, codes, argument) in [
        (&["alias", from, &base, "--size", "0", "--into", into][..], &[87][..], "--size"),
        (&["alias", from, "0xffff800000000000", "--size", "4K", "--into", into], &[87], "ADDR"),
        (&["alias", from, "0x7fffffffe000", "--size", "1G", "--into", into], &[87], "--size"),
        (&["alias", from, "0x10000", "--size", "4K", "--into", into], &[87, 487], "ADDR"),
        (&["alias", from, behind, "--size", "64K", "--into", into], &[5, 87, 487], "ADDR"),
        (&["alias", from, &base, "--size", "4K", "--into", into, "--at", "0x10000"], &[87, 487], "--at"),
        (&["alias", from, &base, "--size", "4K", "--into", into, "--at", committed], &[87], "--at"),
        (&["alias", from, &base, "--size", "4K", "--into", into, "--at", odd], &[87], "--at"),
        (
            &["alias", from, inside, "--size", "4K", "--into", into, "--at", reserved, "--edges", "whole"],
            &[87],
            "--at",
        ),
        (&["alias", from, &base, "--size", "4K", "--into", into, "--protect", "rc"], &[5, 87], "--protect"),
        (
            &["alias", from, &base, "--size", "4K", "--into", into, "--protect", "r+nocache+writecombine"],
            &[87],
            "--protect",
        ),
        (&["alias", from, &base, "--size", "4K", "--into", "4194999"], &[87], "--into"),
        (&["alias", "4194999", &base, "--size", "4K", "--into", into], &[87], "SRC_PID"),
    ] {
        let (code, named) = blamed(args);
        assert_eq!(named, argument, "{args:?}");
        assert!(codes.contains(&code), "{args:?}: {code}");
    }
    let status = json(&["status", into]);
    assert_eq!(status["regions"], 3, "a refused alias leaves nothing");
    assert_eq!(status["committed"], 64 << 10);
}

#[test]
fn usage_errors_exit_with_2() {
    for args in [
        &["alias"][..],
        &["alias", "1", "0x1000", "--size", "4K"],
        &["alias", "1", "0x1000", "--into", "1"],
        &["alias", "1", "0x1000", "--size", "4K", "--into", "abc"],
        &["alias", "1", "0x1000", "--size", "4K", "--into", "1", "--edges", "round"],
        &["alias", "1", "0x1000", "--size", "4K", "--into", "1", "--at", "here"],
        &["alias", "1", "0x1000", "--size", "4K", "--into", "1", "--protect", "w"],
    ] {
        for args in [args.to_vec(), [args, &["--json"]].concat()] {
            let output = run(&args);
            assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{args:?}");
            assert!(stderr(&output).starts_with("error: "), "{args:?}");
        }
    }
}

#[test]
fn help_manual_and_completions_know_it() {
    let help = text(&["alias", "--help"]);
    for word in
        ["SRC_PID", "DST_PID", "--at", "--protect", "--edges", "strict", "split", "whole", "--foreign"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(help.contains("fork") && help.contains("Hazard"), "{help}");
    let manual = text(&["man", "alias"]);
    assert!(manual.contains("foreign") && manual.contains("Hazard"), "{manual}");
    for shell in ["bash", "fish", "zsh"] {
        let script = text(&["completions", shell]);
        assert!(script.contains("edges") && script.contains("split"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let (first, second) = (sleeper!(), sleeper!());
    let (base, _) = with_memory(&first, "64K");
    for form in [&[][..], &["--json"]] {
        let (from, into) = (&first.pid(), &second.pid());
        let args = [&["alias", from, &base, "--size", "64K", "--into", into], form].concat();
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(&args).stdout(writer).stderr(Stdio::piped()).output().expect("it starts");
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{form:?}");
    }
    let map = json(&["map", &second.pid(), "--ours"]);
    assert_eq!(map["regions"].as_array().map(Vec::len), Some(2), "both were made: {map}");
    assert!(map["regions"].as_array().is_some_and(|all| all.iter().all(|one| one["state"] == "commit")));
}

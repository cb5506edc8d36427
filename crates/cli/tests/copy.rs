//! `copy`: bytes inside of a real program.

mod common;

use std::process::Stdio;

use common::{Sleeper, blamed, command, json, number, run, sleeper, stderr, stdout, text};
use serde_json::json as document;

/// Memory of ours in a program: its base as text and number.
fn memory(sleeper: &Sleeper, size: u64) -> (String, u64) {
    // With room behind it, so that the kernel lists it as a mapping of its own.
    let room = format!("{}", size + (4 << 20));
    let base = json(&["alloc", &sleeper.pid(), "--size", &room, "--reserve"])["base"].clone();
    let text = base.as_str().expect("a string").to_owned();
    json(&["alloc", &sleeper.pid(), "--size", &size.to_string(), "--commit", "--at", &text]);
    (text, number(&base))
}

fn hex(at: u64) -> String {
    format!("{at:#x}")
}

/// Bytes that differ from page to page.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index / 0x1000 + index % 251) as u8).collect()
}

fn fill(sleeper: &Sleeper, base: &str, bytes: &[u8]) {
    let output = common::fed(&["write", &sleeper.pid(), base, "--in", "-"], bytes);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn copies_are_of_their_own() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let size = 1 << 20;
    let ((source, from), (target, to)) = (memory(&sleeper, size), memory(&sleeper, size));
    let bytes = pattern(size as usize);
    fill(&sleeper, &source, &bytes);
    let done = json(&["copy", pid, &source, "--size", "1M", "--to", &target]);
    assert_eq!(done, document!({"size": size, "source": source, "target": target}));
    assert_eq!(sleeper.bytes(to, size as usize), bytes);
    assert_eq!(sleeper.bytes(from, size as usize), bytes);

    json(&["write", pid, &hex(from + 0x4003), "--text", "changed here"]);
    json(&["write", pid, &hex(to + 0x8003), "--text", "changed there"]);
    assert_eq!(sleeper.bytes(to, 0x8000), bytes[..0x8000]);
    assert_eq!(sleeper.bytes(from + 0x5000, 0x8000), bytes[0x5000..0xd000]);
    assert_eq!(sleeper.bytes(from + 0x4003, 12), b"changed here");
    assert_eq!(sleeper.bytes(to + 0x8003, 13), b"changed there");
}

#[test]
fn a_copy_is_no_memory_until_it_is_written() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let size: u64 = 4 << 20;
    let ((source, from), (target, to)) = (memory(&sleeper, size), memory(&sleeper, size));
    fill(&sleeper, &source, &pattern(size as usize));
    assert_eq!(sleeper.smaps(from, "Pss"), size);
    json(&["copy", pid, &source, "--size", "4M", "--to", &target]);
    // Every page is brought into both places, so that none is missing from the sum.
    assert_eq!(sleeper.bytes(from, size as usize), sleeper.bytes(to, size as usize));
    let both = || sleeper.smaps(from, "Pss") + sleeper.smaps(to, "Pss");
    assert_eq!(both(), size);
    json(&["write", pid, &hex(to + 0x10_0000), "--hex", "00"]);
    assert_eq!(both(), size + 0x1000);
    assert_eq!((sleeper.smaps(from, "Anonymous"), sleeper.smaps(to, "Anonymous")), (0, 0x1000));
}

#[test]
fn overlaps_and_odd_ends_are_copied_as_if_at_once() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let size = 0x40000;
    let (base, at) = memory(&sleeper, size as u64);
    let mut bytes = pattern(size);
    fill(&sleeper, &base, &bytes);
    for (from, to, count) in
        [(0x123, 0x10456, 0x8001), (0x0, 0x1000, 0x20000), (0x5000, 0x1000, 0x20000), (7, 5, 1)]
    {
        let done = json(&[
            "copy",
            pid,
            &hex(at + from as u64),
            "--size",
            &count.to_string(),
            "--to",
            &hex(at + to as u64),
        ]);
        assert_eq!(done["size"], count);
        bytes.copy_within(from..from + count, to);
        assert!(sleeper.bytes(at, size) == bytes, "{from:#x} to {to:#x}, {count:#x} bytes");
    }
    assert_eq!(json(&["copy", pid, &base, "--size", "0", "--to", &base])["size"], 0);
}

#[test]
fn memory_of_the_program_can_be_the_source() {
    let sleeper = sleeper!();
    let heap = sleeper.named("[heap]");
    let (target, to) = memory(&sleeper, 0x20000);
    let bytes = sleeper.bytes(heap, 0x20000);
    json(&["copy", &sleeper.pid(), &hex(heap), "--size", "128K", "--to", &target]);
    assert_eq!(sleeper.bytes(to, 0x20000), bytes);
    let line = sleeper.maps_line(heap).expect("it is mapped");
    assert!(line.contains("rw-p") && line.ends_with("[heap]"), "nothing became shared: {line}");
}

#[test]
fn it_says_what_it_did() {
    let sleeper = sleeper!();
    let (source, target) = (memory(&sleeper, 0x10000).0, memory(&sleeper, 0x10000).0);
    let plain = text(&["copy", &sleeper.pid(), &source, "--size", "64K", "--to", &target]);
    assert!(plain.starts_with(&format!("64K from {source} copied to {target} in ")), "{plain}");
    assert_eq!(plain.lines().count(), 1);
}

#[test]
fn sentences_name_the_argument_to_change() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let ((source, from), (target, to)) = (memory(&sleeper, 0x20000), memory(&sleeper, 0x20000));
    fill(&sleeper, &source, &pattern(0x20000));
    let (closed, sealed) = (&hex(from + 0x1f000), &hex(to + 0x1f000));
    json(&["protect", pid, closed, "--size", "4K", "--protect", "none"]);
    json(&["protect", pid, sealed, "--size", "4K", "--protect", "r"]);
    let kernel = "0xffff800000000000";
    for (args, codes, argument) in [
        (&["copy", pid, kernel, "--size", "64K", "--to", &target][..], &[87, 487, 998][..], "SRC"),
        (&["copy", pid, &source, "--size", "64K", "--to", kernel], &[87, 487, 998], "--to"),
        (&["copy", pid, &source, "--size", "0x7fffffffffff", "--to", &target], &[87, 998], "--size"),
        (&["copy", pid, "0x10000", "--size", "64K", "--to", &target], &[87, 487], "SRC"),
        (&["copy", pid, &source, "--size", "64K", "--to", "0x10000"], &[87, 487], "--to"),
        (&["copy", pid, &source, "--size", "128K", "--to", &target], &[5, 998], "SRC"),
        (&["copy", pid, &target, "--size", "128K", "--to", &source], &[5, 998], "--to"),
        (&["copy", pid, &source, "--size", "1", "--to", sealed], &[5, 998], "--to"),
        (&["copy", "4194999", &source, "--size", "1", "--to", &target], &[87], "PID"),
    ] {
        let (code, named) = blamed(args);
        assert_eq!(named, argument, "{args:?}");
        assert!(codes.contains(&code), "{args:?}: {code}");
    }
    assert_eq!(sleeper.bytes(to, 0x20000), vec![0; 0x20000], "a refused copy has copied nothing");
}

#[test]
fn usage_errors_exit_with_2() {
    for args in [
        &["copy"][..],
        &["copy", "1", "0x1000", "--size", "4K"],
        &["copy", "1", "0x1000", "--to", "0x2000"],
        &["copy", "1", "0x1000", "--size", "4K", "--to", "there"],
        &["copy", "1", "0x1000", "--size", "some", "--to", "0x2000"],
    ] {
        for args in [args.to_vec(), [args, &["--json"]].concat()] {
            let output = run(&args);
            assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{args:?}");
            assert!(stderr(&output).starts_with("error: "), "{args:?}");
        }
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let sleeper = sleeper!();
    let ((source, _), (target, to)) = (memory(&sleeper, 0x10000), memory(&sleeper, 0x10000));
    fill(&sleeper, &source, b"still copied");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let pid = &sleeper.pid();
    let output = command(&["copy", pid, &source, "--size", "64K", "--to", &target])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("it starts");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    assert_eq!(sleeper.bytes(to, 12), b"still copied");
}

//! The programs under `examples/c`: compiled as C and as C++, run, and what they say compared with
//! what is true.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use support::{Compiler, Language, Link, Program, Source};

/// The program in both languages, by different compilers where there are two.
fn built(name: &str, test: &str) -> Vec<Program> {
    let ways = [
        (Language::C11, Compiler::Default, Link::Shared),
        (Language::Cpp17, Compiler::Clang, Link::Shared),
        (Language::Cpp17, Compiler::Gcc, Link::Static),
    ];
    let there = ways.into_iter().filter(|(language, compiler, _)| compiler.is_there(*language, test));
    there
        .map(|(language, compiler, link)| {
            Source::example(name).language(language).compiler(compiler).link(link).build()
        })
        .collect()
}

/// Runs the program with arguments; what it wrote, line by line.
fn lines(program: &Program, arguments: &[&str]) -> Vec<String> {
    support::succeed(program.command().args(arguments)).lines().map(str::to_owned).collect()
}

#[test]
fn growable_array() {
    for program in built("growable_array.c", "growable_array") {
        // There are 9592 primes below 100 000, in 38 KiB; the hundredth is 541.
        let expected = [
            "primes below 100000: 9592",
            "moved: never",
            "reserved 448 KiB, committed 64 KiB",
            "the first 100: committed 64 KiB, the last of them is 541",
        ];
        assert_eq!(lines(&program, &["100000"]), expected);
        // 78498 of them need five steps of 64 KiB.
        assert_eq!(lines(&program, &[])[2], "reserved 3968 KiB, committed 320 KiB");
    }
}

#[test]
fn jit_two_views() {
    for program in built("jit_two_views.c", "jit_two_views") {
        let expected = [
            "5*x*x*x+x+1 for x = 2: 43",
            "5*x*x*x+x+1 for x = -3: -137",
            "its last number replaced by 1000, for x = 1: 1006",
            "writable and executable at once: nowhere",
        ];
        assert_eq!(lines(&program, &["5*x*x*x+x+1", "2", "-3"]), expected);
    }
}

#[test]
fn ring_buffer() {
    for program in built("ring_buffer.c", "ring_buffer") {
        let expected =
            ["seen behind the end: 42", "20000 records, some across the end: yes", "the sums are equal"];
        assert_eq!(lines(&program, &["20000"]), expected);
    }
}

#[test]
fn gc_write_watch() {
    for program in built("gc_write_watch.c", "gc_write_watch") {
        let said = lines(&program, &[]);
        assert_eq!(said[2], "keys found: 400000 of 400000, all right");
        let (all, few) = (looked_at(&said[0]), looked_at(&said[1]));
        // The lists fill 512 pages, all of which were written before each of 25 collections;
        // then 300 of them, which fill 3 pages.
        assert_eq!((all, few), (25 * 512, 25 * 3), "{said:?}");
    }
}

/// How many pages a phase looked at: "...: 25 collections looked at 75 of 71075 old pages".
fn looked_at(line: &str) -> u32 {
    let (_, rest) = line.split_once(" looked at ").expect("a phase");
    rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn call_into_process() {
    let sum = "the sum of the squares of 1 to 1000, counted there: 333833500";
    for program in built("call_into_process.c", "call_into_process") {
        assert_eq!(lines(&program, &[]), ["code there: 4096 bytes, protection 0x20, was 0x4", sum]);

        // A target that somebody else has started.
        let mut target = program.command().arg("serve").stdout(Stdio::piped()).spawn().expect("a target");
        let mut said = String::new();
        let mut out = BufReader::new(target.stdout.take().expect("what it says"));
        out.read_line(&mut said).expect("where its mailbox is");
        let words: Vec<_> = said.split_whitespace().collect();
        assert_eq!(words[0], target.id().to_string());
        let worked = program.command().args(&words).output();
        target.kill().expect("it waits");
        target.wait().expect("it has ended");
        let worked = worked.expect("a program to run");
        let (out, err) = (String::from_utf8_lossy(&worked.stdout), String::from_utf8_lossy(&worked.stderr));
        assert!(worked.status.success() && out.contains(sum), "{out}{err}");
    }
}

#[test]
fn scoreboard() {
    for program in built("scoreboard.c", "scoreboard") {
        let expected = [
            "the board: 4 KiB, protection 3",
            "worker 0 works: yes",
            "worker 1 works: yes",
            "worker 2 works: yes",
            "last words of 3 dead workers are there",
        ];
        assert_eq!(lines(&program, &[]), expected);
    }
}

/// What is wrong is said, with its reason.
#[test]
fn examples_say_what_is_wrong() {
    for program in built("call_into_process.c", "examples_say_what_is_wrong") {
        // No process has that id (PID_MAX_LIMIT).
        let output = Command::output(program.command().args(["4194305", "0x1000"])).expect("a program");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("cannot open the process: error 87"), "{said}");
    }
}

//! The command under test, and programs for it to work on.

#![allow(dead_code, reason = "not every test crate needs all of it")]

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A program that does nothing for a minute; it does not outlive its test.
pub(crate) struct Sleeper(Child);

impl Sleeper {
    /// Nothing where the kernel lets programs attach to their own children only: the command is no ancestor.
    pub(crate) fn start() -> Option<Self> {
        let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
        let root =
            std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if !root && !matches!(scope.trim(), "" | "0") {
            eprintln!("not tested: kernel.yama.ptrace_scope is {}", scope.trim());
            return None;
        }
        let child = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().expect("there is a sleep");
        Some(Self(child))
    }

    pub(crate) fn pid(&self) -> String {
        self.0.id().to_string()
    }

    /// The lines of `/proc/PID/maps` that hold `at`.
    pub(crate) fn maps_line(&self, at: u64) -> Option<String> {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.0.id())).expect("it lives");
        let holds = |line: &&str| {
            let (range, _) = line.split_once(' ').expect("a range first");
            let (start, end) = range.split_once('-').expect("two addresses");
            let number = |digits| u64::from_str_radix(digits, 16).expect("hex");
            (number(start)..number(end)).contains(&at)
        };
        maps.lines().find(holds).map(str::to_owned)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().expect("it is our child");
        self.0.wait().expect("it is our child");
    }
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagewright"));
    command.args(args).env_remove("CLICOLOR_FORCE").env_remove("CLICOLOR").env_remove("NO_COLOR");
    command
}

pub(crate) fn run(args: &[&str]) -> Output {
    command(args).stdin(Stdio::null()).output().expect("the command starts")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// What it prints when it succeeds.
pub(crate) fn text(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    assert_eq!(stderr(&output), "", "{args:?}");
    stdout(&output)
}

/// The document when it succeeds.
pub(crate) fn json(args: &[&str]) -> Value {
    let text = text(&[args, &["--json"]].concat());
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("one document")
}

/// Code and name of a refusal, which must look the same in both forms.
pub(crate) fn refusal(args: &[&str]) -> (u64, String) {
    let plain = run(args);
    assert_eq!(plain.status.code(), Some(1), "{args:?}: {}", stdout(&plain));
    let sentence = stderr(&plain);
    assert!(sentence.starts_with("error: ") && sentence.lines().count() == 1, "{args:?}: {sentence}");
    let output = run(&[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    assert_eq!(stderr(&output), "", "{args:?}");
    let document: Value = serde_json::from_str(&stdout(&output)).expect("one document");
    let error = &document["error"];
    let message = error["message"].as_str().expect("a message");
    assert_eq!(sentence.trim(), format!("error: {message}"), "{args:?}");
    (error["code"].as_u64().expect("a number"), error["name"].as_str().expect("a name").to_owned())
}

pub(crate) fn fed(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    child.wait_with_output().expect("it ends")
}

pub(crate) fn number(address: &Value) -> u64 {
    let text = address.as_str().expect("addresses are strings");
    u64::from_str_radix(text.strip_prefix("0x").expect("with 0x"), 16).expect("hex")
}

//! The command under test, and programs for it to work on.

#![allow(dead_code, unused_imports, unused_macros, reason = "not every test crate needs all of it")]

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

    /// What the kernel reads at `at`, regardless of protection; every page is then there.
    pub(crate) fn bytes(&self, at: u64, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        let memory = std::fs::File::open(format!("/proc/{}/mem", self.0.id())).expect("it lives");
        std::os::unix::fs::FileExt::read_exact_at(&memory, &mut bytes, at).expect("mapped");
        bytes
    }

    /// A figure of `/proc/PID/smaps` for the mapping that holds `at`, in bytes.
    pub(crate) fn smaps(&self, at: u64, key: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps", self.0.id())).expect("it lives");
        let mut lines = text.lines().skip_while(|line| !holds(line, at));
        let figure = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).expect("such a line");
        figure.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Waits until it has nothing left to do: a program that just starts has no heap yet.
    fn settle(&self) {
        let sleeps = || {
            let call = std::fs::read_to_string(format!("/proc/{}/syscall", self.0.id())).unwrap_or_default();
            // clock_nanosleep, restart_syscall
            matches!(call.split_whitespace().next(), Some("230" | "219"))
        };
        for _ in 0..1000 {
            if sleeps() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    /// The first address of the mapping with that name.
    pub(crate) fn named(&self, name: &str) -> u64 {
        self.settle();
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.0.id())).expect("it lives");
        let line = maps.lines().find(|line| line.ends_with(name)).expect("every program has it");
        u64::from_str_radix(line.split('-').next().expect("a range first"), 16).expect("hex")
    }

    /// Whether it still does nothing.
    pub(crate) fn is_asleep(&mut self) -> bool {
        self.0.try_wait().expect("it is our child").is_none()
    }

    /// The lines of `/proc/PID/maps` that hold `at`.
    pub(crate) fn maps_line(&self, at: u64) -> Option<String> {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.0.id())).expect("it lives");
        maps.lines().find(|line| holds(line, at)).map(str::to_owned)
    }
}

/// Whether a line of `maps` is that of the mapping that holds `at`.
fn holds(line: &str, at: u64) -> bool {
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    let range = || {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        Some(number(start)?..number(end)?)
    };
    range().is_some_and(|range| range.contains(&at))
}

/// A program, or the end of a test that cannot have one here.
macro_rules! sleeper {
    () => {
        match $crate::common::Sleeper::start() {
            Some(sleeper) => sleeper,
            None => return,
        }
    };
}
pub(crate) use sleeper;

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
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}{}", stderr(&output), stdout(&output));
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
    let error = refused(args);
    (error["code"].as_u64().expect("a number"), error["name"].as_str().expect("a name").to_owned())
}

/// Code of a refusal, and the arguments to change that its sentence ends with.
pub(crate) fn blamed(args: &[&str]) -> (u64, String) {
    let error = refused(args);
    let message = error["message"].as_str().expect("a message");
    let end = message.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    let (_, arguments) = end.unwrap_or_else(|| panic!("no argument is named: {message}"));
    (error["code"].as_u64().expect("a number"), arguments.to_owned())
}

/// The `error` of a refusal, in both forms.
fn refused(args: &[&str]) -> Value {
    let plain = run(args);
    assert_eq!(plain.status.code(), Some(1), "{args:?}: {}", stdout(&plain));
    let sentence = stderr(&plain);
    assert!(sentence.starts_with("error: ") && sentence.lines().count() == 1, "{args:?}: {sentence}");
    let output = run(&[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    assert_eq!(stderr(&output), "", "{args:?}");
    let mut document: Value = serde_json::from_str(&stdout(&output)).expect("one document");
    let error = document["error"].take();
    let message = error["message"].as_str().expect("a message");
    assert_eq!(sentence.trim(), format!("error: {message}"), "{args:?}");
    error
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

//! What the tests on live processes share.

#![allow(dead_code, reason = "each test program uses a part of this")]

pub(crate) mod calls;
pub(crate) mod exercise;
pub(crate) mod guest;
pub(crate) mod kernel;

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use pagewright::{Error, Kind};

use guest::Guest;

/// Says aloud that something could not be tested here.
pub(crate) fn skipped(name: &str, why: &str) {
    println!("skipped: {name}, because {why}");
}

/// Waits until `done`, up to ten seconds.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < limit, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What `work` answers, if it answers in time.
pub(crate) fn within<T: Send + 'static>(
    seconds: u64,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, receiver) = mpsc::channel();
    let worker = std::thread::spawn(move || drop(sender.send(work())));
    match receiver.recv_timeout(Duration::from_secs(seconds)) {
        Ok(answer) => answer,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what} did not come to an end in {seconds} s"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match worker.join() {
            Ok(()) => panic!("{what} gave no answer"),
            Err(panic) => std::panic::resume_unwind(panic),
        },
    }
}

/// The refusal is of this kind, and its text is one sentence for people that names the process.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Error>, pid: u32, kinds: &[Kind]) {
    let error = answer.expect_err("this must be refused");
    assert!(kinds.contains(&error.kind()), "{:?} is not one of {kinds:?}: {error}", error.kind());
    assert_eq!(error.pid(), pid, "{error}");
    is_a_sentence(&error.to_string(), pid);
}

/// One sentence for people, which names the process.
pub(crate) fn is_a_sentence(text: &str, pid: u32) {
    assert!(text.contains(&pid.to_string()), "does not name {pid}: {text}");
    for debug in ["{", "}", "::", "\"", "Some", "None", "Err(", "Ok(", "Errno", "Os ", "\n"] {
        assert!(!text.contains(debug), "not a sentence ({debug}): {text}");
    }
    assert!((20..260).contains(&text.len()), "{} bytes: {text}", text.len());
    assert!(!text.ends_with(['.', ' ']), "{text}");
}

/// Tests that change or count what this process has run one after the other.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Another test of this program, to be run in a process of its own.
pub(crate) fn half(name: &str, target: u32) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("we run"));
    command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("PAGEWRIGHT_TARGET", target.to_string());
    command
}

/// The process that a half is about; `None` when somebody ran all ignored tests.
pub(crate) fn target_of_half() -> Option<u32> {
    std::env::var("PAGEWRIGHT_TARGET").ok()?.parse().ok()
}

/// The half in that process passes.
pub(crate) fn passes(command: &mut Command) {
    let end = Guest::start(command).finish();
    assert!(end.code == Some(0) && end.text.contains("1 passed"), "{:?}: {}", end.code, end.text);
    end.text.lines().filter(|line| line.starts_with("skipped")).for_each(|line| println!("{line}"));
}

/// These tests of this program once more, in a process of its own that commits by `mprotect`.
pub(crate) fn pass_with_mprotect(tests: &[&str]) {
    let mut command = Command::new(std::env::current_exe().expect("we run"));
    command.arg("--exact").args(tests).env("PAGEWRIGHT_COMMIT", "mprotect");
    let end = Guest::start(&mut command).finish();
    let all = format!("{} passed", tests.len());
    assert!(end.code == Some(0) && end.text.contains(&all), "{:?}: {}", end.code, end.text);
}

/// A sequence of numbers, the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

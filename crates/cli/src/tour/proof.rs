//! What a step tells, and how a proof reads.

use crate::fail::Fail;
use crate::maps::Line;

const PAGE: u64 = 0x1000;

/// A step: does something with `S`, and brings the proofs.
pub(super) struct Step<S> {
    pub(super) name: &'static str,
    pub(super) act: fn(&mut S) -> Result<Told, Fail>,
}

/// What a step has to tell.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) did: String,
    pub(super) proofs: Vec<Proof>,
}

/// Something that has to be so, and what was seen.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) claim: &'static str,
    pub(super) seen: String,
    /// Who says so: mostly a file of `/proc/PID`; `readv` is `process_vm_readv`.
    pub(super) source: &'static str,
    pub(super) holds: bool,
}

impl Told {
    pub(super) fn new(did: String, proofs: Vec<Proof>) -> Self {
        Self { did, proofs }
    }

    /// A step that could not be done.
    pub(super) fn failed(fail: &Fail) -> Self {
        let seen = fail.message().to_owned();
        Self::new("could not be done".to_owned(), vec![proof("it can be done", seen, "pagewright", false)])
    }

    pub(super) fn holds(&self) -> bool {
        self.proofs.iter().all(|proof| proof.holds)
    }
}

pub(super) fn proof(
    claim: &'static str,
    seen: impl Into<String>,
    source: &'static str,
    holds: bool,
) -> Proof {
    Proof { claim, seen: seen.into(), source, holds }
}

pub(super) fn unseen(pid: u32, error: &std::io::Error) -> Fail {
    Fail::program(format!("cannot look at process {pid} in /proc: {error}"))
}

pub(super) fn memory_proof(claim: &'static str, pages: u64, size: u64, right: fn(u64) -> bool) -> Proof {
    proof(claim, format!("{pages} of {} pages", size / PAGE), "pagemap", right(pages))
}

/// Lines as the kernel writes them, the first few.
pub(super) fn seen<'a>(lines: impl IntoIterator<Item = &'a Line>) -> String {
    let lines: Vec<String> =
        lines.into_iter().map(|line| format!("{:x}-{:x} {}", line.start, line.end, line.rights)).collect();
    match lines.as_slice() {
        [] => "no line".to_owned(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

pub(super) fn outcome(works: bool, at: u64) -> String {
    if works { format!("{at:#x}: 1 byte") } else { format!("{at:#x}: EFAULT") }
}

pub(super) fn change(before: usize, now: usize) -> String {
    format!("{before} → {now}")
}

/// Nanoseconds for people.
pub(super) fn milliseconds(nanoseconds: u64) -> String {
    format!("{:.2} ms", nanoseconds as f64 / 1e6)
}

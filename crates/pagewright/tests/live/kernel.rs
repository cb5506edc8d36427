//! What the kernel itself says about a process: the witness of these tests.

use std::fs;

use pagewright::{Access, Info, Memory, Owner, Process, State};

pub(crate) const PAGE: u64 = 0x1000;

/// One line of `/proc/PID/maps`.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) perms: String,
    pub(crate) name: String,
}

pub(crate) fn mappings(pid: u32) -> Vec<Mapping> {
    let text = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    text.lines().map(parse).collect()
}

fn parse(line: &str) -> Mapping {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next().and_then(|range| range.split_once('-')).expect("a range");
    let number = |digits| u64::from_str_radix(digits, 16).expect("hexadecimal");
    let perms = fields.next().expect("permissions").to_owned();
    let name = fields.nth(3).unwrap_or_default().to_owned();
    Mapping { start: number(start), end: number(end), perms, name }
}

/// The permissions of the mapping that holds `at`.
pub(crate) fn perms(pid: u32, at: u64) -> Option<String> {
    mappings(pid).into_iter().find(|m| m.start <= at && at < m.end).map(|m| m.perms)
}

/// Whether anything is mapped in the range.
pub(crate) fn is_mapped(pid: u32, start: u64, end: u64) -> bool {
    mappings(pid).iter().any(|m| m.start < end && start < m.end)
}

/// The start of the program's code.
pub(crate) fn code_of(pid: u32) -> u64 {
    mappings(pid).iter().find(|m| m.perms.contains('x')).expect("it has code").start
}

/// Copies bytes out with the kernel's own call; `None`: the access faults.
pub(crate) fn peek(pid: u32, at: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0xee_u8; length];
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: length };
    let remote = libc::iovec { iov_base: at as *mut libc::c_void, iov_len: length };
    // SAFETY: one local buffer of that length; the remote one is the other process's business.
    let copied =
        unsafe { libc::process_vm_readv(pid.cast_signed(), &raw const local, 1, &raw const remote, 1, 0) };
    if copied == length as isize {
        return Some(bytes);
    }
    let error = std::io::Error::last_os_error();
    assert!(copied >= 0 || error.raw_os_error() == Some(libc::EFAULT), "{at:#x} of {pid}: {error}");
    None
}

/// Whether a load of the byte at `at` faults.
pub(crate) fn faults(pid: u32, at: u64) -> bool {
    peek(pid, at, 1).is_none()
}

/// A field of `/proc/PID/status`, as a number.
pub(crate) fn status(pid: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|value| value.split_whitespace().next()?.parse().ok()).expect("a number")
}

/// What must be the same after a visit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Traces {
    threads: Vec<String>,
    descriptors: Vec<String>,
    mappings: Vec<String>,
}

impl Traces {
    /// The same, but for mappings that are gone.
    pub(crate) fn is_within(&self, before: &Self) -> bool {
        (&self.threads, &self.descriptors) == (&before.threads, &before.descriptors)
            && self.mappings.iter().all(|line| before.mappings.contains(line))
    }
}

/// Whose memory grows and shrinks meanwhile by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allocates {
    /// Nobody's: every mapping must be the same.
    Nothing,
    /// The program's own: only what is mapped from files must be the same.
    ByItself,
}

pub(crate) fn traces(pid: u32, allocates: Allocates) -> Traces {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
    let counts = |line: &&str| allocates == Allocates::Nothing || line.contains('/');
    Traces {
        threads: names(pid, "task"),
        descriptors: names(pid, "fd"),
        mappings: maps.lines().filter(counts).map(str::to_owned).collect(),
    }
}

fn names(pid: u32, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/{directory}")).expect("it runs");
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// What the library says about a process at rest is what the kernel says.
pub(crate) fn agrees(process: &Process) {
    let pid = process.pid();
    let (runs, maps) = (process.regions().expect("it lives"), mappings(pid));
    for run in &runs {
        let covered: u64 = maps.iter().map(|m| overlap(run, m)).sum();
        assert_eq!(covered, run.size, "the kernel maps another part of {run:x?}");
        match run.state {
            State::Committed { owner: Owner::Own, protection, .. } => {
                own_is_accessible(pid, run, protection.effective());
            }
            State::Reserved { .. } => {
                assert!(faults(pid, run.base) && faults(pid, run.base + run.size - 1), "{run:x?}");
            }
            State::Committed { owner: Owner::Foreign, .. } | State::Free => {}
        }
    }
    let end = process.highest() + 1;
    for map in maps.iter().filter(|map| map.start < end) {
        let covered: u64 = runs.iter().map(|run| overlap(run, map)).sum();
        assert_eq!(covered, map.end.min(end) - map.start, "the library does not know all of {map:x?}");
    }
}

fn overlap(run: &Info, map: &Mapping) -> u64 {
    map.end.min(run.base + run.size).saturating_sub(map.start.max(run.base))
}

fn own_is_accessible(pid: u32, run: &Info, access: Access) {
    for at in [run.base, run.base + run.size - 1] {
        assert_eq!(faults(pid, at), !access.now().contains(Access::READ), "{run:x?} at {at:#x}");
        let perms = perms(pid, at).expect("it is mapped");
        if access.contains(Access::GUARD) {
            // By a marker, and then the mapping shows what comes after it; or by no access.
            let after = perms.contains('x') == access.contains(Access::EXECUTE);
            assert!(perms.starts_with("---") || after, "{run:x?}: {perms}");
            continue;
        }
        assert_eq!(perms.contains('w'), access.contains(Access::WRITE), "{run:x?}: {perms}");
        assert_eq!(perms.contains('x'), access.contains(Access::EXECUTE), "{run:x?}: {perms}");
    }
}

/// The allocations of ours in a process.
pub(crate) fn own_runs(process: &Process) -> Vec<Info> {
    let is_own = |info: &Info| match info.state {
        State::Reserved { .. } | State::Committed { owner: Owner::Own, .. } => true,
        State::Committed { owner: Owner::Foreign, .. } | State::Free => false,
    };
    process.regions().expect("it lives").into_iter().filter(is_own).collect()
}

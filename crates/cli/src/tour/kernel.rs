//! What the kernel says about a process. Nothing here asks Pagewright.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use pagewright_linux::sys;

use crate::maps::{self, Line};

const PAGE: u64 = 0x1000;

/// What a process has: counted before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub(super) threads: usize,
    pub(super) descriptors: usize,
    pub(super) mappings: Vec<Line>,
}

impl Census {
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        let count = |what| fs::read_dir(format!("/proc/{pid}/{what}")).map(Iterator::count);
        Ok(Self { threads: count("task")?, descriptors: count("fd")?, mappings: maps::read(pid)? })
    }
}

/// The call that the program waits in, if it is the one that `sleep` consists of.
///
/// A sleep that was halted for a moment goes on as `restart_syscall`, which sleeps for the time that is left.
pub(super) fn sleeps_in(pid: u32) -> Option<&'static str> {
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    match call.split_whitespace().next()? {
        "35" => Some("nanosleep"),
        "219" => Some("restart_syscall of its nanosleep"),
        "230" => Some("clock_nanosleep"),
        _ => None,
    }
}

/// How many pages of a range have memory behind them.
pub(super) fn present(pid: u32, at: u64, size: u64) -> io::Result<u64> {
    let entries = size / PAGE;
    let mut bytes = vec![0; entries as usize * 8];
    File::open(format!("/proc/{pid}/pagemap"))?.read_exact_at(&mut bytes, at / PAGE * 8)?;
    // Bit 63 of an entry, which is little-endian.
    Ok(bytes.chunks_exact(8).filter(|entry| entry[7] & 0x80 != 0).count() as u64)
}

/// Whether a load at `at` would work, tried by the kernel on our behalf.
pub(super) fn is_readable(pid: u32, at: u64) -> bool {
    let mut byte = [0];
    sys::process_vm_readv(pid.cast_signed(), &mut byte, at as usize) == Ok(1)
}

/// Bytes of the process, regardless of protection.
pub(super) fn bytes(pid: u32, at: u64, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    File::open(format!("/proc/{pid}/mem"))?.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// Where the program's own code is.
pub(super) fn code(pid: u32) -> io::Result<Option<u64>> {
    let program = fs::read_link(format!("/proc/{pid}/exe"))?;
    let lines = maps::read(pid)?;
    let mut code = lines.iter().filter(|line| line.rights.starts_with("r-x"));
    Ok(code.find(|line| program.as_os_str() == line.name.as_str()).map(|line| line.start))
}

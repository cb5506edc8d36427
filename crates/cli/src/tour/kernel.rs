//! What the kernel says about a process. Nothing here asks Pagewright.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use pagewright_linux::sys;

use crate::maps::{self, Line};

const PAGE: u64 = 0x1000;

/// How many programs want each processor, beside ours: 0 on an idle machine.
pub(super) fn load() -> u64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let wanted: f64 = text.split(' ').next().and_then(|figure| figure.parse().ok()).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (wanted / processors as f64) as u64
}

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
    Ok(present_pages(pid, at, size)?.len() as u64)
}

/// Which pages of a range have memory behind them.
pub(super) fn present_pages(pid: u32, at: u64, size: u64) -> io::Result<Vec<u64>> {
    let entries = size / PAGE;
    let mut bytes = vec![0; entries as usize * 8];
    File::open(format!("/proc/{pid}/pagemap"))?.read_exact_at(&mut bytes, at / PAGE * 8)?;
    // Bit 63 of an entry, which is little-endian.
    let pages = (at..).step_by(PAGE as usize).zip(bytes.chunks_exact(8));
    Ok(pages.filter(|(_, entry)| entry[7] & 0x80 != 0).map(|(page, _)| page).collect())
}

/// Has the kernel itself store bytes in the process.
pub(super) fn store(pid: u32, at: u64, bytes: &[u8]) -> io::Result<()> {
    File::options().write(true).open(format!("/proc/{pid}/mem"))?.write_all_at(bytes, at)
}

/// Bytes of the pages that the mapping at `at` consists of.
pub(super) fn page_size(pid: u32, at: u64) -> io::Result<u64> {
    let text = fs::read(format!("/proc/{pid}/smaps"))?;
    let text = String::from_utf8_lossy(&text);
    let is_head = |line: &str| maps::parse(line).is_some_and(|head| head.start <= at && at < head.end);
    let mut lines = text.lines().skip_while(|line| !is_head(line));
    lines.find_map(|line| kilobytes(line, "KernelPageSize:")).ok_or_else(|| io::ErrorKind::NotFound.into())
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

/// The same of a long range, in pieces that are shown with their offset.
pub(super) fn each_piece(
    pid: u32,
    at: u64,
    size: u64,
    piece: u64,
    show: &mut dyn FnMut(u64, &[u8]),
) -> io::Result<()> {
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut bytes = vec![0; piece as usize];
    for offset in (0..size).step_by(piece as usize) {
        memory.read_exact_at(&mut bytes, at + offset)?;
        show(offset, &bytes);
    }
    Ok(())
}

/// Where the program's own code is.
pub(super) fn code(pid: u32) -> io::Result<Option<u64>> {
    let program = fs::read_link(format!("/proc/{pid}/exe"))?;
    let lines = maps::read(pid)?;
    let mut code = lines.iter().filter(|line| line.rights.starts_with("r-x"));
    Ok(code.find(|line| program.as_os_str() == line.name.as_str()).map(|line| line.start))
}

/// What a range of a process costs, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    /// Pages that are there for it.
    pub(super) rss: u64,
    /// The same, a page that is shown n times counted as one n-th.
    pub(super) pss: u64,
    /// Pages of its own, in no file.
    pub(super) anonymous: u64,
    /// Pages that the kernel may drop when it needs memory.
    pub(super) lazy: u64,
    /// Pages that are wired.
    pub(super) locked: u64,
}

/// What `smaps` says about the mappings in a range.
pub(super) fn footprint(pid: u32, at: u64, size: u64) -> io::Result<Footprint> {
    let text = fs::read(format!("/proc/{pid}/smaps"))?;
    Ok(sum(&String::from_utf8_lossy(&text), at, at + size))
}

fn sum(smaps: &str, start: u64, end: u64) -> Footprint {
    let mut total = Footprint::default();
    let mut inside = false;
    for line in smaps.lines() {
        if let Some(head) = maps::parse(line) {
            inside = head.start < end && start < head.end;
        } else if inside {
            let add = |key: &str, sum: &mut u64| *sum += kilobytes(line, key).unwrap_or(0);
            add("Rss:", &mut total.rss);
            add("Pss:", &mut total.pss);
            add("Anonymous:", &mut total.anonymous);
            add("LazyFree:", &mut total.lazy);
            add("Locked:", &mut total.locked);
        }
    }
    total
}

/// The bytes of a line such as `Pss:   12 kB`.
fn kilobytes(line: &str, key: &str) -> Option<u64> {
    let figure = line.strip_prefix(key)?.trim().strip_suffix(" kB")?;
    Some(figure.parse::<u64>().ok()? << 10)
}

/// Memory of all of a process that is in no file, in bytes: what its Pss counts in full.
pub(super) fn whole_anonymous(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let figure = text.lines().find_map(|line| kilobytes(line, "Anonymous:"));
    figure.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footprints_are_those_of_the_range() {
        let entry = |range: &str, pss: u64| {
            format!(
                "{range} rw-s 00000000 00:01 7   /memfd:a-b (deleted)\nSize: 8 kB\nRss: 8 kB\nPss: {pss} kB\nPss_Dirty: 9 kB\nAnonymous: 4 kB\nLazyFree: 4 kB\nLocked: 8 kB\nVmFlags: rd wr\n"
            )
        };
        let text = entry("1000-3000", 4) + &entry("3000-5000", 2) + &entry("5000-7000", 100);
        let expected =
            Footprint { rss: 16 << 10, pss: 6 << 10, anonymous: 8 << 10, lazy: 8 << 10, locked: 16 << 10 };
        assert_eq!(sum(&text, 0x1000, 0x5000), expected);
        assert_eq!(sum(&text, 0x8000, 0x9000), Footprint::default());
    }
}

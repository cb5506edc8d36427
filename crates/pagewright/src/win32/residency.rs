//! Which pages are in memory, from the kernel's page tables (VQ53 to VQ58).

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use pagewright_core::{Backing, Kind, State, Verb};
use pagewright_linux::sys::{self, PageRun, Wanted, kind, pagemap, scan_pages};

use super::constants::{
    PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, PAGE_GUARD,
    PAGE_NOCACHE, PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY,
};
use super::failure::Failure;
use super::protection::encode_protection;
use super::range::PAGE;
use crate::memory::Memory;
use crate::process::Process;

/// What is known of a page: as the bits of `PSAPI_WORKING_SET_EX_BLOCK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Attributes(usize);

/// A table of all pages of a process, open.
#[derive(Debug)]
pub(super) struct PageTable {
    file: File,
}

/// What the kernel says of a page that is a part of a large one: `PAGE_IS_HUGE`.
const JOINED: u64 = 1 << 6;

const VALID: usize = 1;
const SHARE_COUNT: u32 = 1;
const PROTECTION: u32 = 4;
const SHARED: usize = 1 << 15;
const LOCKED: usize = 1 << 22;
const LARGE: usize = 1 << 23;

impl Attributes {
    pub(super) const fn bits(self) -> usize {
        self.0
    }
}

impl PageTable {
    /// # Errors
    /// 5 when the kernel does not let this process look.
    pub(super) fn open(process: &Process) -> Result<Self, Failure> {
        let who = if process.is_current() { "thread-self".into() } else { process.pid().to_string() };
        let denied = |_| Failure::core(Verb::Query, Kind::AccessDenied, 0, 0);
        let file = File::open(format!("/proc/{who}/pagemap")).map_err(denied)?;
        // The number meant this process when the file was opened if it has not ended now.
        if process.has_ended() {
            return Err(Failure::core(Verb::Query, Kind::Gone, 0, 0));
        }
        Ok(Self { file })
    }

    /// Says what is known of the page at `at`.
    ///
    /// Valid is a page that is in memory and lets accesses through. What was made accessible again
    /// is valid at once: Linux does not tell whether it was touched since (VQ56).
    pub(super) fn look(&self, process: &Process, at: u64) -> Result<Attributes, Failure> {
        if at > process.highest() {
            return Ok(Attributes::default());
        }
        let entry = self.entry(at);
        let info = process.query(at)?;
        let State::Committed { protection, backing, .. } = info.state else {
            return Ok(Attributes::default());
        };
        let shared = if is_shared(backing, entry) { SHARED } else { 0 };
        if entry & pagemap::PRESENT == 0 || protection.effective().now().is_empty() {
            return Ok(Attributes(shared));
        }
        let sharers = usize::from(shared != 0) << SHARE_COUNT;
        let protect = encode_protection(protection) as usize & 0x7ff;
        let wired = process.survey(at).is_ok_and(|it| it.base <= at && it.wired > 0);
        let locked = if wired { LOCKED } else { 0 };
        let large = if self.is_large(at) { LARGE } else { 0 };
        Ok(Attributes(VALID | sharers | protect << PROTECTION | shared | locked | large))
    }

    /// The entry of one page; 0 where there is none.
    fn entry(&self, at: u64) -> u64 {
        let mut entry = [0; 8];
        match self.file.read_exact_at(&mut entry, at / PAGE * 8) {
            Ok(()) => u64::from_ne_bytes(entry),
            Err(_) => 0,
        }
    }

    /// Whether the page is a part of a large one.
    fn is_large(&self, at: u64) -> bool {
        let page = at & !(PAGE - 1);
        self.scan(page, page + PAGE, JOINED, &mut [EMPTY]).is_ok_and(|(found, _)| found > 0)
    }

    /// The pages of the whole process that are in memory, as runs.
    ///
    /// # Errors
    /// 50 when the kernel is too old to tell (6.7).
    pub(super) fn present(&self, highest: u64) -> Result<Vec<(u64, u64)>, Failure> {
        let mut buffer = vec![EMPTY; 4096];
        let (mut runs, mut at) = (Vec::new(), 0);
        while at < highest {
            let unsupported = |_| Failure::core(Verb::Query, Kind::Unsupported, 0, 0);
            let (found, walked) =
                self.scan(at, highest + 1, kind::PRESENT, &mut buffer).map_err(unsupported)?;
            runs.extend(buffer.iter().take(found).map(|run| (run.start, run.end)));
            if walked <= at {
                break;
            }
            at = walked;
        }
        Ok(runs)
    }

    /// All pages that are valid, ascending: as the bits of `PSAPI_WORKING_SET_BLOCK`. Large ones do
    /// not count (LP08).
    pub(super) fn census(&self, process: &Process) -> Result<Vec<usize>, Failure> {
        // A kernel that does not tell which runs are in memory is asked about all pages.
        let present = self.present(process.highest()).unwrap_or_else(|_| vec![(0, process.highest() + 1)]);
        let large = large_ranges(process);
        let mut pages = Vec::new();
        for info in process.regions()? {
            let State::Committed { protection, backing, .. } = info.state else { continue };
            let is_large = large.iter().any(|(start, end)| (*start..*end).contains(&info.base));
            if protection.effective().now().is_empty() || is_large {
                continue;
            }
            let protect = short_protection(encode_protection(protection));
            let first = present.partition_point(|(_, end)| *end <= info.base);
            for (start, end) in
                present.iter().skip(first).take_while(|(start, _)| *start < info.base + info.size)
            {
                let run = (*start).max(info.base)..(*end).min(info.base + info.size);
                self.count(run, |at, entry| {
                    let shared = if is_shared(backing, entry) { ALIKE } else { 0 };
                    pages.push(at as usize | shared | protect);
                });
            }
        }
        Ok(pages)
    }

    /// Hands over the pages of a range that are in memory, with their entries.
    fn count(&self, range: Range<u64>, mut take: impl FnMut(u64, u64)) {
        let mut entries = vec![0; 8 * 512];
        let mut at = range.start;
        while at < range.end {
            let pages = ((range.end - at) / PAGE).min(512);
            let entries = &mut entries[..pages as usize * 8];
            if self.file.read_exact_at(entries, at / PAGE * 8).is_err() {
                return; // What ends meanwhile has no more pages.
            }
            for (entry, page) in entries.chunks_exact(8).zip(0..) {
                let entry = u64::from_ne_bytes(entry.try_into().unwrap_or_default());
                if entry & pagemap::PRESENT != 0 {
                    take(at + page * PAGE, entry);
                }
            }
            at += pages * PAGE;
        }
    }

    fn scan(&self, start: u64, end: u64, what: u64, into: &mut [PageRun]) -> sys::Result<(usize, u64)> {
        let wanted = Wanted { none_of: 0, any_of: what };
        let (fd, start, end) = (self.file.as_raw_fd(), start as usize, end as usize);
        scan_pages(fd, start, end, wanted, into).map(|(found, walked)| (found, walked as u64))
    }
}

const EMPTY: PageRun = PageRun { start: 0, end: 0, categories: 0 };

/// One who shares, and the mark of shared, in a `PSAPI_WORKING_SET_BLOCK`.
const ALIKE: usize = 1 << 5 | 1 << 8;

/// The protections of a `PSAPI_WORKING_SET_BLOCK`: numbers, not bits, and 8 and 16 more for memory that is
/// not cached or guarded.
const fn short_protection(protect: u32) -> usize {
    let rights = match protect & 0xff {
        PAGE_READONLY => 1,
        PAGE_EXECUTE => 2,
        PAGE_EXECUTE_READ => 3,
        PAGE_READWRITE => 4,
        PAGE_WRITECOPY => 5,
        PAGE_EXECUTE_READWRITE => 6,
        PAGE_EXECUTE_WRITECOPY => 7,
        _ => 0,
    };
    let uncached = if protect & PAGE_NOCACHE != 0 { 8 } else { 0 };
    let guarded = if protect & PAGE_GUARD != 0 { 16 } else { 0 };
    rights | uncached | guarded
}

/// Where the kernel says that pages are large ones.
fn large_ranges(process: &Process) -> Vec<(u64, u64)> {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", process.pid())).unwrap_or_default();
    let range = |line: &str| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    };
    maps.lines().filter(|line| line.contains(" /anon_hugepage")).filter_map(range).collect()
}

/// Whether others show the page, or could (VQ58).
const fn is_shared(backing: Backing, entry: u64) -> bool {
    let present = entry & pagemap::PRESENT != 0;
    let of_a_file = entry & pagemap::FILE != 0;
    match backing {
        // Unless it was stored to, and is a copy.
        Backing::View | Backing::Image => !present || of_a_file,
        Backing::Private => present && of_a_file,
    }
}

//! Which pages are in memory, from the kernel's page tables (VQ53 to VQ58).

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use pagewright_core::{Backing, Kind, State, Verb};
use pagewright_linux::sys::{self, PageRun, Wanted, kind, pagemap, scan_pages};

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

    fn scan(&self, start: u64, end: u64, what: u64, into: &mut [PageRun]) -> sys::Result<(usize, u64)> {
        let wanted = Wanted { none_of: 0, any_of: what };
        let (fd, start, end) = (self.file.as_raw_fd(), start as usize, end as usize);
        scan_pages(fd, start, end, wanted, into).map(|(found, walked)| (found, walked as u64))
    }
}

const EMPTY: PageRun = PageRun { start: 0, end: 0, categories: 0 };

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

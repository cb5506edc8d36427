//! Which pages have memory of their own, and their bytes, by way of `/proc`.

use pagewright_core::{PageRange, Refusal};

use super::object::Descriptor;
use super::{Linux, addr, len};
use crate::sys::{self, Backing, Errno, Fd, OpenMode, PageRun, Place, Prot, Wanted, kind, pagemap};

/// Pages that are told apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// All that are mapped or swapped out, the common page of zeros, too.
    Present,
    /// Those with memory, in main memory or swapped out; the common page of zeros is none.
    Filled,
    /// The same, in main memory only: what is marked, and has no memory, looks swapped out.
    InMemory,
    /// Those of a private view that were stored to, so that they are the file's no more.
    Privatised,
}

impl Which {
    const fn wanted(self) -> Wanted {
        let none_of = match self {
            Self::Present => 0,
            Self::Filled | Self::InMemory => kind::ZERO,
            Self::Privatised => kind::FILE,
        };
        let any_of = match self {
            Self::InMemory => kind::PRESENT,
            Self::Present | Self::Filled | Self::Privatised => kind::PRESENT | kind::SWAPPED,
        };
        Wanted { none_of, any_of }
    }

    const fn matches(self, word: u64) -> bool {
        let not = match self {
            // The old interface does not know the page of zeros.
            Self::Present | Self::Filled | Self::InMemory => 0,
            Self::Privatised => pagemap::FILE,
        };
        let swapped = match self {
            Self::InMemory => 0,
            Self::Present | Self::Filled | Self::Privatised => pagemap::SWAPPED,
        };
        word & swapped != 0 || word & pagemap::PRESENT != 0 && word & not == 0
    }
}

/// Runs at a time: a signal handler that asks may have 8 KiB for everything.
const FEW: usize = 32;

/// What is done with each run of pages.
pub(super) type Visit<'a> = dyn FnMut(PageRange) -> sys::Result<()> + 'a;

/// The list of a process's pages.
#[derive(Debug)]
pub struct PageList {
    fd: Fd,
}

impl PageList {
    /// That of the process whose `/proc/PID/pagemap` this is.
    pub const fn of(fd: Fd) -> Self {
        Self { fd }
    }

    /// Reports the runs of pages of `range`, which shows a private view of a file, that were
    /// stored to, ascending. Uses no memory but the stack.
    ///
    /// # Errors
    /// It is not known.
    pub fn privatised(&self, range: PageRange, report: &mut dyn FnMut(PageRange)) -> sys::Result<()> {
        self.each(range, Which::Privatised, &mut |run| {
            report(run);
            Ok(())
        })
    }

    /// That of this process, for the time of one verb.
    pub(super) fn open() -> sys::Result<Self> {
        sys::open(c"/proc/thread-self/pagemap", OpenMode::Read).map(|fd| Self { fd })
    }

    /// Visits the runs of such pages in `range`, ascending. Uses no memory but the stack.
    pub(super) fn each(&self, range: PageRange, which: Which, visit: &mut Visit<'_>) -> sys::Result<()> {
        match self.scan(range, which, visit) {
            Err(Errno::ENOTTY | Errno::EINVAL | Errno::ENOSYS) => self.read(range, which, visit),
            done => done,
        }
    }

    fn scan(&self, range: PageRange, which: Which, visit: &mut Visit<'_>) -> sys::Result<()> {
        let mut runs = [PageRun { start: 0, end: 0, categories: 0 }; FEW];
        let (mut at, end) = (addr(range), addr(range) + len(range));
        while at < end {
            let (found, stop) = sys::scan_pages(self.fd.raw(), at, end, which.wanted(), &mut runs)?;
            for run in &runs[..found] {
                PageRange::between(run.start, run.end).map_or(Ok(()), &mut *visit)?;
            }
            if stop <= at {
                return Ok(());
            }
            at = stop;
        }
        Ok(())
    }

    /// The same one word per page, for kernels before 6.7.
    fn read(&self, range: PageRange, which: Which, visit: &mut Visit<'_>) -> sys::Result<()> {
        let mut words = [0; WORDS];
        let (mut at, end) = (range.start().get(), range.end().get());
        let mut start = None;
        while let Some(rest) = PageRange::between(at, end) {
            let got = page_words(self.fd.raw(), rest, &mut words)?;
            for word in &words[..got] {
                match (which.matches(*word), start) {
                    (true, None) => start = Some(at),
                    (false, Some(first)) => {
                        PageRange::between(first, at).map_or(Ok(()), &mut *visit)?;
                        start = None;
                    }
                    (true, Some(_)) | (false, None) => {}
                }
                at += PAGE;
            }
        }
        start.and_then(|first| PageRange::between(first, end)).map_or(Ok(()), visit)
    }
}

/// Bytes that one word is about.
const PAGE: u64 = 0x1000;

/// Words that are read at a time: on the stack of a signal handler that asks, perhaps.
pub(super) const WORDS: usize = 4 * FEW;

/// The words of the first pages of a range, from an open list: how many there were room for.
pub(super) fn page_words(fd: i32, range: PageRange, words: &mut [u64; WORDS]) -> sys::Result<usize> {
    let mut bytes = [0; 8 * WORDS];
    let room = bytes.len().min((range.bytes() / PAGE * 8) as usize);
    let got = sys::pread(fd, &mut bytes[..room], range.start().get() / PAGE * 8)? / 8;
    if got == 0 {
        return Err(Errno::EIO);
    }
    for (word, bytes) in words.iter_mut().zip(bytes[..got * 8].as_chunks::<8>().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    Ok(got)
}

/// The same list, kept open.
///
/// In the own process others may close our descriptors, and open theirs under the number: so which file
/// it was made for is compared before each use.
#[derive(Debug, Default)]
pub(super) struct PageFile {
    descriptor: Option<Descriptor>,
}

impl PageFile {
    /// The number, opened if need be.
    pub(super) fn get(&mut self) -> sys::Result<i32> {
        if let Some(raw) = self.descriptor.as_ref().and_then(Descriptor::usable) {
            return Ok(raw);
        }
        self.lose();
        let list = PageList::open()?;
        let file = sys::file_id(list.fd.raw())?;
        Ok(self.descriptor.insert(Descriptor::new(list.fd, file)).raw())
    }

    /// It means another process.
    pub(super) fn close(&mut self) {
        self.descriptor = None;
    }

    /// The number may mean anybody's file.
    pub(super) fn lose(&mut self) {
        core::mem::forget(self.descriptor.take());
    }
}

/// Memory of our own for bytes on their way, which nobody else knows of.
#[derive(Debug)]
pub(super) struct Scratch {
    at: usize,
    bytes: usize,
}

impl Scratch {
    pub(super) fn new(bytes: usize) -> sys::Result<Self> {
        // SAFETY: a new mapping at a place that the kernel chooses.
        let at = unsafe { sys::mmap(Place::Anywhere, bytes, Prot::READ_WRITE, Backing::Anonymous) }?;
        Ok(Self { at, bytes })
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is ours, readable and writable, and borrowed with `self`.
        unsafe { core::slice::from_raw_parts_mut(self.at as *mut u8, self.bytes) }
    }
}

impl Scratch {
    pub(super) fn as_slice(&self) -> &[u8] {
        // SAFETY: the mapping is ours and readable, and whoever stores to it borrows `self` alone.
        unsafe { core::slice::from_raw_parts(self.at as *const u8, self.bytes) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no borrow of it is left.
        let _ = unsafe { sys::munmap(self.at, self.bytes) };
    }
}

impl Linux {
    pub(super) fn privatised_pages(
        &self,
        range: PageRange,
        report: &mut dyn FnMut(PageRange),
    ) -> Result<(), Refusal> {
        let out = self.sentry.stash.kept_in(range);
        let each = if out.is_empty() {
            PageList::open().and_then(|list| list.privatised(range, report))
        } else {
            Self::privatised_beside(&out, range, report)
        };
        each.map_err(|error| match error {
            Errno::EACCES | Errno::EPERM => Refusal::Denied,
            other => Refusal::Other(other.raw() as u16),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// The two interfaces on one mapping of our own: pages 1, 2 and 5 of 8 are stored to.
    #[test]
    fn scan_and_list_tell_the_same() {
        let mut scratch = Scratch::new(8 * 0x1000).expect("memory");
        // SAFETY: advice about our own mapping; it may be refused.
        let _ = unsafe { sys::madvise(scratch.at, scratch.bytes, sys::Advice::NoHugePage) };
        for page in [1, 2, 5] {
            scratch.bytes()[page * 0x1000] = 1;
        }
        let at = scratch.at as u64;
        let range = PageRange::between(at, at + 8 * 0x1000).expect("not empty");
        let list = PageList::open().expect("/proc is mounted");
        for which in [Which::Filled, Which::Privatised] {
            let mut seen: [Vec<(u64, u64)>; 2] = Default::default();
            let mut add = |index: usize, run: PageRange| {
                seen[index].push(((run.start().get() - at) / 0x1000, (run.end().get() - at) / 0x1000));
                Ok(())
            };
            list.read(range, which, &mut |run| add(0, run)).expect("readable");
            match list.scan(range, which, &mut |run| add(1, run)) {
                Ok(()) => assert_eq!(seen[0], seen[1]),
                Err(error) => std::println!("skipped: the scan, because of {error}"),
            }
            assert_eq!(seen[0], [(1, 3), (5, 6)]);
        }
    }
}

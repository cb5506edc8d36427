//! Which pages have memory of their own, and their bytes, by way of `/proc`.

use pagewright_core::{PageRange, Refusal};

use super::{Linux, addr, len};
use crate::sys::{self, Backing, Errno, Fd, OpenMode, PageRun, Place, Prot, Wanted, kind, pagemap};

/// Pages that are told apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Those with memory, in main memory or swapped out; the common page of zeros is none.
    Filled,
    /// Those of a private view that were stored to, so that they are the file's no more.
    Privatised,
}

impl Which {
    const fn wanted(self) -> Wanted {
        let none_of = match self {
            Self::Filled => kind::ZERO,
            Self::Privatised => kind::FILE,
        };
        Wanted { none_of, any_of: kind::PRESENT | kind::SWAPPED }
    }

    const fn matches(self, word: u64) -> bool {
        let not = match self {
            // The old interface does not know the page of zeros.
            Self::Filled => 0,
            Self::Privatised => pagemap::FILE,
        };
        word & pagemap::SWAPPED != 0 || word & pagemap::PRESENT != 0 && word & not == 0
    }
}

/// What is done with each run of pages.
pub(super) type Visit<'a> = dyn FnMut(PageRange) -> sys::Result<()> + 'a;

/// The list of this process's pages, opened for the time of one verb.
#[derive(Debug)]
pub(super) struct PageList {
    fd: Fd,
}

impl PageList {
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
        let mut runs = [PageRun { start: 0, end: 0, categories: 0 }; 64];
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
        const PAGE: u64 = 0x1000;
        let mut words = [0; 512 * 8];
        let (mut at, end) = (range.start().get(), range.end().get());
        let mut start = None;
        while at < end {
            let room = words.len().min(((end - at) / PAGE * 8) as usize);
            let got = sys::pread(self.fd.raw(), &mut words[..room], at / PAGE * 8)?;
            if got < 8 {
                return Err(Errno::EIO);
            }
            for word in words[..got].chunks_exact(8) {
                let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
                match (which.matches(word), start) {
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
        let each = PageList::open().and_then(|list| {
            list.each(range, Which::Privatised, &mut |run| {
                report(run);
                Ok(())
            })
        });
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

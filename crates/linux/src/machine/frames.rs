//! Frames: files in memory that are all there, and that no child of a fork gets.
//!
//! The file of some frames is mapped once, as a *master* that nobody touches and that is
//! not for children. A window gets its pages by having a part of the master mapped a
//! second time, over what stands there: one call, which passes on that they are not for
//! children, and which needs no descriptor.

use pagewright_core::{Access, Content, Geometry, ObjectId, PageRange, Refusal};

use super::object::no_object;
use super::{Linux, addr, has_node, len, prot};
use crate::sys::{self, Advice, Backing, Errno, Fd, OpenMode, Place, Prot};

/// Where all pages of an object are mapped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Master {
    at: usize,
    bytes: usize,
    /// The process that has it: a child has none.
    owner: i32,
}

impl Drop for Master {
    fn drop(&mut self) {
        if self.owner == sys::getpid() {
            // SAFETY: the mapping is ours, and nobody was told of it.
            let _ = unsafe { sys::munmap(self.at, self.bytes) };
        }
    }
}

/// What is left to the system when frames are taken: a sixteenth of what is available.
const MARGIN: u64 = 16;

/// Bytes that are given to a file at a time: a millisecond's work.
const STEP: u64 = 4 << 20;

impl Linux {
    pub(super) fn create_framed(
        &mut self,
        object: ObjectId,
        pages: u64,
        node: Option<u16>,
    ) -> Result<(), Refusal> {
        if node.is_some_and(|node| !has_node(node)) {
            return Err(Refusal::NoNode);
        }
        self.budget.need(1)?;
        let bytes = pages.checked_mul(self.geometry.page).ok_or(Refusal::OutOfMemory)?;
        if available_frames().is_some_and(|most| pages > most) {
            return Err(Refusal::OutOfMemory);
        }
        let fd = self.new_file(pages)?;
        let file = sys::file_id(fd.raw()).map_err(no_object)?;
        let master = self.map_master(&fd, bytes, node)?;
        fill(&fd, bytes).map_err(no_object)?;
        self.objects.insert_framed(object, file, pages, master)
    }

    fn map_master(&mut self, fd: &Fd, bytes: u64, node: Option<u16>) -> Result<Master, Refusal> {
        let bytes = bytes as usize;
        let backing = Backing::Shared { fd: fd.raw(), offset: 0 };
        // SAFETY: a new mapping at a place that the kernel chooses.
        let at = unsafe { sys::mmap(Place::Anywhere, bytes, Prot::READ_WRITE, backing) };
        let at = at.map_err(|error| self.refusal(error))?;
        let master = Master { at, bytes, owner: sys::getpid() };
        // SAFETY: the mapping was made just now and nobody else knows it.
        let told = unsafe { sys::madvise(at, bytes, Advice::DontFork) };
        self.told(told)?;
        if let Some(node) = node {
            // The file remembers it, for the pages that it is given from here on.
            self.prefer(at, bytes, node)?;
        }
        Ok(master)
    }

    /// Maps frames over a part of a window.
    ///
    /// On error there may be nothing at all.
    pub(super) fn map_frames(
        &mut self,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal> {
        let object = self.objects.holder(content, range.bytes() / self.geometry.page)?;
        let master = object.master.as_ref().ok_or(Refusal::NoObject)?;
        let from = master.at + (content.first * self.geometry.page) as usize;
        // SAFETY: the range is a part of a window, whose owner gave it for this.
        let mapped = unsafe { sys::mremap_duplicate_over(from, len(range), addr(range)) };
        if mapped.is_err() {
            self.plug(range);
        }
        self.told(mapped)?;
        if access != Access::READ | Access::WRITE {
            self.mprotect(range, access)?;
        }
        Ok(())
    }

    /// Takes the place again that a call that failed may have left free.
    fn plug(&mut self, range: PageRange) {
        // SAFETY: a mapping that replaces nothing, inside of a region of ours.
        let _ = unsafe {
            sys::mmap(
                Place::Free(addr(range)),
                len(range),
                prot(Access::empty()),
                Backing::AnonymousNoReserve,
            )
        };
        self.shown.forget(range);
        self.withhold(range);
    }

    /// Drops the bytes of frames that are given back.
    pub(super) fn drop_framed(&mut self, master: (usize, usize)) {
        // SAFETY: nobody shows the pages, says the caller of the verb.
        let _ = unsafe { sys::madvise(master.0, master.1, Advice::Remove) };
    }
}

impl Master {
    /// Where some of the pages are, and how many bytes.
    pub(super) const fn part(&self, first: u64, pages: u64, page: u64) -> (usize, usize) {
        (self.at + (first * page) as usize, (pages * page) as usize)
    }
}

/// Gives a new file all of its memory, step by step: a signal undoes a step that is under way,
/// and programs that are signalled all the time shall get on.
fn fill(fd: &Fd, bytes: u64) -> sys::Result<()> {
    let mut at = 0;
    while at < bytes {
        let step = STEP.min(bytes - at);
        match sys::allocate(fd.raw(), at, step) {
            Ok(()) => at += step,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How many frames may be taken now, if the kernel says: what is available, less a part for the system.
pub fn available_frames() -> Option<u64> {
    available().map(|left| (left - left / MARGIN) / Geometry::X86_64.page)
}

/// Bytes that the system, or the container, can give without taking them from others.
fn available() -> Option<u64> {
    let limit = |limit, used| Some(number_in(limit, b"")?.saturating_sub(number_in(used, b"")?));
    let system = number_in(c"/proc/meminfo", b"MemAvailable:").map(|kib| kib << 10);
    let group = limit(c"/sys/fs/cgroup/memory.max", c"/sys/fs/cgroup/memory.current").or_else(|| {
        limit(c"/sys/fs/cgroup/memory/memory.limit_in_bytes", c"/sys/fs/cgroup/memory/memory.usage_in_bytes")
    });
    [system, group].into_iter().flatten().min()
}

/// The number behind a word at the start of a line of a short file.
fn number_in(path: &sys::Text, word: &[u8]) -> Option<u64> {
    let mut text = [0; 512];
    let file = sys::open(path, OpenMode::Read).ok()?;
    let length = sys::read(file.raw(), &mut text).ok()?;
    let line = text[..length].split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(word))?;
    let digits = line.trim_ascii_start().iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |sum: Option<u64>, byte| {
        Some(sum.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_is_available() {
        let bytes = number_in(c"/proc/meminfo", b"MemAvailable:").expect("/proc is mounted");
        assert!(bytes > 1024, "{bytes} KiB");
        assert_eq!(number_in(c"/proc/meminfo", b"Nonsense:"), None);
        assert_eq!(number_in(c"/nowhere", b""), None);
    }
}

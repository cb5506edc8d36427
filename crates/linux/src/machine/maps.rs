//! What else is mapped in this process, from `/proc/thread-self/maps`: `/proc/self` is
//! the first thread, which has no memory any more once it has ended.
//!
//! One mapping at a time by `PROCMAP_QUERY` (Linux 6.11), else from the text. None
//! of this takes memory or locks, so a query may run in a signal handler.

use core::ops::ControlFlow;

use pagewright_core::{Access, Backing, ForeignRun, PageRange, Protection, Standing};

use crate::sys::{self, Errno, Fd, OpenMode, procmap};

/// How the list is reached.
#[derive(Debug)]
pub enum MapsFile {
    /// Opened for each question: in a normal process anybody may close, and reuse,
    /// a descriptor that is kept.
    OnDemand,
    /// Kept open, by a thread with a descriptor table of its own.
    Held(Fd),
}

impl MapsFile {
    /// The mapping that holds `at`, or the next above.
    pub fn at_or_after(&self, at: u64) -> sys::Result<Option<Mapping>> {
        at_or_after(self.open()?.raw(), at)
    }

    /// The executable mapping that holds `at`, or the next above. In one step, however
    /// many mappings of other kinds there are.
    pub fn executable_at_or_after(&self, at: u64) -> sys::Result<Option<Mapping>> {
        search(self.open()?.raw(), at, Access::EXECUTE)
    }

    fn open(&self) -> sys::Result<Opened<'_>> {
        match self {
            Self::Held(fd) => Ok(Opened::Held(fd)),
            Self::OnDemand => open_maps().map(Opened::New),
        }
    }
}

/// A descriptor for the time of one question.
enum Opened<'a> {
    Held(&'a Fd),
    New(Fd),
}

impl Opened<'_> {
    fn raw(&self) -> i32 {
        match self {
            Self::Held(fd) => fd.raw(),
            Self::New(fd) => fd.raw(),
        }
    }
}

impl Clone for MapsFile {
    /// A copy of a machine has no claim on the descriptor of the first.
    fn clone(&self) -> Self {
        Self::OnDemand
    }
}

/// One mapping of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// First address behind it.
    pub end: u64,
    /// What it lets through.
    pub access: Access,
    /// Whether stores are seen by others.
    pub sharing: Sharing,
    /// The file, as device and inode; `None` for anonymous memory.
    pub file: Option<(u64, u64)>,
    /// The byte of the file that the first address shows.
    pub offset: u64,
}

impl Mapping {
    /// The file and the byte of it that `at`, an address in here, shows, if others see
    /// what is stored there.
    pub(super) fn shows(&self, at: u64) -> Option<((u64, u64), u64)> {
        let is_shared = self.sharing == Sharing::Shared && self.start <= at && at < self.end;
        self.file.filter(|_| is_shared).map(|file| (file, self.offset + (at - self.start)))
    }
}

/// Whether stores are seen by others that map the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// `MAP_PRIVATE`.
    Private,
    /// `MAP_SHARED`.
    Shared,
}

/// How many mappings of one file in a row are looked at to find an image's base.
const CHAIN: usize = 64;

/// How much room the heap behind the program gets to grow.
const HEAP_ROOM: u64 = 256 << 20;

/// The gap that the kernel keeps below a stack, and what it may grow by unless the
/// limit says otherwise.
const STACK_GAP: u64 = 1 << 20;

/// What stands at `at`, where no region of ours is; `user_end` is the end of what is free behind the last mapping.
pub fn foreign(maps: &MapsFile, at: u64, user_end: u64) -> sys::Result<ForeignRun> {
    let opened = maps.open()?;
    let fd = opened.raw();
    match at_or_after(fd, at)? {
        None => Ok(free(at, user_end)),
        Some(mapping) if mapping.start > at => Ok(free(at, mapping.start.min(user_end))),
        Some(mapping) => describe(fd, &mapping),
    }
}

const fn free(start: u64, end: u64) -> ForeignRun {
    ForeignRun { start, end, standing: Standing::Free }
}

fn describe(fd: i32, mapping: &Mapping) -> sys::Result<ForeignRun> {
    let protection = mapping.access.as_protection();
    let (backing, allocation, initial) = match (mapping.file, mapping.sharing) {
        (None, _) => (Backing::Private, mapping.start, protection),
        (Some(_), Sharing::Shared) => (Backing::View, mapping.start, protection),
        (Some(_), Sharing::Private) => file_view(fd, mapping)?,
    };
    let standing = Standing::Mapped { protection, initial, allocation, backing };
    Ok(ForeignRun { start: mapping.start, end: mapping.end, standing })
}

/// A private view of a file: an image if any mapping of the same file in the same
/// row is executable, and then the base is that of the row.
fn file_view(fd: i32, mapping: &Mapping) -> sys::Result<(Backing, u64, Protection)> {
    let mut first = *mapping;
    let mut last = *mapping;
    let mut executable = mapping.access.contains(Access::EXECUTE);
    for _ in 0..CHAIN {
        let before = match first.start.checked_sub(1) {
            Some(below) => at_or_after(fd, below)?,
            None => None,
        };
        match before.filter(|before| before.end == first.start && before.file == first.file) {
            Some(before) => first = before,
            None => break,
        }
        executable |= first.access.contains(Access::EXECUTE);
    }
    for _ in 0..CHAIN {
        if executable {
            break;
        }
        match at_or_after(fd, last.end)?.filter(|next| next.start == last.end && next.file == last.file) {
            Some(next) => last = next,
            None => break,
        }
        executable |= last.access.contains(Access::EXECUTE);
    }
    if executable {
        Ok((Backing::Image, first.start, Protection::READ_COPY_EXECUTE))
    } else {
        Ok((Backing::View, mapping.start, mapping.access.as_protection()))
    }
}

/// The mapping that holds `at`, or the next above.
fn at_or_after(fd: i32, at: u64) -> sys::Result<Option<Mapping>> {
    search(fd, at, Access::empty())
}

/// The mapping that holds `at`, or the next above, of those with all the rights `wanted`.
fn search(fd: i32, at: u64, wanted: Access) -> sys::Result<Option<Mapping>> {
    let rights = [
        (Access::READ, procmap::READABLE),
        (Access::WRITE, procmap::WRITABLE),
        (Access::EXECUTE, procmap::EXECUTABLE),
    ];
    let bits = rights.iter().filter(|(right, _)| wanted.contains(*right)).map(|(_, bit)| bit);
    let flags = bits.fold(procmap::COVERING_OR_NEXT, |flags, bit| flags | bit);
    match sys::procmap_query(fd, at as usize, flags, &mut []) {
        Ok(found) => Ok(found.map(|found| from_query(&found))),
        Err(Errno::ENOTTY | Errno::EINVAL | Errno::ENOSYS) => from_text(fd, at, wanted),
        Err(error) => Err(error),
    }
}

fn from_query(found: &sys::ProcmapQuery) -> Mapping {
    let mut access = Access::empty();
    access.set(Access::READ, found.vma_flags & procmap::READABLE != 0);
    access.set(Access::WRITE, found.vma_flags & procmap::WRITABLE != 0);
    access.set(Access::EXECUTE, found.vma_flags & procmap::EXECUTABLE != 0);
    let shared = found.vma_flags & procmap::SHARED != 0;
    let device = u64::from(found.dev_major) << 32 | u64::from(found.dev_minor);
    Mapping {
        start: found.vma_start,
        end: found.vma_end,
        access,
        sharing: if shared { Sharing::Shared } else { Sharing::Private },
        file: (found.inode != 0).then_some((device, found.inode)),
        offset: found.vma_offset,
    }
}

fn from_text(fd: i32, at: u64, wanted: Access) -> sys::Result<Option<Mapping>> {
    let mut found = None;
    each_line(fd, &mut [0; FEW_LINES], &mut |line| match parse(line) {
        Some((mapping, _)) if mapping.end > at && mapping.access.contains(wanted) => {
            found = Some(mapping);
            ControlFlow::Break(())
        }
        Some(_) | None => ControlFlow::Continue(()),
    })?;
    Ok(found)
}

fn open_maps() -> sys::Result<Fd> {
    sys::open(c"/proc/thread-self/maps", OpenMode::Read)
}

/// Visits every mapping of this process, ascending, with its name as `/proc` has it
/// (cut off when it is very long).
pub fn each_mapping(visit: &mut dyn FnMut(&Mapping, &[u8])) -> sys::Result<()> {
    let maps = open_maps()?;
    each_line(maps.raw(), &mut [0; 8192], &mut |line| {
        if let Some((mapping, name)) = parse(line) {
            visit(&mapping, name);
        }
        ControlFlow::Continue(())
    })
}

/// Reports every mapping, with the room that heap and stack need to grow.
pub(super) fn occupied(report: &mut dyn FnMut(PageRange)) -> sys::Result<()> {
    each_mapping(&mut |mapping, name| {
        let (mut start, mut end) = (mapping.start, mapping.end);
        if name == b"[heap]" {
            end = end.saturating_add(HEAP_ROOM);
        }
        if name == b"[stack]" {
            let limit = sys::stack_limit().unwrap_or(8 << 20).min(128 << 20);
            let deepest = mapping.end.saturating_sub(limit).saturating_sub(STACK_GAP);
            start = start.min(deepest & !0xfff);
        }
        if let Some(range) = PageRange::between(start, end) {
            report(range);
        }
    })
}

/// Bytes of the list that a query has on its stack at a time: a signal handler may have
/// 8 KiB for everything. What stands before a name takes less than 128.
const FEW_LINES: usize = 1024;

/// Reads the list from its start, line by line, through `buffer`. A line longer than that
/// (a very long path) is cut off.
fn each_line(fd: i32, buffer: &mut [u8], visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> sys::Result<()> {
    let (mut held, mut offset, mut skipping) = (0, 0, false);
    loop {
        let got = sys::pread(fd, &mut buffer[held..], offset)?;
        if got == 0 {
            return Ok(());
        }
        offset += got as u64;
        let filled = held + got;
        let mut line = 0;
        while let Some(length) = buffer[line..filled].iter().position(|byte| *byte == b'\n') {
            if !skipping && visit(&buffer[line..line + length]).is_break() {
                return Ok(());
            }
            skipping = false;
            line += length + 1;
        }
        buffer.copy_within(line..filled, 0);
        held = filled - line;
        if held == buffer.len() {
            if !skipping && visit(buffer).is_break() {
                return Ok(());
            }
            (skipping, held) = (true, 0);
        }
    }
}

/// Takes `start-end perms offset major:minor inode   name` apart.
fn parse(line: &[u8]) -> Option<(Mapping, &[u8])> {
    let mut fields = line.splitn(6, |byte| *byte == b' ');
    let mut ends = fields.next()?.split(|byte| *byte == b'-');
    let (start, end) = (number(ends.next()?, 16)?, number(ends.next()?, 16)?);
    let flags = fields.next()?;
    let offset = number(fields.next()?, 16)?;
    let mut device = fields.next()?.split(|byte| *byte == b':');
    let device = number(device.next()?, 16)? << 32 | number(device.next()?, 16)?;
    let inode = number(fields.next()?, 10)?;
    let name = fields.next().unwrap_or_default().trim_ascii_start();
    let mut access = Access::empty();
    access.set(Access::READ, flags.first() == Some(&b'r'));
    access.set(Access::WRITE, flags.get(1) == Some(&b'w'));
    access.set(Access::EXECUTE, flags.get(2) == Some(&b'x'));
    let sharing = if flags.get(3) == Some(&b's') { Sharing::Shared } else { Sharing::Private };
    let file = (inode != 0).then_some((device, inode));
    Some((Mapping { start, end, access, sharing, file, offset }, name))
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        let digit = char::from(*byte).to_digit(radix)?;
        sum.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let line = b"7f00-8f00 r-xp 00001000 fe:01 1234   /usr/lib/a b.so";
        let (mapping, name) = parse(line).expect("well-formed");
        assert_eq!((mapping.start, mapping.end), (0x7f00, 0x8f00));
        assert_eq!(mapping.access, Access::READ | Access::EXECUTE);
        assert_eq!((mapping.file, mapping.offset), (Some((0xfe_0000_0001, 1234)), 0x1000));
        assert_eq!(name, b"/usr/lib/a b.so");
        assert_eq!(parse(b"nonsense"), None);
    }

    #[test]
    fn text_and_query_tell_the_same() {
        let fd = open_maps().expect("/proc is mounted");
        let local = 0_u8;
        let places = [&raw const local as u64, parse as *const () as u64, 0x1000];
        let rights = [Access::empty(), Access::EXECUTE];
        for (at, wanted) in places.into_iter().flat_map(|at| rights.map(|wanted| (at, wanted))) {
            let text = from_text(fd.raw(), at, wanted).expect("readable");
            assert_eq!(search(fd.raw(), at, wanted).expect("readable"), text, "{at:#x} {wanted:?}");
        }
    }

    #[test]
    fn lines_are_whole_or_cut_off_however_short_the_buffer_is() {
        let file = sys::memfd_create(c"pagewright-test").expect("a memfd");
        let long = [b'x'; 300];
        for line in [&b"first"[..], &long, b"", b"last"] {
            sys::write(file.raw(), line).and_then(|_| sys::write(file.raw(), b"\n")).expect("room");
        }
        let mut lines = std::vec::Vec::new();
        each_line(file.raw(), &mut [0; 128], &mut |line| {
            lines.push(line.len());
            ControlFlow::Continue(())
        })
        .expect("readable");
        assert_eq!(lines, [5, 128, 0, 4]);
    }

    mod handler {
        use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

        use super::*;
        use crate::sys::{Backing, Place, Prot};

        /// What a handler has at least, for the kernel's part of it too; and what a query may
        /// take. Code that is not optimised takes more.
        const STACK: usize = if cfg!(debug_assertions) { 16384 } else { 8192 };
        const QUERY: u64 = if cfg!(debug_assertions) { 8192 } else { 2048 };
        const SIGURG: i32 = 23;
        const PAINT: u8 = 0xa5;

        /// The C library's own: the same on every one for this processor.
        #[repr(C)]
        struct SigAction {
            handler: extern "C" fn(i32),
            mask: [u64; 16],
            flags: i32,
            restorer: usize,
        }

        #[repr(C)]
        struct StackOf {
            at: usize,
            flags: i32,
            bytes: usize,
        }

        unsafe extern "C" {
            fn sigaction(signal: i32, new: *const SigAction, old: *mut SigAction) -> i32;
            fn sigaltstack(new: *const StackOf, old: *mut StackOf) -> i32;
            fn raise(signal: i32) -> i32;
        }

        /// Where to ask; below zero: wherever the kernel likes best.
        static MAPS: AtomicI32 = AtomicI32::new(-1);
        static HERE: AtomicU64 = AtomicU64::new(0);
        static ALLOCATION: AtomicU64 = AtomicU64::new(0);

        extern "C" fn ask(_signal: i32) {
            let local = 0_u8;
            HERE.store(&raw const local as u64, Ordering::Relaxed);
            let maps = match MAPS.load(Ordering::Relaxed) {
                // SAFETY: the descriptor is the test's, and is not closed here.
                fd @ 0.. => MapsFile::Held(unsafe { Fd::from_raw(fd) }),
                _ => MapsFile::OnDemand,
            };
            // Code of this program: its image is looked for up and down.
            let found = foreign(&maps, parse as *const () as u64, u64::MAX);
            core::mem::forget(maps);
            if let Ok(ForeignRun { standing: Standing::Mapped { allocation, .. }, .. }) = found {
                ALLOCATION.store(allocation, Ordering::Relaxed);
            }
        }

        /// The bytes of stack that the question took, and what it answered.
        fn asked_in_a_handler(maps: i32) -> (u64, u64) {
            MAPS.store(maps, Ordering::Relaxed);
            ALLOCATION.store(0, Ordering::Relaxed);
            // SAFETY: new memory, the lower page of which nobody may use; the handler is taken
            // back before it goes. The signal is ignored without a handler.
            unsafe {
                let at =
                    sys::mmap(Place::Anywhere, STACK + 4096, Prot::NONE, Backing::Anonymous).expect("memory");
                let low = at + 4096;
                sys::mprotect(low, STACK, Prot::READ_WRITE).expect("ours");
                core::ptr::write_bytes(low as *mut u8, PAINT, STACK);
                let mut before = StackOf { at: 0, flags: 0, bytes: 0 };
                let stack = StackOf { at: low, flags: 0, bytes: STACK };
                assert_eq!(sigaltstack(&raw const stack, &raw mut before), 0);
                // SA_ONSTACK.
                let action = SigAction { handler: ask, mask: [0; 16], flags: 0x0800_0000, restorer: 0 };
                let mut old = core::mem::MaybeUninit::<SigAction>::uninit();
                assert_eq!(sigaction(SIGURG, &raw const action, old.as_mut_ptr()), 0);
                raise(SIGURG);
                sigaction(SIGURG, old.as_ptr(), core::ptr::null_mut());
                sigaltstack(&raw const before, core::ptr::null_mut());
                let painted = core::slice::from_raw_parts(low as *const u8, STACK);
                let left = painted.iter().take_while(|byte| **byte == PAINT).count();
                sys::munmap(at, STACK + 4096).expect("ours");
                let here = HERE.load(Ordering::Relaxed);
                assert!((low as u64..(low + STACK) as u64).contains(&here), "it ran on that stack");
                (here - (low + left) as u64, ALLOCATION.load(Ordering::Relaxed))
            }
        }

        #[test]
        fn a_query_fits_on_the_stack_of_a_handler() {
            // A file that is not the kernel's own list is read as text.
            let text = std::fs::read("/proc/thread-self/maps").expect("/proc is mounted");
            let copy = sys::memfd_create(c"pagewright-test").expect("a memfd");
            assert_eq!(sys::write(copy.raw(), &text), Ok(text.len()));
            let (by_query, found) = asked_in_a_handler(-1);
            let (by_text, read) = asked_in_a_handler(copy.raw());
            std::println!("a query takes {by_query} bytes of stack, by text {by_text}");
            assert!(found != 0 && found == read, "{found:#x} {read:#x}");
            assert!(by_query.max(by_text) <= QUERY, "{by_query} {by_text}");
        }
    }
}

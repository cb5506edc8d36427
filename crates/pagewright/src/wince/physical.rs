//! Physical windows: the parts of physical memory that this process was granted.
//!
//! ```text
//!   grant     administrator     base, length, a descriptor that maps there
//!   lookup    PAGE_PHYSICAL     address -> window, or ERROR_ACCESS_DENIED
//!   view      a mapping of the descriptor over reserved pages
//! ```
//!
//! There is no way to memory that nobody granted: an address that is in no window is
//! refused, and `/dev/mem` is no window.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, PoisonError, RwLock};

use pagewright_core::wire::{FileId, Holder, Lease};
use pagewright_core::{Geometry, Kind, Onto, PageRange, Protection, Rights, Verb};
use pagewright_linux::sys;
use rustix::fs::{FileType, SealFlags};

use super::alias::View;
use super::failure::Failure;
use super::mode::KernelMode;
use crate::own;
use crate::process::{Process, Which};
use crate::share::{Edges, Receipt};

/// A part of physical memory, and the descriptor through which it can be mapped: of a
/// device, a UIO map, a VFIO region, a dma-buf; for tests also of a memory file.
#[derive(Debug)]
pub struct PhysicalWindow {
    /// The physical address of its first byte, at a page boundary.
    pub base: u64,
    /// How many bytes, whole pages.
    pub length: u64,
    /// What is mapped. Processes that the window is shown in hold it open.
    pub descriptor: OwnedFd,
    /// Where in it the window begins, at a page boundary.
    pub offset: u64,
    /// What views of it may be used for.
    pub permit: Permit,
}

/// What views of a window may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Loads, and instruction fetch. The kernel keeps to it for certain only if the
    /// descriptor is open for reading alone.
    Read,
    /// Stores as well.
    ReadWrite,
}

impl Permit {
    const fn ceiling(self) -> Rights {
        match self {
            Self::Read => Rights::READ.union(Rights::EXECUTE),
            Self::ReadWrite => Rights::USUAL,
        }
    }
}

/// What a window is revoked by. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowId(u64);

/// A window that can be mapped.
#[derive(Debug)]
struct Window {
    id: WindowId,
    range: PageRange,
    descriptor: OwnedFd,
    offset: u64,
    ceiling: Rights,
}

/// All windows of this process; they do not overlap.
#[derive(Debug)]
struct Table {
    next: u64,
    windows: Vec<Arc<Window>>,
}

static TABLE: RwLock<Table> = RwLock::new(Table { next: 1, windows: Vec::new() });

const PAGE: u64 = Geometry::X86_64.page;

/// Grants this process, all of its threads in user mode too, a part of physical memory.
///
/// # Errors
/// 87 when the numbers are not whole pages, when the window overlaps one that was granted
/// before, or when the descriptor's file ends before it; 5 for `/dev/mem` and its like,
/// and for a descriptor that was not opened for what the window permits.
pub fn grant_physical_window(_: &KernelMode, window: PhysicalWindow) -> Result<WindowId, Failure> {
    let range = whole_pages(&window)?;
    check_descriptor(&window)?;
    let PhysicalWindow { descriptor, offset, permit, .. } = window;
    own::watch_forks();
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    if table.windows.iter().any(|other| other.range.overlaps(range)) {
        let fix = "it overlaps a window that was granted before; revoke that one first";
        return Err(Failure::argument("base", range.start().get(), fix));
    }
    Ok(table.add(range, descriptor, offset, permit.ceiling()))
}

/// Takes a window back. Views of it stay until they are freed.
///
/// # Errors
/// 87 when it was taken back before.
pub fn revoke_physical_window(_: &KernelMode, window: WindowId) -> Result<(), Failure> {
    let gone = revoke(window);
    gone.then_some(()).ok_or(Failure::argument("window", window.0, "it was revoked before"))
}

/// The windows of this process: what each is revoked by, its base and its length.
pub fn physical_windows() -> Vec<(WindowId, u64, u64)> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    let plain = |window: &Arc<Window>| (window.id, window.range.start().get(), window.range.bytes());
    table.windows.iter().map(plain).collect()
}

impl Table {
    fn add(&mut self, range: PageRange, descriptor: OwnedFd, offset: u64, ceiling: Rights) -> WindowId {
        let id = WindowId(self.next);
        self.next += 1;
        self.windows.push(Arc::new(Window { id, range, descriptor, offset, ceiling }));
        id
    }
}

/// Grants a window at the first free multiple of `alignment` in `within`: its id and base.
pub(super) fn grant_somewhere(
    within: PageRange,
    length: u64,
    alignment: u64,
    descriptor: OwnedFd,
) -> Option<(WindowId, u64)> {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let mut at = within.start().get().checked_next_multiple_of(alignment)?;
    loop {
        let range = PageRange::between(at, at.checked_add(length)?)?;
        if range.end() > within.end() {
            return None;
        }
        match table.windows.iter().find(|other| other.range.overlaps(range)) {
            Some(other) => at = other.range.end().get().checked_next_multiple_of(alignment)?,
            None => return Some((table.add(range, descriptor, 0, Rights::USUAL), at)),
        }
    }
}

/// Whether there was such a window.
pub(super) fn revoke(window: WindowId) -> bool {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let before = table.windows.len();
    table.windows.retain(|other| other.id != window);
    table.windows.len() < before
}

/// Shows physical memory in a process.
pub(super) fn show(to: &Process, onto: Onto, at: u64, view: &View) -> Result<Receipt, Failure> {
    let View { size, protection, edges, .. } = *view;
    let fail = |kind| Failure::core(Verb::Alias, kind, at, size);
    let pages = Geometry::X86_64.touched(at, size).map_err(|bad| fail(bad.into()))?;
    let aligned = pages.start().get() == at && pages.bytes() == size;
    match edges {
        Edges::Strict if !aligned => return Err(fail(Kind::Misaligned)),
        Edges::Split if !aligned => {
            return Err(Failure::unsupported(
                "a part of a physical page cannot be copied, since reading it may have effects; give whole pages",
            ));
        }
        Edges::Strict | Edges::Split | Edges::Whole => {}
    }
    let window = find(pages)?;
    if !window.ceiling.contains(protection.rights) {
        return Err(fail(Kind::AboveCeiling));
    }
    let onto = match onto {
        Onto::Reserved(at) => Onto::Reserved(Geometry::X86_64.page_down(at)),
        fresh @ (Onto::Fresh(_) | Onto::View(_)) => fresh,
    };
    let range = match &to.which {
        Which::Own => window.show_here(pages, onto, protection)?,
        Which::Other(remote) => remote.import(&[window.lease(pages)?], onto, protection)?,
    };
    let base = range.start().get() + at % PAGE;
    Ok(Receipt { base, size, range, shared: size, copied: 0, exposed: range.bytes() - size })
}

/// Keeps everybody else from the windows, for a fork.
pub(super) fn hold() -> Option<own::Held> {
    own::hold_rw_lock(&TABLE)
}

/// The window that holds all of `pages`.
fn find(pages: PageRange) -> Result<Arc<Window>, Failure> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    let found = table.windows.iter().find(|window| window.range.covers(pages)).cloned();
    found.ok_or(Failure::denied(
        "this physical memory is in no window that was granted to this process; have the administrator grant it",
    ))
}

impl Window {
    /// The number of the first of these pages in the descriptor's file.
    fn first(&self, pages: PageRange) -> u64 {
        (self.offset + (pages.start().get() - self.range.start().get())) / PAGE
    }

    fn show_here(&self, pages: PageRange, onto: Onto, protection: Protection) -> Result<PageRange, Failure> {
        let descriptor = self.descriptor.try_clone().map_err(|_| no_descriptor())?;
        let numbers = (self.first(pages), pages.bytes() / PAGE);
        Ok(own::import_descriptor(descriptor, numbers, self.ceiling, onto, protection)?)
    }

    /// How another process gets at these pages: it opens the file through the entry of
    /// this process in `/proc`. Devices cannot be opened like that.
    fn lease(&self, pages: PageRange) -> Result<Lease, Failure> {
        let stat = rustix::fs::fstat(&self.descriptor).map_err(|_| lost())?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Failure::unsupported(
                "a device can be shown in this process alone; have the other one open it itself",
            ));
        }
        let descriptor = self.descriptor.as_raw_fd();
        let (device, inode) = sys::file_id(descriptor).map_err(|_| lost())?;
        Ok(Lease {
            first: self.first(pages),
            pages: pages.bytes() / PAGE,
            ceiling: self.ceiling,
            file: FileId { device, inode },
            holder: Holder { descriptor: descriptor.unsigned_abs(), ..own::holder() },
        })
    }
}

fn no_descriptor() -> Failure {
    Failure::exhausted("there is no descriptor left; close some files")
}

fn lost() -> Failure {
    Failure::denied("somebody has closed the descriptor of this window; grant it again")
}

fn whole_pages(window: &PhysicalWindow) -> Result<PageRange, Failure> {
    let PhysicalWindow { base, length, offset, .. } = *window;
    let fix = "give a multiple of the page size";
    for (what, value) in [("base", base), ("length", length), ("offset", offset)] {
        if value % PAGE != 0 {
            return Err(Failure::argument(what, value, fix));
        }
    }
    if offset.checked_add(length).is_none_or(|end| end > i64::MAX as u64) {
        return Err(Failure::argument("offset", offset, "offset plus length is too high for a file"));
    }
    Geometry::X86_64.touched(base, length).map_err(|bad| Failure::core(Verb::Alias, bad.into(), base, length))
}

fn check_descriptor(window: &PhysicalWindow) -> Result<(), Failure> {
    let descriptor = &window.descriptor;
    let stat = rustix::fs::fstat(descriptor).map_err(|_| lost())?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    // Major 1 are the devices of all memory.
    if kind == FileType::CharacterDevice && rustix::fs::major(stat.st_rdev) == 1 {
        return Err(Failure::denied("all of memory is no window; grant the device that owns the range"));
    }
    let mode = rustix::fs::fcntl_getfl(descriptor).map_err(|_| lost())?;
    let access = mode & rustix::fs::OFlags::RWMODE;
    let suits = match window.permit {
        Permit::Read => access != rustix::fs::OFlags::WRONLY,
        Permit::ReadWrite => access == rustix::fs::OFlags::RDWR,
    };
    if !suits {
        return Err(Failure::denied(
            "the descriptor was not opened for what the window permits; open it again",
        ));
    }
    if kind == FileType::RegularFile {
        check_file(window, stat.st_size.unsigned_abs())?;
    }
    Ok(())
}

/// Memory beyond the end of a file is a signal. So it must reach far enough, and stay.
fn check_file(window: &PhysicalWindow, size: u64) -> Result<(), Failure> {
    if window.offset + window.length > size {
        return Err(Failure::argument("length", window.length, "the file ends before the window does"));
    }
    let sealed = rustix::fs::fcntl_add_seals(&window.descriptor, SealFlags::SHRINK).is_ok()
        || rustix::fs::fcntl_get_seals(&window.descriptor)
            .is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
    if sealed {
        return Ok(());
    }
    Err(Failure::denied("a file that can shrink is no window; use a memory file that can be sealed"))
}

//! The verbs of Mach over any address space: words in, values out.

mod advice;
mod allocate;
mod copy;
mod map;
mod protect;
mod region;
mod remap;
mod target;

use pagewright_core::{
    Birth, Limit, Map, MapPlace, Overwrite, PageRange, Protection, Restrict, Rights, Unmap,
};

pub use map::Mapping;
pub(super) use region::Pages;
pub use region::Region;
pub use remap::Remapping;
pub(super) use remap::{Granted, Remapped, Source};
pub(super) use target::Target;

use super::code::{KernReturn, Result};
use super::constants::{VM_FLAGS_ANYWHERE, VM_FLAGS_OVERWRITE, VM_FLAGS_PERMANENT};
use super::permanent;
use super::profile::{Profile, SMALL, profile};
use super::sanitize::{Span, trunc};
use crate::memory::Memory;
use crate::process::Process;

/// From this size on, new memory of the own task lies where a copy of it moves no byte.
const LARGE: u64 = 256 << 10;

/// A task: an address space with the contract of Mach. Pages have 4 KiB.
///
/// Each method is the call of that name without the task, pointers turned into results.
/// Where it does not say otherwise a refused call has changed nothing.
///
/// ```
/// use pagewright::mach::{self, Task};
/// use pagewright::soft::Guest;
/// use pagewright::Memory;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let guest = Guest::new();
/// let task = Task::new(&guest);
/// let a = task.allocate(0, 0x2000, mach::VM_FLAGS_ANYWHERE)?;
/// let b = task.allocate(0, 0x2000, mach::VM_FLAGS_ANYWHERE)?;
/// guest.write(a, b"hello")?;
/// task.copy(a, 5, b)?;
/// let mut bytes = [0; 5];
/// guest.read(b, &mut bytes)?;
/// assert_eq!(&bytes, b"hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Task<'m, M: ?Sized> {
    pub(super) memory: &'m M,
    home: Home,
}

/// Whose memory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    /// This process's, by way of the calls: large new memory lies in an object, and
    /// permanent mappings are kept.
    Own,
    /// Any other.
    Other,
}

impl<M: ?Sized> Clone for Task<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: ?Sized> Copy for Task<'_, M> {}

impl<'m> Task<'m, Process> {
    /// The task of a process.
    pub(super) fn of(process: &'m Process) -> Self {
        let home = if process.is_current() { Home::Own } else { Home::Other };
        Self { memory: process, home }
    }
}

/// Which way memory is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
    /// It only must be there.
    Presence,
}

impl<'m, M: Memory + ?Sized> Task<'m, M> {
    /// The task whose memory this is.
    pub const fn new(memory: &'m M) -> Self {
        Self { memory, home: Home::Other }
    }

    fn birth(&self, size: u64) -> Birth {
        match self.home {
            Home::Own if size >= LARGE => Birth::Shared,
            Home::Own | Home::Other => Birth::Private,
        }
    }

    /// The permanent mappings in a range, which whoever is about to remove or replace them
    /// has made useless by that (A9, D7).
    fn seal_permanent(&self, range: Span) -> Result<Vec<Span>> {
        match self.home {
            Home::Other => return Ok(Vec::new()),
            Home::Own => {}
        }
        let parts = permanent::parts_of(range);
        for Span { at, size } in parts.iter().copied() {
            let (rights, limit) = (Rights::empty(), Limit::Maximum);
            self.memory.restrict(&Restrict { at, size, rights, limit })?;
        }
        Ok(parts)
    }

    /// Whether some of a range is permanent.
    fn has_permanent(&self, range: Span) -> bool {
        self.home == Home::Own && !permanent::parts_of(range.pages()).is_empty()
    }

    /// Whether a mapping may take the place of what is there.
    pub(super) fn may_replace(&self, place: MapPlace, size: u64, overwrite: Overwrite) -> Result<()> {
        match (place, overwrite) {
            (MapPlace::Fixed(at), Overwrite::Replace) => {
                let range = Span { at: trunc(at), size };
                let parts = self.seal_permanent(range)?;
                if parts.is_empty() { Ok(()) } else { Err(KernReturn::NO_SPACE) }
            }
            (MapPlace::Fixed(_), Overwrite::Refuse) | (MapPlace::Above(_), _) => Ok(()),
        }
    }

    /// Notes that a mapping is permanent, if it is to be.
    fn note_permanent(&self, range: PageRange, flags: i32) {
        if self.home == Home::Own && flags & VM_FLAGS_PERMANENT != 0 {
            permanent::add(Span { at: start(range), size: range.bytes() });
        }
    }

    /// The first problem in address order (R6, R7, C8 to C20): `KERN_INVALID_ADDRESS` for a
    /// hole, `KERN_PROTECTION_FAILURE` for a page that may not be used that way.
    pub(super) fn inspect(&self, span: Span, usage: Use) -> Result<()> {
        let pages = span.pages();
        let mut at = pages.at;
        while at < pages.end() {
            let found = self.memory.survey(at)?;
            if found.base > at {
                return Err(KernReturn::INVALID_ADDRESS);
            }
            if !permits(found.protection, usage) {
                return Err(KernReturn::PROTECTION_FAILURE);
            }
            at = found.base + found.size;
        }
        Ok(())
    }

    /// Fresh private memory for `size` bytes anywhere, which the caller fills.
    pub(super) fn buffer(&self, size: u64) -> Result<u64> {
        Ok(self.memory.map(&Map::new(size))?.start().get())
    }

    /// Takes memory away that was made just now.
    pub(super) fn discard(&self, at: u64, size: u64) {
        // It is ours, and nobody knows of it yet: only a dying process can refuse.
        let _ = self.memory.unmap(&Unmap { at, size });
    }
}

fn permits(protection: Protection, usage: Use) -> bool {
    let rights = protection.rights;
    match usage {
        Use::Read => rights.contains(Rights::READ),
        Use::Write => rights.intersects(Rights::WRITE.union(Rights::COPY)),
        Use::Presence => true,
    }
}

/// Where flags and an address put a mapping.
pub(super) const fn place(at: u64, flags: i32) -> MapPlace {
    if flags & VM_FLAGS_ANYWHERE != 0 { MapPlace::Above(at) } else { MapPlace::Fixed(at) }
}

/// Whether a mapping takes the place of another.
pub(super) const fn overwrite(flags: i32) -> Overwrite {
    if flags & VM_FLAGS_OVERWRITE != 0 { Overwrite::Replace } else { Overwrite::Refuse }
}

/// The code of a small transfer, as the profile has it (R8, W5, C9, C16).
pub(super) fn of_size(code: KernReturn, size: u64) -> KernReturn {
    let small = profile() == Profile::Xnu && size <= SMALL;
    if small && code == KernReturn::PROTECTION_FAILURE { KernReturn::INVALID_ADDRESS } else { code }
}

/// The first address of a range that was made.
pub(super) const fn start(range: PageRange) -> u64 {
    range.start().get()
}

//! `vm_allocate`, `vm_deallocate`.

use pagewright_core::{Map, MapPlace, Unmap};

use super::super::code::{KernReturn, Result};
use super::super::constants::{
    VM_FLAGS_ANYWHERE, VM_FLAGS_PURGABLE, VM_FLAGS_SUPERPAGE_MASK, VM_FLAGS_SUPERPAGE_SIZE_2MB,
    VM_FLAGS_SUPERPAGE_SIZE_ANY, VM_FLAGS_TPRO, VM_FLAGS_USER_ALLOCATE,
};
use super::super::permanent;
use super::super::sanitize::{ARGUMENTS, Span, allocation, rounded};
use super::{Task, overwrite, start};
use crate::memory::Memory;

/// What large pages are aligned to.
const SUPERPAGE: u64 = 2 << 20;

impl<M: Memory + ?Sized> Task<'_, M> {
    /// Allocates zeros: anywhere, at the lowest address that fits (A2 to A4), or in the
    /// pages from the one on that holds `at` (A5). Answers where; 0 for no bytes (A1).
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for flags that are none (A12, A13) and sizes that round to 0
    /// (A11), `KERN_INVALID_ADDRESS` outside of the task (A6), `KERN_NO_SPACE` where
    /// something is (A7) or nothing fits (A10), `KERN_RESOURCE_SHORTAGE`.
    pub fn allocate(&self, at: u64, size: u64, flags: i32) -> Result<u64> {
        let mask = check_flags(size, flags)?;
        if size == 0 {
            return Ok(0);
        }
        let (place, size) = if flags & VM_FLAGS_ANYWHERE != 0 {
            // A3: a hint is no hint.
            (MapPlace::Above(0), rounded(size).ok_or(KernReturn::INVALID_ARGUMENT)?)
        } else {
            let span = allocation(at, size)?;
            (MapPlace::Fixed(span.at), span.size)
        };
        let map = Map { place, mask, overwrite: overwrite(flags), birth: self.birth(size), ..Map::new(size) };
        self.may_replace(place, size, map.overwrite)?;
        let made = self.memory.map(&map)?;
        self.note_permanent(made, flags);
        Ok(start(made))
    }

    /// Takes every page that is touched away, whoever allocated it; holes do not matter
    /// (D1 to D3), nor does what lies outside of the task (D6).
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for ranges that wrap around (D4, D5), and
    /// `KERN_INVALID_ADDRESS` when the program or a library mapped a part itself.
    pub fn deallocate(&self, at: u64, size: u64) -> Result<()> {
        let Some(span) = ARGUMENTS.check(at, size)? else { return Ok(()) };
        if span.end() > self.memory.highest() + 1 {
            return Ok(());
        }
        let kept = self.seal_permanent(span.pages())?;
        if kept.is_empty() {
            self.memory.unmap(&Unmap { at, size })?;
            return Ok(());
        }
        for Span { at, size } in permanent::around(span.pages(), &kept) {
            self.memory.unmap(&Unmap { at, size })?;
        }
        Ok(())
    }
}

/// Whether the flags are some, and the bits that an address may not have.
fn check_flags(size: u64, flags: i32) -> Result<u64> {
    let bad = Err(KernReturn::INVALID_ARGUMENT);
    if flags & !VM_FLAGS_USER_ALLOCATE != 0 {
        return bad; // A12
    }
    match flags & VM_FLAGS_SUPERPAGE_MASK {
        0 => Ok(0),
        _ if flags & (VM_FLAGS_PURGABLE | VM_FLAGS_TPRO) != 0 => bad, // A13
        VM_FLAGS_SUPERPAGE_SIZE_ANY => Ok(SUPERPAGE - 1),
        VM_FLAGS_SUPERPAGE_SIZE_2MB if size.is_multiple_of(SUPERPAGE) => Ok(SUPERPAGE - 1),
        _ => bad,
    }
}

//! The heap of the resident: arenas from the kernel, blocks in powers of two.
//!
//! Small blocks are carved from arenas and kept in one list of free blocks per size;
//! large ones are mappings of their own. Every mapping is on record, so that all of
//! them can be given back when the resident leaves.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};

use pagewright_linux::sys::{self, Backing, Place, Prot};

/// The smallest block.
const LEAST: usize = 16;
/// The largest block that comes from an arena.
const MOST: usize = 64 << 10;
/// Sizes of blocks: 16, 32, … 64 Ki.
const CLASSES: usize = 13;
/// Bytes of an arena.
const ARENA: usize = 256 << 10;
/// How many mappings can be on record. Arenas hold two megabytes of page tables
/// each eight, so this is a map of billions of pages.
const RECORDS: usize = 2048;
/// The largest mapping that is kept when its block is freed: lists of runs of pages are asked for again
/// and again, and fresh memory costs a fault for each page of it.
const KEPT: usize = 256 << 10;
/// What large blocks are rounded to.
const PAGE: usize = 4096;

/// A heap for one thread.
#[derive(Debug)]
pub struct Heap {
    inner: UnsafeCell<Inner>,
}

// SAFETY: the resident has one thread, and tests give each thread its own heap.
unsafe impl Sync for Heap {}

#[derive(Debug)]
struct Inner {
    /// The first free block of each size; each block begins with a link to the next.
    free: [Option<NonNull<FreeBlock>>; CLASSES],
    /// What is left of the newest arena.
    rest: (usize, usize),
    /// A mapping whose block was freed, for the next large one: address and length, which is on record.
    kept: Option<(usize, usize)>,
    /// Every mapping: address and length, length 0 for none.
    mappings: [(usize, usize); RECORDS],
}

#[derive(Debug)]
struct FreeBlock {
    next: Option<NonNull<FreeBlock>>,
}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

impl Heap {
    /// A heap without memory.
    pub const fn new() -> Self {
        let inner = Inner { free: [None; CLASSES], rest: (0, 0), kept: None, mappings: [(0, 0); RECORDS] };
        Self { inner: UnsafeCell::new(inner) }
    }

    /// Bytes that are mapped.
    pub fn mapped(&self) -> u64 {
        // SAFETY: one thread uses the heap, and no reference outlives a call.
        let inner = unsafe { &*self.inner.get() };
        inner.mappings.iter().map(|(_, length)| *length as u64).sum()
    }

    /// Gives every mapping back.
    ///
    /// # Safety
    /// Nothing that was allocated may be used again, or even dropped.
    pub unsafe fn give_back(&self) {
        // SAFETY: one thread uses the heap, and no reference outlives a call.
        let inner = unsafe { &mut *self.inner.get() };
        for (at, length) in &mut inner.mappings {
            if *length != 0 {
                // SAFETY: the mapping is ours, and the caller gave up what is in it.
                let _ = unsafe { sys::munmap(*at, *length) };
                *length = 0;
            }
        }
        (inner.free, inner.rest, inner.kept) = ([None; CLASSES], (0, 0), None);
    }
}

impl Inner {
    fn map(&mut self, length: usize) -> Option<usize> {
        let record = self.mappings.iter_mut().find(|(_, length)| *length == 0)?;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let at = unsafe { sys::mmap(Place::Anywhere, length, Prot::READ_WRITE, Backing::Anonymous) }.ok()?;
        // Only a label for who looks at the process; not every kernel has them.
        let _ = sys::name_mapping(at, length, c"pagewright");
        *record = (at, length);
        Some(at)
    }

    /// A mapping for one large block.
    fn large(&mut self, length: usize) -> Option<usize> {
        match self.kept.take_if(|(_, kept)| length <= *kept) {
            Some((at, _)) => Some(at),
            None => self.map(length),
        }
    }

    fn unmap(&mut self, at: usize) {
        if let Some(record) = self.mappings.iter_mut().find(|record| record.0 == at && record.1 != 0) {
            if self.kept.is_none() && record.1 <= KEPT {
                self.kept = Some(*record);
                return;
            }
            // SAFETY: the mapping is ours, and its one block was freed.
            let _ = unsafe { sys::munmap(record.0, record.1) };
            *record = (0, 0);
        }
    }

    fn block(&mut self, class: usize) -> Option<*mut u8> {
        if let Some(block) = self.free[class] {
            // SAFETY: blocks on the list are free, so nobody but us uses their link.
            self.free[class] = unsafe { block.as_ref() }.next;
            return Some(block.as_ptr().cast());
        }
        let size = LEAST << class;
        // Blocks are aligned to their size: `Layout`s ask for no more than that.
        let mut at = self.rest.0.next_multiple_of(size);
        if at + size > self.rest.1 {
            // The rest of the old arena is lost: at most an eighth of one.
            let arena = self.map(ARENA)?;
            self.rest = (arena, arena + ARENA);
            at = arena.next_multiple_of(size);
        }
        self.rest.0 = at + size;
        Some(at as *mut u8)
    }
}

/// The class of a layout; `None` if it gets a mapping of its own.
fn class(layout: Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(LEAST);
    (size <= MOST).then(|| (size.next_power_of_two() / LEAST).trailing_zeros() as usize)
}

// SAFETY: blocks are disjoint (carved once, listed when freed, never split), aligned
// to their size, and at least as large as asked; failure is null.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread uses the heap, and no reference outlives a call.
        let inner = unsafe { &mut *self.inner.get() };
        let block = match class(layout) {
            Some(class) => inner.block(class),
            None if layout.align() <= PAGE => {
                let length = layout.size().checked_next_multiple_of(PAGE);
                length.and_then(|length| inner.large(length)).map(|at| at as *mut u8)
            }
            None => None,
        };
        block.unwrap_or(null_mut())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: one thread uses the heap, and no reference outlives a call.
        let inner = unsafe { &mut *self.inner.get() };
        match (class(layout), NonNull::new(block.cast::<FreeBlock>())) {
            (Some(class), Some(block)) => {
                // SAFETY: the block is free now, large enough for a link, and aligned.
                unsafe { block.write(FreeBlock { next: inner.free[class] }) };
                inner.free[class] = Some(block);
            }
            (None, Some(block)) => inner.unmap(block.as_ptr() as usize),
            (_, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn blocks_are_aligned_disjoint_and_reused() {
        let heap = std::boxed::Box::new(Heap::new());
        let mut seed = 0x5eed_0003_u64;
        let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
        for step in 0..20_000_u32 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            if live.len() > 50 || (seed & 1 == 0 && !live.is_empty()) {
                let (block, layout, mark) = live.swap_remove((seed >> 8) as usize % live.len());
                for offset in [0, layout.size() - 1] {
                    // SAFETY: the block is live and has that many bytes.
                    assert_eq!(unsafe { *block.add(offset) }, mark, "somebody else wrote here");
                }
                // SAFETY: the block came from this heap with this layout.
                unsafe { heap.dealloc(block, layout) };
                continue;
            }
            let size = 1 + (seed >> 20) as usize % if step % 50 == 0 { 300_000 } else { 3000 };
            let layout = Layout::from_size_align(size, 1 << ((seed >> 50) % 7)).expect("valid");
            // SAFETY: the size is not 0.
            let block = unsafe { heap.alloc(layout) };
            assert!(!block.is_null() && (block as usize).is_multiple_of(layout.align()));
            let mark = step as u8;
            // SAFETY: the block has that many bytes.
            unsafe { block.write_bytes(mark, size) };
            live.push((block, layout, mark));
        }
        assert!(heap.mapped() > 0);
        // SAFETY: nothing of it is used any more.
        unsafe { heap.give_back() };
        assert_eq!(heap.mapped(), 0);
    }
}

//! `HeapAlloc`, `LocalAlloc`, `GlobalAlloc`: memory of the C library, with a note before each
//! block.
//!
//! ```text
//!     header 16 bytes      size, heap
//!     block                what the program gets, on a multiple of 16
//! ```
//!
//! The heap of the process has nothing to keep. A heap that a program made keeps its blocks, to
//! give them back when it is destroyed.

use std::collections::{BTreeMap, HashSet};
use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::calls::answer;
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::last_error;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::types::{
    GLOBAL_ALLOC_FLAGS, GMEM_ZEROINIT, HEAP_FLAGS, HEAP_REALLOC_IN_PLACE_ONLY, HEAP_ZERO_MEMORY, HGLOBAL,
    HLOCAL, LMEM_ZEROINIT, LOCAL_ALLOC_FLAGS,
};
use crate::own;

/// What stands before a block.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
struct Header {
    /// Bytes that were asked for.
    size: usize,
    /// The heap that it belongs to; 0 for none any more.
    heap: usize,
}

const HEADER: usize = size_of::<Header>();

/// The heap of the process. No handle of another kind has so high a number.
const OF_PROCESS: usize = 0x1_0000_0000;
/// From one heap to the next.
const STEP: usize = 0x1_0000;

/// A heap that a program made.
#[derive(Debug, Default)]
struct Heap {
    blocks: HashSet<usize>,
    /// Bytes of all blocks.
    used: usize,
    /// How many they may be; 0 for any number.
    most: usize,
}

#[derive(Debug)]
struct Heaps {
    last: usize,
    open: BTreeMap<usize, Heap>,
}

static HEAPS: Mutex<Heaps> = Mutex::new(Heaps { last: OF_PROCESS, open: BTreeMap::new() });

fn heaps() -> MutexGuard<'static, Heaps> {
    HEAPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps everybody else from the heaps, for a fork.
pub(in crate::win32) fn hold() -> Option<own::Held> {
    own::hold_mutex(&HEAPS)
}

/// The heap of the process, which is never destroyed.
///
/// # Safety
/// None.
pub const unsafe extern "system" fn GetProcessHeap() -> HANDLE {
    ptr::without_provenance_mut(OF_PROCESS)
}

/// Makes a heap of its own, whose blocks go together. All heaps take their memory from the C
/// library; the initial size has no effect, the maximum is kept to.
///
/// # Safety
/// None.
pub unsafe extern "system" fn HeapCreate(
    _floptions: HEAP_FLAGS,
    _dwinitialsize: usize,
    dwmaximumsize: usize,
) -> HANDLE {
    let made = caught(|| {
        own::watch_forks();
        let mut heaps = heaps();
        heaps.last += STEP;
        let number = heaps.last;
        heaps.open.insert(number, Heap { most: dwmaximumsize, ..Heap::default() });
        Ok(ptr::without_provenance_mut(number))
    });
    last_error::note(made).unwrap_or(ptr::null_mut())
}

/// Gives back a heap with all of its blocks. FALSE and a last error on failure: 6 for none, and for
/// that of the process.
///
/// # Safety
/// Nobody may use the blocks any more.
pub unsafe extern "system" fn HeapDestroy(hheap: HANDLE) -> BOOL {
    answer(caught(|| {
        let heap = heaps().open.remove(&hheap.addr()).ok_or_else(|| no_heap(hheap))?;
        for block in heap.blocks {
            // SAFETY: it is a block of ours, which nobody uses any more.
            unsafe { give_back(ptr::with_exposed_provenance_mut(block)) };
        }
        Ok(())
    }))
}

/// A block of a heap; NULL if there is none to be had. The last error is left alone.
///
/// # Safety
/// None.
pub unsafe extern "system" fn HeapAlloc(hheap: HANDLE, dwflags: HEAP_FLAGS, dwbytes: usize) -> *mut c_void {
    caught(|| make(hheap, dwflags, dwbytes)).unwrap_or(ptr::null_mut())
}

/// Gives a block another size, with what it holds; NULL if that cannot be, and then it is as it was.
///
/// # Safety
/// `lpmem` is a block of the heap, which nobody else uses meanwhile.
pub unsafe extern "system" fn HeapReAlloc(
    hheap: HANDLE,
    dwflags: HEAP_FLAGS,
    lpmem: *const c_void,
    dwbytes: usize,
) -> *mut c_void {
    // SAFETY: the caller vouches for the block.
    caught(|| unsafe { resize(hheap, dwflags, lpmem.cast_mut(), dwbytes) }).unwrap_or(ptr::null_mut())
}

/// Gives a block back. TRUE for NULL; FALSE and a last error for what is no block of the heap.
///
/// # Safety
/// `lpmem` is NULL or a block, which nobody uses any more.
pub unsafe extern "system" fn HeapFree(hheap: HANDLE, _dwflags: HEAP_FLAGS, lpmem: *const c_void) -> BOOL {
    // SAFETY: the caller vouches for the block.
    answer(caught(|| unsafe { drop_block(hheap, lpmem.cast_mut()) }))
}

/// The bytes of a block, exactly as they were asked for; `usize::MAX` for what is none.
///
/// # Safety
/// `lpmem` is a block.
pub unsafe extern "system" fn HeapSize(hheap: HANDLE, _dwflags: HEAP_FLAGS, lpmem: *const c_void) -> usize {
    // SAFETY: the caller vouches for the block.
    caught(|| unsafe { Ok(find(hheap, lpmem.cast_mut())?.1.size) }).unwrap_or(usize::MAX)
}

/// Whether a heap is one, and a block, if it is not NULL, is one of its.
///
/// # Safety
/// `lpmem` is NULL or a block.
pub unsafe extern "system" fn HeapValidate(
    hheap: HANDLE,
    _dwflags: HEAP_FLAGS,
    lpmem: *const c_void,
) -> BOOL {
    let valid = caught(|| {
        if lpmem.is_null() {
            return is_heap(hheap);
        }
        // SAFETY: the caller vouches for the block.
        unsafe { find(hheap, lpmem.cast_mut()) }.map(drop)
    });
    BOOL::from(valid.is_ok())
}

/// Memory of the heap of the process. Its handle is its address, with every flag. NULL and a last
/// error on failure.
///
/// # Safety
/// None.
pub unsafe extern "system" fn LocalAlloc(uflags: LOCAL_ALLOC_FLAGS, ubytes: usize) -> HLOCAL {
    plain(uflags & LMEM_ZEROINIT != 0, ubytes)
}

/// Gives back memory of [`LocalAlloc`]. NULL; what was given, and a last error, on failure.
///
/// # Safety
/// `hmem` is NULL or such memory, which nobody uses any more.
pub unsafe extern "system" fn LocalFree(hmem: HLOCAL) -> HLOCAL {
    // SAFETY: the caller vouches for the same.
    if unsafe { HeapFree(GetProcessHeap(), 0, hmem) } == 0 { hmem } else { ptr::null_mut() }
}

/// [`LocalAlloc`].
///
/// # Safety
/// None.
pub unsafe extern "system" fn GlobalAlloc(uflags: GLOBAL_ALLOC_FLAGS, dwbytes: usize) -> HGLOBAL {
    plain(uflags & GMEM_ZEROINIT != 0, dwbytes)
}

/// [`LocalFree`].
///
/// # Safety
/// As there.
pub unsafe extern "system" fn GlobalFree(hmem: HGLOBAL) -> HGLOBAL {
    // SAFETY: the caller vouches for the same.
    unsafe { LocalFree(hmem) }
}

fn plain(zero: bool, size: usize) -> *mut c_void {
    let flags = if zero { HEAP_ZERO_MEMORY } else { 0 };
    let made = caught(|| make(ptr::without_provenance_mut(OF_PROCESS), flags, size));
    last_error::note(made).unwrap_or(ptr::null_mut())
}

/// # Errors
/// 6 for no heap, 8 without memory.
fn make(heap: HANDLE, flags: HEAP_FLAGS, size: usize) -> Result<*mut c_void, Failure> {
    with_kept(heap, |kept| {
        if let Some(kept) = &kept
            && kept.most != 0
            && kept.used.saturating_add(size) > kept.most
        {
            return Err(no_memory(size));
        }
        let block = fresh(heap, flags, size).ok_or_else(|| no_memory(size))?;
        if let Some(kept) = kept {
            kept.used += size;
            kept.blocks.insert(block.expose_provenance());
        }
        Ok(block)
    })
}

/// Works on a heap: `None` for that of the process, which keeps nothing.
fn with_kept<T>(
    heap: HANDLE,
    work: impl FnOnce(Option<&mut Heap>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if heap.addr() == OF_PROCESS {
        return work(None);
    }
    let mut heaps = heaps();
    work(Some(heaps.open.get_mut(&heap.addr()).ok_or_else(|| no_heap(heap))?))
}

fn is_heap(heap: HANDLE) -> Result<(), Failure> {
    with_kept(heap, |_| Ok(()))
}

fn fresh(heap: HANDLE, flags: HEAP_FLAGS, size: usize) -> Option<*mut c_void> {
    let whole = size.checked_add(HEADER)?;
    // SAFETY: no conditions.
    let start =
        unsafe { if flags & HEAP_ZERO_MEMORY != 0 { libc::calloc(1, whole) } else { libc::malloc(whole) } };
    // SAFETY: it is NULL, or there is room for the header and the block.
    unsafe { note(start, Header { size, heap: heap.addr() }) }
}

/// The block behind a header.
///
/// # Safety
/// `start` is NULL or has room for the header.
unsafe fn note(start: *mut c_void, header: Header) -> Option<*mut c_void> {
    if start.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the room; memory of the C library is on a multiple of 16.
    unsafe {
        start.cast::<Header>().write(header);
        Some(start.byte_add(HEADER))
    }
}

/// The header of a block of this heap.
///
/// # Errors
/// 6 for no heap, 87 for what is no block of it.
///
/// # Safety
/// `block` is one, or at least readable before.
unsafe fn find(heap: HANDLE, block: *mut c_void) -> Result<(*mut Header, Header), Failure> {
    let kept = with_kept(heap, |kept| Ok(kept.is_none_or(|kept| kept.blocks.contains(&block.addr()))))?;
    if kept && block.addr() > STEP && block.addr().is_multiple_of(HEADER) {
        let header = block.wrapping_byte_sub(HEADER).cast::<Header>();
        // SAFETY: the caller vouches for it.
        let noted = unsafe { header.read() };
        if noted.heap == heap.addr() {
            return Ok((header, noted));
        }
    }
    let fix = "it is no block of this heap; give one that the heap gave";
    Err(Failure::argument(NtStatus::INVALID_PARAMETER, "block", block.addr() as u64, fix))
}

/// # Safety
/// As [`find`]; nobody else uses the block meanwhile.
unsafe fn resize(
    heap: HANDLE,
    flags: HEAP_FLAGS,
    block: *mut c_void,
    size: usize,
) -> Result<*mut c_void, Failure> {
    // SAFETY: the caller vouches for the block.
    let (header, Header { size: before, .. }) = unsafe { find(heap, block) }?;
    with_kept(heap, |kept| {
        let room = kept.as_ref().map_or(0, |kept| kept.most);
        if room != 0 && kept.as_ref().is_some_and(|kept| kept.used - before + size > room) {
            return Err(no_memory(size));
        }
        // SAFETY: the header is that of a block of ours.
        let moved = unsafe { move_block(header, flags, size, heap) }.ok_or_else(|| no_memory(size))?;
        if flags & HEAP_ZERO_MEMORY != 0 && size > before {
            // SAFETY: the block has that many bytes.
            unsafe { ptr::write_bytes(moved.cast::<u8>().add(before), 0, size - before) };
        }
        if let Some(kept) = kept {
            kept.used = kept.used - before + size;
            kept.blocks.remove(&block.addr());
            kept.blocks.insert(moved.expose_provenance());
        }
        Ok(moved)
    })
}

/// # Safety
/// `header` is that of a block of ours.
unsafe fn move_block(
    header: *mut Header,
    flags: HEAP_FLAGS,
    size: usize,
    heap: HANDLE,
) -> Option<*mut c_void> {
    let whole = size.checked_add(HEADER)?;
    let start = header.cast::<c_void>();
    // SAFETY: the caller vouches for it; if it moves, the old place is used no more.
    unsafe {
        let stays = libc::malloc_usable_size(start) >= whole;
        let start = match flags & HEAP_REALLOC_IN_PLACE_ONLY != 0 {
            true if stays => start,
            true => return None,
            false => libc::realloc(start, whole),
        };
        note(start, Header { size, heap: heap.addr() })
    }
}

/// # Safety
/// `block` is NULL or as [`find`] has it, and nobody uses it any more.
unsafe fn drop_block(heap: HANDLE, block: *mut c_void) -> Result<(), Failure> {
    if block.is_null() {
        return is_heap(heap);
    }
    // SAFETY: the caller vouches for the block.
    let (_, header) = unsafe { find(heap, block) }?;
    with_kept(heap, |kept| {
        if let Some(kept) = kept {
            kept.used -= header.size;
            kept.blocks.remove(&block.addr());
        }
        // SAFETY: as above.
        unsafe { give_back(block) };
        Ok(())
    })
}

/// # Safety
/// `block` is one of ours, and nobody uses it any more.
unsafe fn give_back(block: *mut c_void) {
    let start = block.wrapping_byte_sub(HEADER);
    // SAFETY: the caller vouches for it. A second time is recognised while the place is not used anew.
    unsafe {
        (&raw mut (*start.cast::<Header>()).heap).write_volatile(0);
        libc::free(start);
    }
}

fn no_heap(heap: HANDLE) -> Failure {
    let fix = "it is no heap; give one of HeapCreate or GetProcessHeap";
    Failure::argument(NtStatus::INVALID_HANDLE, "heap", heap.addr() as u64, fix)
}

fn no_memory(size: usize) -> Failure {
    Failure::argument(NtStatus::NO_MEMORY, "size", size as u64, "there is no memory for it; give less")
}

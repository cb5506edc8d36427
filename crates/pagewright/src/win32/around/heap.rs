//! `HeapAlloc`, `LocalAlloc`, `GlobalAlloc`: memory of the C library.
//!
//! A heap knows its blocks and their sizes, and nothing is ever looked for in memory that a caller
//! names: what is no block, or none any more, is an error. One lock is for all heaps.

use std::collections::{BTreeMap, HashMap};
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

/// The heap of the process. No handle of another kind has so high a number.
const OF_PROCESS: usize = 0x1_0000_0000;
/// From one heap to the next.
const STEP: usize = 0x1_0000;

/// A heap.
#[derive(Debug, Default)]
struct Heap {
    /// Where they are, and how many bytes were asked for.
    blocks: HashMap<usize, usize>,
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
    own::watch_forks();
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
        let number = Some(hheap.addr()).filter(|number| *number != OF_PROCESS);
        let heap = number.and_then(|number| heaps().open.remove(&number)).ok_or_else(|| no_heap(hheap))?;
        for block in heap.blocks.into_keys() {
            // SAFETY: it is a block of ours, which nobody uses any more.
            unsafe { libc::free(ptr::with_exposed_provenance_mut(block)) };
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
/// None: the pointer is not followed.
pub unsafe extern "system" fn HeapSize(hheap: HANDLE, _dwflags: HEAP_FLAGS, lpmem: *const c_void) -> usize {
    caught(|| within(hheap, |heap| heap.find(lpmem))).unwrap_or(usize::MAX)
}

/// Whether a heap is one, and a block, if it is not NULL, is one of its.
///
/// # Safety
/// None: the pointer is not followed.
pub unsafe extern "system" fn HeapValidate(
    hheap: HANDLE,
    _dwflags: HEAP_FLAGS,
    lpmem: *const c_void,
) -> BOOL {
    let valid =
        caught(|| within(hheap, |heap| if lpmem.is_null() { Ok(()) } else { heap.find(lpmem).map(drop) }));
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
    within(heap, |heap| {
        heap.expect(0, size)?;
        // SAFETY: no conditions.
        let block = unsafe {
            if flags & HEAP_ZERO_MEMORY != 0 { libc::calloc(1, some(size)) } else { libc::malloc(some(size)) }
        };
        heap.keep(block, size)
    })
}

/// Works on a heap.
///
/// # Errors
/// 6 for none.
fn within<T>(heap: HANDLE, work: impl FnOnce(&mut Heap) -> Result<T, Failure>) -> Result<T, Failure> {
    let mut heaps = heaps();
    match heap.addr() {
        OF_PROCESS => work(heaps.open.entry(OF_PROCESS).or_default()),
        number => work(heaps.open.get_mut(&number).ok_or_else(|| no_heap(heap))?),
    }
}

/// Blocks of 0 bytes have addresses too.
const fn some(size: usize) -> usize {
    if size == 0 { 1 } else { size }
}

impl Heap {
    /// The bytes of a block.
    ///
    /// # Errors
    /// 87 for what is none of this heap.
    fn find(&self, block: *const c_void) -> Result<usize, Failure> {
        self.blocks.get(&block.addr()).copied().ok_or_else(|| {
            let fix = "it is no block of this heap; give one that the heap gave";
            Failure::argument(NtStatus::INVALID_PARAMETER, "block", block.addr() as u64, fix)
        })
    }

    /// Whether there is room for a block instead of another one, also to note it.
    fn expect(&mut self, before: usize, size: usize) -> Result<(), Failure> {
        let used = (self.used - before).saturating_add(size);
        let has_room = self.most == 0 || used <= self.most;
        if has_room && self.blocks.try_reserve(1).is_ok() { Ok(()) } else { Err(no_memory(size)) }
    }

    /// Notes what the C library gave, if it gave anything.
    fn keep(&mut self, block: *mut c_void, size: usize) -> Result<*mut c_void, Failure> {
        if block.is_null() {
            return Err(no_memory(size));
        }
        self.used += size;
        self.blocks.insert(block.expose_provenance(), size);
        Ok(block)
    }

    fn forget(&mut self, block: *const c_void) {
        self.used -= self.blocks.remove(&block.addr()).unwrap_or(0);
    }
}

/// # Safety
/// If `block` is one, nobody else uses it meanwhile.
unsafe fn resize(
    heap: HANDLE,
    flags: HEAP_FLAGS,
    block: *mut c_void,
    size: usize,
) -> Result<*mut c_void, Failure> {
    within(heap, |heap| {
        let before = heap.find(block)?;
        heap.expect(before, size)?;
        // SAFETY: it is a block of ours.
        let moved = unsafe { moved(block, flags, some(size)) }.ok_or_else(|| no_memory(size))?;
        if flags & HEAP_ZERO_MEMORY != 0 && size > before {
            // SAFETY: the block has that many bytes.
            unsafe { ptr::write_bytes(moved.cast::<u8>().add(before), 0, size - before) };
        }
        heap.forget(block);
        heap.keep(moved, size)
    })
}

/// Where a block is once it has so many bytes; `None` leaves it as it was.
///
/// # Safety
/// `block` is one of ours; the old place is used no more.
unsafe fn moved(block: *mut c_void, flags: HEAP_FLAGS, size: usize) -> Option<*mut c_void> {
    // SAFETY: the caller vouches for it.
    let moved = unsafe {
        match flags & HEAP_REALLOC_IN_PLACE_ONLY != 0 {
            true if libc::malloc_usable_size(block) >= size => block,
            true => return None,
            false => libc::realloc(block, size),
        }
    };
    (!moved.is_null()).then_some(moved)
}

/// # Safety
/// If `block` is one, nobody uses it any more.
unsafe fn drop_block(heap: HANDLE, block: *mut c_void) -> Result<(), Failure> {
    within(heap, |heap| {
        if block.is_null() {
            return Ok(());
        }
        heap.find(block)?;
        heap.forget(block);
        // SAFETY: it was a block until now, and the caller vouches for the rest.
        unsafe { libc::free(block) };
        Ok(())
    })
}

fn no_heap(heap: HANDLE) -> Failure {
    let fix = "it is no heap; give one of HeapCreate or GetProcessHeap";
    Failure::argument(NtStatus::INVALID_HANDLE, "heap", heap.addr() as u64, fix)
}

fn no_memory(size: usize) -> Failure {
    Failure::argument(NtStatus::NO_MEMORY, "size", size as u64, "there is no memory for it; give less")
}

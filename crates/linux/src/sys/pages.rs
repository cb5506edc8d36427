//! What the kernel knows of single pages, and where this thread keeps its own.

use core::arch::asm;
use core::mem::size_of;

use linux_raw_sys::general as k;

use super::{Errno, Result, syscall};

/// A run of alike pages, as [`scan_pages`] reports it: start, end, and bits of [`kind`].
pub use linux_raw_sys::general::page_region as PageRun;

/// What [`scan_pages`] tells pages apart by.
pub mod kind {
    use linux_raw_sys::general as k;
    /// Of a file, or shared.
    pub const FILE: u64 = k::PAGE_IS_FILE as u64;
    /// In main memory.
    pub const PRESENT: u64 = k::PAGE_IS_PRESENT as u64;
    /// Swapped out, or marked.
    pub const SWAPPED: u64 = k::PAGE_IS_SWAPPED as u64;
    /// The page of zeros that everybody shares.
    pub const ZERO: u64 = k::PAGE_IS_PFNZERO as u64;
    /// Stored to since it was write-protected by a userfaultfd.
    pub const WRITTEN: u64 = k::PAGE_IS_WRITTEN as u64;
}

/// Which pages [`scan_pages`] is to report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Those that are none of this.
    pub none_of: u64,
    /// And any of this.
    pub any_of: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: usize = 3 << 30 | size_of::<k::pm_scan_arg>() << 16 | (b'f' as usize) << 8 | 16;
const _: () = assert!(PAGEMAP_SCAN == 0xc060_6610);

/// Asks an open `/proc/PID/pagemap` for pages (6.7): how many runs were found, and where the search ended because
/// there was no room for more. `ENOTTY`: an older kernel.
pub fn scan_pages(
    pagemap: i32,
    start: usize,
    end: usize,
    wanted: Wanted,
    into: &mut [PageRun],
) -> Result<(usize, usize)> {
    let mut question = k::pm_scan_arg {
        size: size_of::<k::pm_scan_arg>() as u64,
        flags: 0,
        start: start as u64,
        end: end as u64,
        walk_end: 0,
        vec: 0,
        vec_len: 0,
        max_pages: 0,
        category_inverted: wanted.none_of,
        category_mask: wanted.none_of,
        category_anyof_mask: wanted.any_of,
        return_mask: wanted.any_of,
    };
    scan(pagemap, &mut question, into)
}

/// Asks a question, which names no room for the answer yet: how many runs were found, and where the search ended.
///
/// The kernel gathers 512 runs at a time. When it got to the end after more than those, it tells where it stood when it
/// had gathered the last 512: what it has told of behind that is not to be asked for again.
fn scan(pagemap: i32, question: &mut k::pm_scan_arg, into: &mut [PageRun]) -> Result<(usize, usize)> {
    (question.vec, question.vec_len) = (into.as_mut_ptr() as u64, into.len() as u64);
    let args = [pagemap as usize, PAGEMAP_SCAN, &raw mut *question as usize, 0, 0, 0];
    // SAFETY: the kernel writes the structure, whose size it was told, and at most `vec_len` runs.
    let found = unsafe { syscall(k::__NR_ioctl, args) }?;
    let told = found.checked_sub(1).and_then(|last| into.get(last)).map_or(0, |run| run.end);
    Ok((found, question.walk_end.max(told) as usize))
}

/// What becomes of pages that [`scan_written`] reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rearm {
    /// They stay as they are.
    No,
    /// They are write-protected again, each in one step with its report.
    Yes,
}

/// Asks an open `/proc/PID/pagemap` for pages that were stored to since they were write-protected (6.7), at most `limit`
/// of them, swapped-out ones too: how many runs were found, and where the search ended. `EPERM`: a part is not
/// registered with a userfaultfd that notes stores.
pub fn scan_written(
    pagemap: i32,
    (start, end): (usize, usize),
    rearm: Rearm,
    limit: u64,
    into: &mut [PageRun],
) -> Result<(usize, usize)> {
    let flags = match rearm {
        Rearm::No => k::PM_SCAN_CHECK_WPASYNC,
        Rearm::Yes => k::PM_SCAN_CHECK_WPASYNC | k::PM_SCAN_WP_MATCHING,
    };
    let mut question = k::pm_scan_arg {
        size: size_of::<k::pm_scan_arg>() as u64,
        flags: u64::from(flags),
        start: start as u64,
        end: end as u64,
        walk_end: 0,
        vec: 0,
        vec_len: 0,
        // 0 is no limit, which is more than there are addresses.
        max_pages: if limit > u64::MAX >> 12 { 0 } else { limit },
        category_inverted: 0,
        // This very question, and no other, is answered without looking at anything else.
        category_mask: kind::WRITTEN,
        category_anyof_mask: 0,
        return_mask: kind::WRITTEN,
    };
    scan(pagemap, &mut question, into)
}

/// Bits of the words that `/proc/PID/pagemap` has for each page.
pub mod pagemap {
    /// In main memory.
    pub const PRESENT: u64 = 1 << 63;
    /// Swapped out, or marked.
    pub const SWAPPED: u64 = 1 << 62;
    /// Of a file, or shared.
    pub const FILE: u64 = 1 << 61;
    /// Write-protected by a userfaultfd (5.13).
    pub const PROTECTED: u64 = 1 << 57;
    /// Mapped by nobody else (4.2).
    pub const EXCLUSIVE: u64 = 1 << 56;
}

/// Moves a mapping to exactly this place, replacing what is there.
///
/// # Safety
/// Nothing may use either range.
pub unsafe fn mremap_over(from: usize, len: usize, to: usize) -> Result<()> {
    let flags = (k::MREMAP_MAYMOVE | k::MREMAP_FIXED) as usize;
    // SAFETY: the caller vouches for both ranges.
    unsafe { syscall(k::__NR_mremap, [from, len, len, flags, to, 0]) }.map(drop)
}

/// Moves what the pages of a mapping hold to another one, made somewhere for that, in one step: what was
/// registered stays, with pages that have no memory of their own any more. Of locked memory the new
/// mapping is locked, and the old one no more (5.13; before, of anonymous memory only).
///
/// # Safety
/// Nothing may rely on the content staying where it is.
pub unsafe fn mremap_contents(from: usize, len: usize) -> Result<usize> {
    let flags = (k::MREMAP_MAYMOVE | k::MREMAP_DONTUNMAP) as usize;
    // SAFETY: the caller vouches for the range, and the new place was free.
    unsafe { syscall(k::__NR_mremap, [from, len, len, flags, 0, 0]) }
}

/// A second mapping, somewhere, of `len` bytes of the file that is mapped shared at `from`. The mapping at `from` stays.
pub fn mremap_duplicate(from: usize, len: usize) -> Result<usize> {
    // SAFETY: an old size of 0 takes nothing away, and the new place was free. Private mappings are refused (4.14).
    unsafe { syscall(k::__NR_mremap, [from, 0, len, k::MREMAP_MAYMOVE as usize, 0, 0]) }
}

/// The same at exactly this place, replacing what is there. The new mapping is one for children if the first is. On
/// error what was there may be gone.
///
/// # Safety
/// Nothing may use the range `to`.
pub unsafe fn mremap_duplicate_over(from: usize, len: usize, to: usize) -> Result<()> {
    let flags = (k::MREMAP_MAYMOVE | k::MREMAP_FIXED) as usize;
    // SAFETY: an old size of 0 takes nothing away; the caller vouches for the new place.
    unsafe { syscall(k::__NR_mremap, [from, 0, len, flags, to, 0]) }.map(drop)
}

/// `MPOL_PREFERRED`, which the bindings lack.
const PREFERRED: usize = 1;

/// Prefers the memory of a NUMA node for what is not there yet. Nodes from 1024 on are not known.
pub fn mbind_preferred(addr: usize, len: usize, node: u16) -> Result<()> {
    let mut nodes = [0_u64; 16];
    let word = nodes.get_mut(usize::from(node / 64)).ok_or(Errno::EINVAL)?;
    *word = 1 << (node % 64);
    // The kernel takes one bit less than it is told.
    let args = [addr, len, PREFERRED, nodes.as_ptr() as usize, 64 * nodes.len() + 1, 0];
    // SAFETY: neither content nor access changes; the kernel only reads the nodes.
    unsafe { syscall(k::__NR_mbind, args) }.map(drop)
}

/// Where the stack of this thread ends at the moment.
#[must_use]
pub fn stack_pointer() -> usize {
    let at: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) at, options(nomem, nostack, preserves_flags)) };
    at
}

/// `ARCH_GET_FS`, which the bindings lack.
const ARCH_GET_FS: usize = 0x1003;

/// Where the thread-local memory of this thread is; 0 without any.
pub fn thread_base() -> Result<usize> {
    let mut base = 0_usize;
    // SAFETY: the kernel writes one word.
    unsafe { syscall(k::__NR_arch_prctl, [ARCH_GET_FS, &raw mut base as usize, 0, 0, 0, 0]) }?;
    Ok(base)
}

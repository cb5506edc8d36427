//! Descriptor tables of single threads: a place where the program's own calls do not reach.

use linux_raw_sys::general as k;

use super::{Fd, Result, close_range, syscall};

/// Gives this thread a descriptor table of its own, in which nothing is left but `keep`: what the other threads of
/// the process close is open here still (5.9). Files of the program are held twice for a moment.
///
/// # Safety
/// Nothing in this thread may expect other descriptors afterwards, from then on until its end.
pub unsafe fn keep_alone(keep: i32) -> Result<()> {
    let keep = keep.unsigned_abs();
    // SAFETY: the flag makes the kernel unshare before it closes; the caller vouches for this thread.
    unsafe { close_range(keep + 1, u32::MAX, super::CLOSE_RANGE_UNSHARE) }?;
    // SAFETY: the table is this thread's alone since the line above.
    if keep > 0 { unsafe { close_range(0, keep - 1, 0) } } else { Ok(()) }
}

/// `PIDFD_THREAD`, which the bindings lack.
const THREAD: usize = k::O_EXCL as usize;

/// A descriptor of our own of what another thread of this process has under a number, in a table of its own (6.9).
pub fn descriptor_of(thread: i32, number: i32) -> Result<Fd> {
    // SAFETY: no address is passed.
    let found = unsafe { syscall(k::__NR_pidfd_open, [thread as usize, THREAD, 0, 0, 0, 0]) };
    let found = found.map(|raw| Fd(raw as i32))?;
    // SAFETY: as above.
    let copied = unsafe { syscall(k::__NR_pidfd_getfd, [found.0 as usize, number as usize, 0, 0, 0, 0]) };
    copied.map(|raw| Fd(raw as i32))
}

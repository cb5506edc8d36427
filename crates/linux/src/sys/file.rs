//! Files that hold pages: what they are, and what is in them.

use core::mem::MaybeUninit;

use linux_raw_sys::general as k;

use super::{Fd, Result, Text, syscall};

/// Which file a descriptor is of: the device, with its major number in the upper half, and the number of the file on
/// it. Nobody else gets these while the file is open or mapped anywhere.
pub fn file_id(fd: i32) -> Result<(u64, u64)> {
    let mut stat = MaybeUninit::<k::stat>::zeroed();
    // SAFETY: the kernel writes one such structure.
    unsafe { syscall(k::__NR_fstat, [fd as usize, stat.as_mut_ptr() as usize, 0, 0, 0, 0]) }?;
    // SAFETY: the structure is integers only, and all were zero before.
    let stat = unsafe { stat.assume_init() };
    let major = stat.st_dev >> 8 & 0xfff | stat.st_dev >> 32 & !0xfff;
    let minor = stat.st_dev & 0xff | stat.st_dev >> 12 & !0xff;
    Ok((major << 32 | minor & 0xffff_ffff, stat.st_ino))
}

/// A descriptor that only says which file a path leads to: nothing is opened, no driver is asked.
pub fn look(path: &Text) -> Result<Fd> {
    let flags = k::O_PATH | k::O_CLOEXEC;
    let args = [k::AT_FDCWD as usize, path.as_ptr() as usize, flags as usize, 0, 0, 0];
    // SAFETY: the path ends with a zero and is only read.
    unsafe { syscall(k::__NR_openat, args) }.map(|raw| Fd(raw as i32))
}

/// Whether a descriptor is of a regular file; opening one has no effect on anybody.
pub fn is_regular(fd: i32) -> Result<bool> {
    let mut stat = MaybeUninit::<k::stat>::zeroed();
    // SAFETY: the kernel writes one such structure.
    unsafe { syscall(k::__NR_fstat, [fd as usize, stat.as_mut_ptr() as usize, 0, 0, 0, 0]) }?;
    // SAFETY: the structure is integers only, and all were zero before.
    Ok(unsafe { stat.assume_init() }.st_mode & k::S_IFMT == k::S_IFREG)
}

/// A second descriptor, close-on-exec, with the lowest number that is free from `least` on.
pub fn duplicate_from(fd: i32, least: u64) -> Result<Fd> {
    let args = [fd as usize, k::F_DUPFD_CLOEXEC as usize, least as usize, 0, 0, 0];
    // SAFETY: no address is passed.
    unsafe { syscall(k::__NR_fcntl, args) }.map(|raw| Fd(raw as i32))
}

/// Writes at a place in the file. Beyond [`file_size_limit`] the kernel answers with a signal.
pub fn pwrite(fd: i32, from: &[u8], offset: u64) -> Result<usize> {
    let args = [fd as usize, from.as_ptr() as usize, from.len(), offset as usize, 0, 0];
    // SAFETY: the kernel only reads `from`.
    unsafe { syscall(k::__NR_pwrite64, args) }
}

/// Gives a part of a file memory, and all that it needs, now.
pub fn allocate(fd: i32, offset: u64, len: u64) -> Result<()> {
    // SAFETY: no address is passed, and no byte of the file changes.
    unsafe { syscall(k::__NR_fallocate, [fd as usize, 0, offset as usize, len as usize, 0, 0]) }.map(drop)
}

/// Makes a part of a file zeros that take no memory; its size stays.
///
/// # Safety
/// Nothing may rely on what a mapping shows of the part.
pub unsafe fn punch_hole(fd: i32, offset: u64, len: u64) -> Result<()> {
    let mode = (k::FALLOC_FL_PUNCH_HOLE | k::FALLOC_FL_KEEP_SIZE) as usize;
    // SAFETY: the caller vouches for what is shown.
    unsafe { syscall(k::__NR_fallocate, [fd as usize, mode, offset as usize, len as usize, 0, 0]) }.map(drop)
}

/// How large a file this process may make, in bytes; `u64::MAX` without a limit.
#[must_use]
pub fn file_size_limit() -> u64 {
    let mut limit = k::rlimit64 { rlim_cur: u64::MAX, rlim_max: 0 };
    let args = [0, k::RLIMIT_FSIZE as usize, 0, &raw mut limit as usize, 0, 0];
    // SAFETY: the kernel writes one such structure, and reads no new one.
    let _ = unsafe { syscall(k::__NR_prlimit64, args) };
    limit.rlim_cur
}

//! Userfaultfd: stores to chosen ranges wait until they are let go on.

use core::mem::size_of;

use linux_raw_sys::general as k;

use super::{Errno, Fd, Result, syscall};

/// Whose accesses wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiters {
    /// Everybody's, the kernel's own among them. Needs a privilege, or the consent of
    /// `/proc/sys/vm/unprivileged_userfaultfd` (Linux before 5.11: no more than that).
    Everybody,
    /// Those that the program's instructions make. What the kernel stores for it fails (5.11).
    Program,
}

/// Bits of what [`userfault_enable`] is told and answers.
pub mod userfault {
    use linux_raw_sys::general as k;
    /// Write protection (5.7).
    pub const WRITE_PROTECT: u64 = k::UFFD_FEATURE_PAGEFAULT_FLAG_WP as u64;
    /// Write protection of shared and of file-backed memory (5.19).
    pub const WRITE_PROTECT_SHARED: u64 = k::UFFD_FEATURE_WP_HUGETLBFS_SHMEM as u64;
    /// Write protection of anonymous pages that were never touched (6.4).
    pub const WRITE_PROTECT_UNTOUCHED: u64 = k::UFFD_FEATURE_WP_UNPOPULATED as u64;
    /// Who would drop content waits too, until the event is read (4.11).
    pub const REMOVALS: u64 = k::UFFD_FEATURE_EVENT_REMOVE as u64;
}

/// What is caught in a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Catch {
    /// Stores to pages that are write-protected.
    Stores = k::UFFDIO_REGISTER_MODE_WP,
    /// Those, and every access to a page that has no memory yet.
    StoresAndUntouched = k::UFFDIO_REGISTER_MODE_WP | k::UFFDIO_REGISTER_MODE_MISSING,
}

/// Whether stores wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Stores {
    /// They go through, and who waits goes on.
    Pass = 0,
    /// They wait.
    Wait = 1,
}

/// A request of this device, `_IOC(direction, 0xAA, number, size)`.
const fn request(direction: usize, number: u32, size: usize) -> usize {
    direction << 30 | size << 16 | (k::UFFDIO as usize) << 8 | number as usize
}

const READ: usize = 2;
const BOTH: usize = 3;
const API: usize = request(BOTH, k::_UFFDIO_API, size_of::<k::uffdio_api>());
const REGISTER: usize = request(BOTH, k::_UFFDIO_REGISTER, size_of::<k::uffdio_register>());
const UNREGISTER: usize = request(READ, k::_UFFDIO_UNREGISTER, size_of::<k::uffdio_range>());
const WAKE: usize = request(READ, k::_UFFDIO_WAKE, size_of::<k::uffdio_range>());
const WRITE_PROTECT: usize = request(BOTH, k::_UFFDIO_WRITEPROTECT, size_of::<k::uffdio_writeprotect>());
const _: () = assert!(API == 0xc018_aa3f && REGISTER == 0xc020_aa00 && UNREGISTER == 0x8010_aa01);
const _: () = assert!(WAKE == 0x8010_aa02 && WRITE_PROTECT == 0xc018_aa06);

/// A descriptor that catches nothing yet, close-on-exec, for reads that do not wait.
pub fn userfaultfd(waiters: Waiters) -> Result<Fd> {
    let whose = match waiters {
        Waiters::Everybody => 0,
        Waiters::Program => k::UFFD_USER_MODE_ONLY,
    };
    let flags = k::O_CLOEXEC | k::O_NONBLOCK | whose;
    // SAFETY: no address is passed.
    unsafe { syscall(k::__NR_userfaultfd, [flags as usize, 0, 0, 0, 0, 0]) }.map(|raw| Fd(raw as i32))
}

/// Turns features on, once per descriptor, and says which there are. `EINVAL`: one of them is not.
pub fn userfault_enable(fd: i32, features: u64) -> Result<u64> {
    let mut api = k::uffdio_api { api: u64::from(k::UFFD_API), features, ioctls: 0 };
    // SAFETY: the kernel reads and writes one such structure, which lives across the call.
    unsafe { syscall(k::__NR_ioctl, [fd as usize, API, &raw mut api as usize, 0, 0, 0]) }?;
    Ok(api.features)
}

/// Catches accesses in a range of whole pages. `EBUSY`: somebody else does; `EINVAL`: no memory that can be caught.
///
/// # Safety
/// Whoever accesses the range must be able to wait until it is let go on.
pub unsafe fn userfault_register(fd: i32, addr: usize, len: usize, catch: Catch) -> Result<()> {
    let mode = catch as u64;
    let mut register = k::uffdio_register { range: range(addr, len), mode, ioctls: 0 };
    let args = [fd as usize, REGISTER, &raw mut register as usize, 0, 0, 0];
    // SAFETY: the caller vouches for the range; the structure lives across the call.
    unsafe { syscall(k::__NR_ioctl, args) }.map(drop)
}

/// Undoes [`userfault_register`]: nothing is protected any more, and who waited goes on.
pub fn userfault_unregister(fd: i32, addr: usize, len: usize) -> Result<()> {
    on_range(fd, UNREGISTER, addr, len)
}

/// Lets everybody go on who waits in a range, whatever is mapped there now.
pub fn userfault_wake(fd: i32, addr: usize, len: usize) -> Result<()> {
    on_range(fd, WAKE, addr, len)
}

fn on_range(fd: i32, request: usize, addr: usize, len: usize) -> Result<()> {
    let range = range(addr, len);
    // SAFETY: the kernel reads one range, which lives across the call; waiters that go on do what they meant to.
    unsafe { syscall(k::__NR_ioctl, [fd as usize, request, &raw const range as usize, 0, 0, 0]) }.map(drop)
}

/// Makes stores to a registered range wait, or pass. `ENOENT`: a part is not registered (before Linux 6.3 also: it is
/// more than one mapping); `EAGAIN`: mappings change at this moment.
///
/// # Safety
/// As for [`userfault_register`].
pub unsafe fn userfault_protect(fd: i32, addr: usize, len: usize, stores: Stores) -> Result<()> {
    let mut protect = k::uffdio_writeprotect { range: range(addr, len), mode: stores as u64 };
    let args = [fd as usize, WRITE_PROTECT, &raw mut protect as usize, 0, 0, 0];
    // SAFETY: the caller vouches for the range; the structure lives across the call.
    unsafe { syscall(k::__NR_ioctl, args) }.map(drop)
}

/// Takes messages until there is none left, so that nobody waits for one to be read.
pub fn userfault_drain(fd: i32) {
    let mut messages = [0; 16 * 32];
    while matches!(super::read(fd, &mut messages), Ok(1..) | Err(Errno::EINTR)) {}
}

const fn range(addr: usize, len: usize) -> k::uffdio_range {
    k::uffdio_range { start: addr as u64, len: len as u64 }
}

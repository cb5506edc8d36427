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
    /// Messages say which thread waits (4.14).
    pub const THREAD: u64 = k::UFFD_FEATURE_THREAD_ID as u64;
    /// Messages say the very address, and not only its page (5.18).
    pub const EXACT_ADDRESS: u64 = k::UFFD_FEATURE_EXACT_ADDRESS as u64;
    /// Nobody ever waits for a store: the kernel lifts the protection itself, and which pages
    /// it did that to can be asked (6.7).
    pub const WRITE_PROTECT_ASYNC: u64 = k::UFFD_FEATURE_WP_ASYNC as u64;
    /// Pages of files in memory that are not mapped yet can be caught, although they have memory (5.14).
    pub const UNMAPPED_SHARED: u64 = k::UFFD_FEATURE_MINOR_SHMEM as u64;
    /// Pages can be moved, with their content and in one step (6.8).
    pub const MOVE: u64 = k::UFFD_FEATURE_MOVE as u64;
}

/// What is caught in a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Catch {
    /// Every access to a page that has no memory.
    Untouched = k::UFFDIO_REGISTER_MODE_MISSING,
    /// Stores to pages that are write-protected.
    Stores = k::UFFDIO_REGISTER_MODE_WP,
    /// Those, and every access to a page that has no memory.
    StoresAndUntouched = k::UFFDIO_REGISTER_MODE_WP | k::UFFDIO_REGISTER_MODE_MISSING,
    /// Every access to a page of a file that this mapping does not show yet.
    Unmapped = k::UFFDIO_REGISTER_MODE_MINOR | k::UFFDIO_REGISTER_MODE_MISSING,
    /// That, and stores to pages that are write-protected.
    StoresAndUnmapped =
        k::UFFDIO_REGISTER_MODE_WP | k::UFFDIO_REGISTER_MODE_MINOR | k::UFFDIO_REGISTER_MODE_MISSING,
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
/// `UFFDIO_MOVE_MODE_DONTWAKE`, which the bindings lack.
const MOVE_DONT_WAKE: u64 = 1;
const COPY: usize = request(BOTH, k::_UFFDIO_COPY, size_of::<k::uffdio_copy>());
const MOVE: usize = request(BOTH, k::_UFFDIO_MOVE, size_of::<k::uffdio_move>());
const _: () = assert!(COPY == 0xc028_aa03 && MOVE == 0xc028_aa05);
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

/// How a page comes to its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Arrival {
    /// As it is; who waits for it goes on waiting until woken.
    Plain = k::UFFDIO_COPY_MODE_DONTWAKE,
    /// The same, and stores to it are caught.
    Protected = k::UFFDIO_COPY_MODE_DONTWAKE | k::UFFDIO_COPY_MODE_WP,
}

/// Gives pages of a registered range that have no memory some, with these bytes, in one step each. `EEXIST`: a page
/// has memory; `EAGAIN`: mappings change at this moment; `ENOENT`: the range is not registered.
///
/// # Safety
/// Nothing may rely on the pages having no content.
pub unsafe fn userfault_copy(fd: i32, addr: usize, from: &[u8], arrival: Arrival) -> Result<()> {
    let (len, mode) = (from.len() as u64, arrival as u64);
    let mut copy = k::uffdio_copy { dst: addr as u64, src: from.as_ptr() as u64, len, mode, copy: 0 };
    // SAFETY: the caller vouches for the pages; the source is only read, and both live across the call.
    unsafe { syscall(k::__NR_ioctl, [fd as usize, COPY, &raw mut copy as usize, 0, 0, 0]) }.map(drop)
}

/// Moves one page with its content: it is at `to`, in a registered range, and no more at `from` (6.8). `ENOENT`: there
/// is none at `from`; `EEXIST`: there is one at `to`; `EBUSY`: others have the page too; `EINVAL`: not both are private,
/// writable, and alike; `EAGAIN`: mappings change at this moment.
///
/// # Safety
/// Nothing may rely on the content of either page staying where it is.
pub unsafe fn userfault_move(fd: i32, from: usize, to: usize, len: usize) -> Result<()> {
    let mode = MOVE_DONT_WAKE;
    let mut request = k::uffdio_move { dst: to as u64, src: from as u64, len: len as u64, mode, move_: 0 };
    // SAFETY: the caller vouches for the pages; the structure lives across the call.
    unsafe { syscall(k::__NR_ioctl, [fd as usize, MOVE, &raw mut request as usize, 0, 0, 0]) }.map(drop)
}

/// An access that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where: the very address with [`userfault::EXACT_ADDRESS`], else that of its page.
    pub at: u64,
    /// What for.
    pub kind: FaultKind,
    /// The thread, with [`userfault::THREAD`]; else 0.
    pub thread: i32,
}

/// What an access that waits is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// To load or to fetch, from a page without memory.
    Load,
    /// To store to a page without memory.
    Store,
    /// To store to a page that is write-protected.
    ProtectedStore,
}

/// Takes one message; `None`: there is none, or one of another kind. `EAGAIN` is not an error here.
pub fn userfault_read(fd: i32) -> Result<Option<Fault>> {
    let mut words = [0_u64; 4];
    let args = [fd as usize, words.as_mut_ptr() as usize, size_of::<[u64; 4]>(), 0, 0, 0];
    // SAFETY: the kernel writes at most one message of 32 bytes into the words.
    let got = unsafe { syscall(k::__NR_read, args) };
    let got = match got {
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
        got => got?,
    };
    // The event is the first byte; then come flags, address and thread.
    if got != size_of::<[u64; 4]>() || words[0] as u8 != k::UFFD_EVENT_PAGEFAULT as u8 {
        return Ok(None);
    }
    let flag = |flag: u32| words[1] & u64::from(flag) != 0;
    let kind = if flag(k::UFFD_PAGEFAULT_FLAG_WP) {
        FaultKind::ProtectedStore
    } else if flag(k::UFFD_PAGEFAULT_FLAG_WRITE) {
        FaultKind::Store
    } else {
        FaultKind::Load
    };
    Ok(Some(Fault { at: words[2], kind, thread: words[3] as u32 as i32 }))
}

/// Takes messages until there is none left, so that nobody waits for one to be read.
pub fn userfault_drain(fd: i32) {
    let mut messages = [0; 16 * 32];
    while matches!(super::read(fd, &mut messages), Ok(1..) | Err(Errno::EINTR)) {}
}

const fn range(addr: usize, len: usize) -> k::uffdio_range {
    k::uffdio_range { start: addr as u64, len: len as u64 }
}

/// Sleeps until something can be read.
pub fn wait_readable(fd: i32) -> Result<()> {
    let mut poll = k::pollfd { fd, events: k::POLLIN as i16, revents: 0 };
    // SAFETY: the kernel writes one structure, which lives across the call. Without a time limit and a mask.
    unsafe { syscall(k::__NR_ppoll, [&raw mut poll as usize, 1, 0, 0, 0, 0]) }?;
    // Closed meanwhile, or broken.
    if poll.revents & !(k::POLLIN as i16) != 0 { Err(Errno::EBADF) } else { Ok(()) }
}

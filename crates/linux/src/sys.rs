//! Every system call of Pagewright's machine, one thin typed function each.
//!
//! The calls are made with the `syscall` instruction rather than through libc or rustix: this code also runs in a
//! thread that has no libc, no thread-local storage (so no `errno`) and no start-up code that could find the vDSO.
//! Constants and structures come from the kernel's own headers (`linux-raw-sys`).
//!
//! No function here retries, logs or interprets: an error is the kernel's number, as an [`Errno`].

use core::arch::asm;
use core::mem::{MaybeUninit, size_of};
use core::sync::atomic::AtomicU32;
use linux_raw_sys::{general as k, prctl, system};

mod fault;
mod file;
mod pages;
mod table;
mod thread;
mod types;
pub use fault::{
    Arrival, Catch, Fault, FaultKind, Stores, Waiters, userfault, userfault_copy, userfault_drain,
    userfault_enable, userfault_move, userfault_protect, userfault_read, userfault_register,
    userfault_unregister, userfault_wake, userfaultfd, wait_readable,
};
pub use file::{allocate, duplicate_from, file_id, file_size_limit, is_regular, look, punch_hole, pwrite};
pub use pages::{
    PageRun, Rearm, Wanted, kind, mbind_preferred, mremap_contents, mremap_duplicate, mremap_duplicate_over,
    mremap_over, pagemap, scan_pages, scan_written, stack_pointer, thread_base,
};
pub use table::{descriptor_of, keep_alone};
pub use thread::{
    Disposition, Entry, SEGV_ACCERR, SI_QUEUE, SignalInfo, Taker, disposition, eventfd, queue_signal,
    send_signal, set_disposition, spawn, wait_either,
};
pub use types::{Advice, Backing, Errno, OpenMode, Place, Prot, Result, SignalMask, Text, Timespec};

/// Makes a system call as it is, for what this file has no function for.
///
/// # Safety
/// The call must be sound for this process with these arguments; the kernel believes every address in them.
#[inline]
pub unsafe fn syscall(number: u32, args: [usize; 6]) -> Result<usize> {
    let value: isize;
    // SAFETY: the caller vouches for the call; the instruction itself changes only rax, rcx and r11, and memory that
    // the call was pointed at (so no `nomem` and no `readonly` here).
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as usize => value,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    if (-4095..0).contains(&value) { Err(Errno(-value as u16)) } else { Ok(value as usize) }
}

// ---------------------------------------------------------------------------------------------------------- mappings

/// Makes a mapping and says where it is.
///
/// # Safety
/// With [`Place::Over`] nothing may use what was mapped in the range.
pub unsafe fn mmap(place: Place, len: usize, prot: Prot, backing: Backing) -> Result<usize> {
    let (addr, how) = match place {
        Place::Anywhere => (0, 0),
        Place::Near(addr) => (addr, 0),
        Place::Free(addr) => (addr, k::MAP_FIXED_NOREPLACE),
        Place::Over(addr) => (addr, k::MAP_FIXED),
    };
    let (what, fd, offset) = match backing {
        Backing::Anonymous => (k::MAP_PRIVATE | k::MAP_ANONYMOUS, -1, 0),
        Backing::AnonymousNoReserve => (k::MAP_PRIVATE | k::MAP_ANONYMOUS | k::MAP_NORESERVE, -1, 0),
        Backing::Large { size } => {
            let size = size.trailing_zeros() << k::MAP_HUGE_SHIFT;
            (k::MAP_PRIVATE | k::MAP_ANONYMOUS | k::MAP_HUGETLB | size, -1, 0)
        }
        Backing::Shared { fd, offset } => (k::MAP_SHARED, fd, offset),
        Backing::Private { fd, offset } => (k::MAP_PRIVATE | k::MAP_NORESERVE, fd, offset),
    };
    let args = [addr, len, prot.0 as usize, (how | what) as usize, fd as usize, offset as usize];
    // SAFETY: the caller vouches for a replaced range; any other new mapping disturbs nobody.
    let at = unsafe { syscall(k::__NR_mmap, args) }?;
    if matches!(place, Place::Free(_)) && at != addr {
        // Before Linux 4.17 the kernel took "only if free" for a mere wish.
        // SAFETY: the mapping was made two lines up and nobody knows it yet.
        unsafe { munmap(at, len) }?;
        return Err(Errno::EEXIST);
    }
    Ok(at)
}

/// Removes whatever is mapped in the range.
///
/// # Safety
/// Nothing may use the range any more.
pub unsafe fn munmap(addr: usize, len: usize) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    unsafe { syscall(k::__NR_munmap, [addr, len, 0, 0, 0, 0]) }.map(drop)
}

/// Changes the protection of whole pages. On error a prefix of the range may have changed.
///
/// # Safety
/// Nothing may rely on the old protection of the range.
pub unsafe fn mprotect(addr: usize, len: usize, prot: Prot) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    unsafe { syscall(k::__NR_mprotect, [addr, len, prot.0 as usize, 0, 0, 0]) }.map(drop)
}

/// Tells the kernel about a range of whole pages. On error a prefix may have been done.
///
/// # Safety
/// Nothing may rely on content or access that the advice takes away.
pub unsafe fn madvise(addr: usize, len: usize, advice: Advice) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    unsafe { syscall(k::__NR_madvise, [addr, len, advice as usize, 0, 0, 0]) }.map(drop)
}

/// Keeps the pages of a range in memory.
pub fn mlock(addr: usize, len: usize) -> Result<()> {
    // SAFETY: locking changes neither content nor access.
    unsafe { syscall(k::__NR_mlock, [addr, len, 0, 0, 0, 0]) }.map(drop)
}

/// Undoes [`mlock`].
pub fn munlock(addr: usize, len: usize) -> Result<()> {
    // SAFETY: unlocking changes neither content nor access.
    unsafe { syscall(k::__NR_munlock, [addr, len, 0, 0, 0, 0]) }.map(drop)
}

/// Names an anonymous mapping in `/proc/PID/maps` (5.17, if configured).
pub fn name_mapping(addr: usize, len: usize, name: &'static Text) -> Result<()> {
    let args = [
        prctl::PR_SET_VMA as usize,
        prctl::PR_SET_VMA_ANON_NAME as usize,
        addr,
        len,
        name.as_ptr() as usize,
        0,
    ];
    // SAFETY: only a label changes; the kernel copies the name.
    unsafe { syscall(k::__NR_prctl, args) }.map(drop)
}

// ------------------------------------------------------------------------------------------- memory of any process

#[repr(C)]
struct IoVec {
    base: usize,
    len: usize,
}

/// Copies out of a process, which may be our own: a hole is then an error and not a signal.
/// Returns the bytes copied, which end early at the first page that cannot be read.
pub fn process_vm_readv(pid: i32, local: &mut [u8], remote: usize) -> Result<usize> {
    // SAFETY: the kernel writes only to `local`.
    unsafe { process_vm(k::__NR_process_vm_readv, pid, local.as_mut_ptr() as usize, local.len(), remote) }
}

/// Copies into a process, which may be our own. Returns the bytes copied, which end early at the first page that cannot
/// be written.
///
/// # Safety
/// If `pid` is this process, the destination must be memory that Rust code does not hold a reference to.
pub unsafe fn process_vm_writev(pid: i32, local: &[u8], remote: usize) -> Result<usize> {
    // SAFETY: the caller vouches for the destination; `local` is only read.
    unsafe { process_vm(k::__NR_process_vm_writev, pid, local.as_ptr() as usize, local.len(), remote) }
}

/// # Safety
/// As for the two calls above; `local` to `local + len` is the side in this process.
unsafe fn process_vm(number: u32, pid: i32, local: usize, len: usize, remote: usize) -> Result<usize> {
    let (near, far) = (IoVec { base: local, len }, IoVec { base: remote, len });
    let args = [pid as usize, &raw const near as usize, 1, &raw const far as usize, 1, 0];
    // SAFETY: the vectors live across the call, and the caller vouches for what they point at.
    unsafe { syscall(number, args) }
}

// ------------------------------------------------------------------------------------------------------- waiting, time

/// Sleeps for this time, or until a signal comes.
pub fn pause(time: Timespec) {
    let _ = futex_wait(&AtomicU32::new(0), 0, time);
}

/// Sleeps while `word` is `expected`, at most `timeout`; memory shared between processes works too.
/// `EAGAIN`: it is not; `ETIMEDOUT`; `EINTR`: a signal; `Ok`: woken, or for no reason.
pub fn futex_wait(word: &AtomicU32, expected: u32, timeout: Timespec) -> Result<()> {
    let args = [
        word.as_ptr() as usize,
        k::FUTEX_WAIT as usize,
        expected as usize,
        &raw const timeout as usize,
        0,
        0,
    ];
    // SAFETY: the word and the timeout live across the call; the kernel reads both.
    unsafe { syscall(k::__NR_futex, args) }.map(drop)
}

/// Wakes up to `count` sleepers on `word` and says how many there were.
pub fn futex_wake(word: &AtomicU32, count: u32) -> Result<usize> {
    let args = [word.as_ptr() as usize, k::FUTEX_WAKE as usize, count as usize, 0, 0, 0];
    // SAFETY: the kernel uses only the address.
    unsafe { syscall(k::__NR_futex, args) }
}

/// Nanoseconds since boot, without the time asleep; the same clock in every process.
#[must_use]
pub fn monotonic_nanos() -> u64 {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the kernel writes one timespec. This clock exists on every kernel, so there is no error to report.
    let _ = unsafe {
        syscall(k::__NR_clock_gettime, [k::CLOCK_MONOTONIC as usize, &raw mut now as usize, 0, 0, 0, 0])
    };
    now.seconds as u64 * 1_000_000_000 + now.nanoseconds as u64
}

/// Lets another thread run.
pub fn sched_yield() {
    // SAFETY: no arguments and no effect on memory; it cannot fail.
    let _ = unsafe { syscall(k::__NR_sched_yield, [0; 6]) };
}

/// How many processors this thread may run on, at least 1 (counted up to 1024).
#[must_use]
pub fn processors() -> u32 {
    let mut mask = [0_u64; 16];
    // SAFETY: the kernel writes at most the mask.
    let done = unsafe {
        syscall(k::__NR_sched_getaffinity, [0, size_of::<[u64; 16]>(), mask.as_mut_ptr() as usize, 0, 0, 0])
    };
    // Machines with a larger mask than ours answer EINVAL; they certainly have more than one.
    if done.is_err() { 2 } else { mask.iter().map(|word| word.count_ones()).sum::<u32>().max(1) }
}

// -------------------------------------------------------------------------------------------------------------- files

/// An open descriptor that is closed when dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Fd(i32);

impl Fd {
    /// The number, still ours.
    #[must_use]
    pub const fn raw(&self) -> i32 {
        self.0
    }

    /// The number, from now on the caller's to close.
    #[must_use]
    pub const fn into_raw(self) -> i32 {
        let raw = self.0;
        core::mem::forget(self);
        raw
    }

    /// Takes over an open descriptor.
    ///
    /// # Safety
    /// It must be open, and nobody else may close it.
    #[must_use]
    pub const unsafe fn from_raw(raw: i32) -> Fd {
        Fd(raw)
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours. Whatever the kernel answers, it is closed afterwards.
        let _ = unsafe { syscall(k::__NR_close, [self.0 as usize, 0, 0, 0, 0, 0]) };
    }
}

/// Opens an existing file, close-on-exec. Whatever the path leads to, this neither waits (as for the
/// other end of a pipe) nor makes a terminal ours.
pub fn open(path: &Text, mode: OpenMode) -> Result<Fd> {
    let flags = mode as u32 | k::O_CLOEXEC | k::O_NONBLOCK | k::O_NOCTTY;
    let args = [k::AT_FDCWD as usize, path.as_ptr() as usize, flags as usize, 0, 0, 0];
    // SAFETY: the path ends with a zero and is only read.
    unsafe { syscall(k::__NR_openat, args) }.map(|raw| Fd(raw as i32))
}

/// Reads from where the descriptor stands; 0 is the end.
pub fn read(fd: i32, into: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes only to `into`.
    unsafe { syscall(k::__NR_read, [fd as usize, into.as_mut_ptr() as usize, into.len(), 0, 0, 0]) }
}

/// Reads from a place in the file.
pub fn pread(fd: i32, into: &mut [u8], offset: u64) -> Result<usize> {
    let args = [fd as usize, into.as_mut_ptr() as usize, into.len(), offset as usize, 0, 0];
    // SAFETY: the kernel writes only to `into`.
    unsafe { syscall(k::__NR_pread64, args) }
}

/// Writes where the descriptor stands.
pub fn write(fd: i32, from: &[u8]) -> Result<usize> {
    // SAFETY: the kernel only reads `from`.
    unsafe { syscall(k::__NR_write, [fd as usize, from.as_ptr() as usize, from.len(), 0, 0, 0]) }
}

/// The size of an open file, found by seeking to its end.
pub fn file_size(fd: i32) -> Result<u64> {
    // SAFETY: only the position of the descriptor changes.
    unsafe { syscall(k::__NR_lseek, [fd as usize, 0, k::SEEK_END as usize, 0, 0, 0]) }.map(|size| size as u64)
}

/// Lists a directory as the kernel's `linux_dirent64` records; 0 is the end.
pub fn getdents(fd: i32, into: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes only to `into`.
    unsafe { syscall(k::__NR_getdents64, [fd as usize, into.as_mut_ptr() as usize, into.len(), 0, 0, 0]) }
}

/// A new file in memory that can be sealed, close-on-exec.
pub fn memfd_create(name: &Text) -> Result<Fd> {
    let flags = k::MFD_CLOEXEC | k::MFD_ALLOW_SEALING;
    // SAFETY: the name ends with a zero and is only read.
    let made = |flags: u32| unsafe {
        syscall(k::__NR_memfd_create, [name.as_ptr() as usize, flags as usize, 0, 0, 0, 0])
    };
    // Systems that forbid executable memfds refuse the plain call; kernels before 6.3 refuse the flag.
    made(flags | k::MFD_NOEXEC_SEAL).or_else(|_| made(flags)).map(|raw| Fd(raw as i32))
}

/// Sets the size of a file.
pub fn ftruncate(fd: i32, size: u64) -> Result<()> {
    // SAFETY: no address is passed. Shrinking a mapped file is refused by the seals of every file we map.
    unsafe { syscall(k::__NR_ftruncate, [fd as usize, size as usize, 0, 0, 0, 0]) }.map(drop)
}

/// The size of a memfd can never shrink.
pub const SEAL_SHRINK: u32 = k::F_SEAL_SHRINK;
/// The size of a memfd can never grow.
pub const SEAL_GROW: u32 = k::F_SEAL_GROW;
/// The seals of a memfd can never change.
pub const SEAL_SEAL: u32 = k::F_SEAL_SEAL;
/// No new writable mapping, and no `write`, of a memfd.
pub const SEAL_FUTURE_WRITE: u32 = k::F_SEAL_FUTURE_WRITE;

/// Adds seals to a memfd.
pub fn add_seals(fd: i32, seals: u32) -> Result<()> {
    // SAFETY: no address is passed.
    unsafe { syscall(k::__NR_fcntl, [fd as usize, k::F_ADD_SEALS as usize, seals as usize, 0, 0, 0]) }
        .map(drop)
}

/// The seals of a memfd; `EINVAL` for any other file.
pub fn get_seals(fd: i32) -> Result<u32> {
    // SAFETY: no address is passed.
    unsafe { syscall(k::__NR_fcntl, [fd as usize, k::F_GET_SEALS as usize, 0, 0, 0, 0]) }
        .map(|seals| seals as u32)
}

/// How the file behind a descriptor was opened.
pub fn open_mode(fd: i32) -> Result<OpenMode> {
    // SAFETY: no address is passed.
    unsafe { syscall(k::__NR_fcntl, [fd as usize, k::F_GETFL as usize, 0, 0, 0, 0]) }.map(|flags| {
        if flags as u32 & k::O_ACCMODE == k::O_RDWR { OpenMode::ReadWrite } else { OpenMode::Read }
    })
}

/// Takes the write lock of one byte for this open file, not waiting: `EAGAIN` if another open file has it.
/// The kernel releases it when the last descriptor of this open file is closed, however that comes about.
pub fn lock_byte(fd: i32, byte: u64) -> Result<()> {
    set_lock(fd, byte, k::F_WRLCK)
}

/// Gives the lock of one byte back.
pub fn unlock_byte(fd: i32, byte: u64) -> Result<()> {
    set_lock(fd, byte, k::F_UNLCK)
}

fn set_lock(fd: i32, byte: u64, kind: u32) -> Result<()> {
    // The pid must be 0: that is how the kernel knows an open-file lock from a process lock.
    let lock =
        k::flock { l_type: kind as _, l_whence: k::SEEK_SET as _, l_start: byte as _, l_len: 1, l_pid: 0 };
    // SAFETY: the kernel reads one lock description, which lives across the call.
    unsafe {
        syscall(k::__NR_fcntl, [fd as usize, k::F_OFD_SETLK as usize, &raw const lock as usize, 0, 0, 0])
    }
    .map(drop)
}

/// First take a private copy of the descriptor table: for [`close_range`].
pub const CLOSE_RANGE_UNSHARE: u32 = 1 << 1;

/// Closes every descriptor from `first` to `last` (5.9).
///
/// # Safety
/// Nobody may own a descriptor in the range, unless the table is unshared first.
pub unsafe fn close_range(first: u32, last: u32, flags: u32) -> Result<()> {
    // SAFETY: the caller vouches for the descriptors.
    unsafe { syscall(k::__NR_close_range, [first as usize, last as usize, flags as usize, 0, 0, 0]) }
        .map(drop)
}

/// Gives this thread a copy of the descriptor table for itself.
///
/// # Safety
/// Nothing in this thread may expect descriptors opened by other threads afterwards.
pub unsafe fn unshare_files() -> Result<()> {
    // SAFETY: the caller vouches for it.
    unsafe { syscall(k::__NR_unshare, [k::CLONE_FILES as usize, 0, 0, 0, 0, 0]) }.map(drop)
}

/// How many descriptors this process may have at most.
pub fn descriptor_limit() -> Result<u64> {
    let mut limit = k::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    let args = [0, k::RLIMIT_NOFILE as usize, 0, &raw mut limit as usize, 0, 0];
    // SAFETY: the kernel writes one such structure.
    unsafe { syscall(k::__NR_prlimit64, args) }.map(|_| limit.rlim_cur)
}

// --------------------------------------------------------------------------------------------------- what is mapped

/// What [`procmap_query`] tells of one mapping, and is told: the kernel's own structure.
pub use linux_raw_sys::general::procmap_query as ProcmapQuery;

/// Bits of [`ProcmapQuery`]: in `query_flags` what to look for, in `vma_flags` what was found.
#[allow(
    missing_docs,
    reason = "the names are the kernel's: see PROCMAP_QUERY in Documentation/filesystems/proc.rst"
)]
pub mod procmap {
    use linux_raw_sys::general::procmap_query_flags as flags;
    pub const READABLE: u64 = flags::PROCMAP_QUERY_VMA_READABLE as u64;
    pub const WRITABLE: u64 = flags::PROCMAP_QUERY_VMA_WRITABLE as u64;
    pub const EXECUTABLE: u64 = flags::PROCMAP_QUERY_VMA_EXECUTABLE as u64;
    pub const SHARED: u64 = flags::PROCMAP_QUERY_VMA_SHARED as u64;
    pub const COVERING_OR_NEXT: u64 = flags::PROCMAP_QUERY_COVERING_OR_NEXT_VMA as u64;
    pub const FILE_BACKED: u64 = flags::PROCMAP_QUERY_FILE_BACKED_VMA as u64;
}

/// `_IOWR('f', 17, struct procmap_query)`, which the bindings lack.
const PROCMAP_QUERY: usize = 3 << 30 | size_of::<ProcmapQuery>() << 16 | (b'f' as usize) << 8 | 17;
const _: () = assert!(PROCMAP_QUERY == 0xc068_6611);

/// Asks an open `/proc/PID/maps` for one mapping (6.11): the one with `addr`, or with
/// [`procmap::COVERING_OR_NEXT`] in `flags` the next above it. `None`: there is none. `ENOTTY`: an older kernel.
///
/// The name goes to `name`, with a final zero, if that is long enough, else the answer is `ENAMETOOLONG`; an empty
/// `name` asks for none.
pub fn procmap_query(maps: i32, addr: usize, flags: u64, name: &mut [u8]) -> Result<Option<ProcmapQuery>> {
    // SAFETY: the structure is integers only, for which zero is a value.
    let mut query: ProcmapQuery = unsafe { MaybeUninit::zeroed().assume_init() };
    query.size = size_of::<ProcmapQuery>() as u64;
    query.query_flags = flags;
    query.query_addr = addr as u64;
    if !name.is_empty() {
        query.vma_name_size = name.len().min(4096) as u32;
        query.vma_name_addr = name.as_mut_ptr() as u64;
    }
    let args = [maps as usize, PROCMAP_QUERY, &raw mut query as usize, 0, 0, 0];
    // SAFETY: the kernel writes the structure, whose size it was told, and at most `vma_name_size` bytes of `name`.
    match unsafe { syscall(k::__NR_ioctl, args) } {
        Ok(_) => Ok(Some(query)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

// ------------------------------------------------------------------------------------------------ process and system

/// This thread's number.
#[must_use]
pub fn gettid() -> i32 {
    // SAFETY: no arguments, no effect; it cannot fail.
    unsafe { syscall(k::__NR_gettid, [0; 6]) }.unwrap_or(0) as i32
}

/// This process's number.
#[must_use]
pub fn getpid() -> i32 {
    // SAFETY: no arguments, no effect; it cannot fail.
    unsafe { syscall(k::__NR_getpid, [0; 6]) }.unwrap_or(0) as i32
}

/// Ends this thread, and the process only if it is the last.
///
/// # Safety
/// Nothing may wait for this thread to run destructors or give locks back.
pub unsafe fn exit_thread(code: i32) -> ! {
    loop {
        // SAFETY: the caller vouches for what this thread leaves behind. The call does not return.
        let _ = unsafe { syscall(k::__NR_exit, [code as usize, 0, 0, 0, 0, 0]) };
    }
}

/// Names this thread, up to 15 bytes.
pub fn set_thread_name(name: &Text) -> Result<()> {
    // SAFETY: the kernel copies the name, which ends with a zero.
    unsafe { syscall(k::__NR_prctl, [prctl::PR_SET_NAME as usize, name.as_ptr() as usize, 0, 0, 0, 0]) }
        .map(drop)
}

/// Holds every signal of this thread back that can be, and says what was held back before.
pub fn block_signals() -> SignalMask {
    swap_signal_mask(SignalMask(!0))
}

/// Undoes [`block_signals`].
pub fn restore_signals(mask: SignalMask) {
    swap_signal_mask(mask);
}

fn swap_signal_mask(new: SignalMask) -> SignalMask {
    let mut old = SignalMask(0);
    let args =
        [k::SIG_SETMASK as usize, &raw const new as usize, &raw mut old as usize, size_of::<u64>(), 0, 0];
    // SAFETY: the kernel reads one mask and writes the other. With valid pointers it cannot fail.
    let _ = unsafe { syscall(k::__NR_rt_sigprocmask, args) };
    old
}

/// Fills a buffer of up to 256 bytes with random bytes.
pub fn getrandom(into: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes only to `into`.
    unsafe { syscall(k::__NR_getrandom, [into.as_mut_ptr() as usize, into.len(), 0, 0, 0, 0]) }
}

/// How large the stack of the first thread may grow, in bytes; `None` without a limit.
#[must_use]
pub fn stack_limit() -> Option<u64> {
    let mut limits = [0_u64; 2];
    let args = [0, k::RLIMIT_STACK as usize, 0, &raw mut limits as usize, 0, 0];
    // SAFETY: the kernel writes one pair of limits, and reads no new ones.
    let read = unsafe { syscall(k::__NR_prlimit64, args) };
    (read.is_ok() && limits[0] != u64::MAX).then_some(limits[0])
}

/// Bytes of main memory and of swap.
pub fn total_memory() -> Result<(u64, u64)> {
    let mut info = MaybeUninit::<system::sysinfo>::zeroed();
    // SAFETY: the kernel writes one such structure.
    unsafe { syscall(k::__NR_sysinfo, [info.as_mut_ptr() as usize, 0, 0, 0, 0, 0]) }?;
    // SAFETY: the structure is integers only, and all were zero before.
    let info = unsafe { info.assume_init() };
    let unit = u64::from(info.mem_unit.max(1));
    Ok((info.totalram.saturating_mul(unit), info.totalswap.saturating_mul(unit)))
}

/// The kernel's version, such as `(6, 18)`. Distributions backport: prefer to try a feature.
pub fn kernel_version() -> Result<(u32, u32)> {
    let mut names = MaybeUninit::<system::new_utsname>::zeroed();
    // SAFETY: the kernel writes one such structure.
    unsafe { syscall(k::__NR_uname, [names.as_mut_ptr() as usize, 0, 0, 0, 0, 0]) }?;
    // SAFETY: the structure is bytes only, and all were zero before.
    let release = unsafe { names.assume_init() }.release;
    let mut numbers = release.split(|&byte| !(byte as u8).is_ascii_digit()).map(|digits| {
        digits
            .iter()
            .fold(0_u32, |sum, &digit| sum.wrapping_mul(10).wrapping_add(u32::from(digit as u8 - b'0')))
    });
    Ok((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
}

//! A thread without libc, waiting for descriptors, and signals to one thread.

use core::arch::{asm, naked_asm};
use core::mem::size_of;
use core::sync::atomic::AtomicU32;

use linux_raw_sys::general as k;

use super::{Errno, Fd, Result, Timespec, syscall};

/// What a new thread runs, with the argument that its creator gave.
pub type Entry = unsafe extern "C" fn(usize) -> !;

/// Everything shared with this thread, as threads of one process do; `done` is cleared and woken when it ends.
const THREAD: u32 = k::CLONE_VM
    | k::CLONE_FS
    | k::CLONE_FILES
    | k::CLONE_SIGHAND
    | k::CLONE_THREAD
    | k::CLONE_SYSVSEM
    | k::CLONE_CHILD_CLEARTID;

/// Starts a thread of this process, with this thread's descriptors and signal mask, and says its number. `done` is set to
/// something else than 0 beforehand by the caller, and to 0 by the kernel when the thread is gone.
///
/// # Safety
/// `top` is the end of a stack, 16-byte aligned, that stays mapped until the thread is gone; so does `done`. What runs
/// there uses neither thread-local storage nor libc.
pub unsafe fn spawn(top: usize, entry: Entry, argument: usize, done: &'static AtomicU32) -> Result<i32> {
    let value: isize;
    // SAFETY: the caller vouches for stack and entry. The new thread comes to life with these registers on its own stack
    // and never returns here; the old one goes on behind the block.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") k::__NR_clone as usize => value,
            in("rdi") THREAD as usize,
            in("rsi") top,
            in("rdx") 0_usize,
            in("r10") done.as_ptr(),
            in("r8") 0_usize,
            in("r12") argument,
            in("r13") entry,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    if (-4095..0).contains(&value) { Err(Errno(-value as u16)) } else { Ok(value as i32) }
}

/// A counter that can be waited for like a file, close-on-exec.
pub fn eventfd() -> Result<Fd> {
    let flags = k::EFD_CLOEXEC | k::EFD_NONBLOCK;
    // SAFETY: no address is passed.
    unsafe { syscall(k::__NR_eventfd2, [0, flags as usize, 0, 0, 0, 0]) }.map(|raw| Fd(raw as i32))
}

/// Waits until one of two descriptors can be read from, and says which.
pub fn wait_either(descriptors: [i32; 2], timeout: Option<Timespec>) -> Result<[bool; 2]> {
    let mut polls = descriptors.map(|fd| k::pollfd { fd, events: k::POLLIN as i16, revents: 0 });
    let timeout = timeout.as_ref().map_or(0, |timeout| core::ptr::from_ref(timeout) as usize);
    let args = [polls.as_mut_ptr() as usize, polls.len(), timeout, 0, size_of::<u64>(), 0];
    // SAFETY: the kernel reads the timeout and writes the two records.
    unsafe { syscall(k::__NR_ppoll, args) }?;
    Ok(polls.map(|poll| poll.revents != 0))
}

/// What a signal handler is told; the kernel's own structure, as far as we fill it in.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct SignalInfo {
    /// The signal.
    pub number: i32,
    errno: i32,
    /// Why.
    pub code: i32,
    pad: i32,
    /// For a fault the address; for a queued signal who sent it.
    pub first: u64,
    /// For a queued signal the value that comes with it.
    pub second: u64,
    rest: [u64; 12],
}

const _: () = assert!(size_of::<SignalInfo>() == 128);

/// `SEGV_ACCERR`: a fault where something is mapped.
pub const SEGV_ACCERR: i32 = 2;
/// `SI_QUEUE`: somebody queued it.
pub const SI_QUEUE: i32 = -1;

impl SignalInfo {
    /// A signal with two words.
    #[must_use]
    pub const fn new(number: i32, code: i32, first: u64, second: u64) -> Self {
        Self { number, errno: 0, code, pad: 0, first, second, rest: [0; 12] }
    }
}

/// Queues a signal for one thread of this process. A code that is not negative says that the kernel sent it, and is
/// permitted to a thread for itself only: `EPERM`. `ESRCH`: there is no such thread; `EAGAIN`: too many are queued.
///
/// # Safety
/// The program can take this signal.
pub unsafe fn queue_signal(thread: i32, info: &SignalInfo) -> Result<()> {
    let info_at = core::ptr::from_ref(info) as usize;
    let args = [super::getpid() as usize, thread as usize, info.number as usize, info_at, 0, 0];
    // SAFETY: the kernel reads one such structure; the caller vouches for the rest.
    unsafe { syscall(k::__NR_rt_tgsigqueueinfo, args) }.map(drop)
}

/// Sends a signal to one thread of this process, with nothing but its number.
///
/// # Safety
/// As for [`queue_signal`].
pub unsafe fn send_signal(thread: i32, number: i32) -> Result<()> {
    let args = [super::getpid() as usize, thread as usize, number as usize, 0, 0, 0];
    // SAFETY: no address is passed; the caller vouches for the rest.
    unsafe { syscall(k::__NR_tgkill, args) }.map(drop)
}

/// What is done about a signal: the kernel's own structure.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// 0: what is usual; 1: nothing; else a function.
    pub handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

/// A function that takes a signal.
pub type Taker = extern "C" fn(i32, *const SignalInfo, *mut u8);

impl Disposition {
    /// What is usual.
    pub const USUAL: Self = Self { handler: 0, flags: 0, restorer: 0, mask: 0 };

    /// This function takes it, on the other stack if there is one, with every signal held back meanwhile.
    #[must_use]
    pub fn taken_by(taker: Taker) -> Self {
        let flags = k::SA_SIGINFO | k::SA_ONSTACK | k::SA_RESTORER;
        Self {
            handler: taker as usize,
            flags: u64::from(flags),
            restorer: go_back as *const () as usize,
            mask: !0,
        }
    }
}

/// How a handler returns.
#[unsafe(naked)]
extern "C" fn go_back() {
    naked_asm!("mov eax, {number}", "syscall", number = const k::__NR_rt_sigreturn);
}

/// What is done about a signal now.
pub fn disposition(signal: i32) -> Result<Disposition> {
    let mut old = Disposition::USUAL;
    let args = [signal as usize, 0, &raw mut old as usize, size_of::<u64>(), 0, 0];
    // SAFETY: the kernel writes one such structure.
    unsafe { syscall(k::__NR_rt_sigaction, args) }.map(|_| old)
}

/// Changes what is done about a signal in the whole process.
///
/// # Safety
/// The program does not mind, and the function stays where it is.
pub unsafe fn set_disposition(signal: i32, new: &Disposition) -> Result<()> {
    let args = [signal as usize, core::ptr::from_ref(new) as usize, 0, size_of::<u64>(), 0, 0];
    // SAFETY: the kernel reads one such structure; the caller vouches for it.
    unsafe { syscall(k::__NR_rt_sigaction, args) }.map(drop)
}

//! The process that holds the tracer's end of a session.
//!
//! If the caller were the tracer and were killed half-way, the kernel would let the target run on
//! with our registers in it, and it would crash. So the session runs in a short-lived child that
//! shares the caller's memory, like after `vfork`: the calling thread waits, and when it is killed
//! instead, the child finishes the session all the same. The child has its own session and blocks
//! every signal, so that nothing sent to the caller, its group or its terminal arrives there.
//!
//! The child shares the memory and the locks of a process that may be dead: see `sys.rs` for what
//! it may not do.

use std::arch::asm;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

use super::session::{self, Job};
use super::sys;

const STACK: usize = 256 << 10;
const GUARD: usize = 4096;

/// Runs the session in a guardian.
pub(super) fn run(job: &mut Job<'_>) -> Result<(), i32> {
    let stack = Stack::new()?;
    let mask = sys::mask_signals(!0);
    let started = start(job, stack.top());
    // Ends with its memory, before that we do not run; this only clears away its number.
    let _ = started.map(sys::wait_end);
    sys::mask_signals(mask);
    started.map(drop)
}

/// Runs the session on a thread of this process, whose end lets go of whatever it still holds. This
/// is for Yama's scope 1, where only ancestors may trace: the guardian is merely a sibling of what
/// the caller started. Here the death of the caller in the wrong 0.3 ms does harm the target, and a
/// `waitpid(-1)` elsewhere in the caller can get in the way.
pub(super) fn run_on_thread(job: &mut Job<'_>) -> Result<(), i32> {
    let worker = || {
        let mask = sys::mask_signals(!0);
        session::run(job);
        sys::mask_signals(mask);
        rustix::thread::gettid()
    };
    let tid = std::thread::scope(|scope| scope.spawn(worker).join()).map_err(|_| libc::EAGAIN)?;
    // Joined is not yet gone, and only a tracer that is gone has let go.
    let ended = || std::fs::metadata(format!("/proc/self/task/{tid}")).is_err();
    let limit = sys::now() + 100_000_000;
    while !ended() && sys::now() < limit {
        sys::nap(10_000);
    }
    Ok(())
}

/// Starts the guardian and sleeps until it has ended (`CLONE_VFORK`). Gives its pid.
fn start(job: &mut Job<'_>, top: *mut u8) -> Result<i32, i32> {
    // No exit signal: the caller's own handling of its children never sees this one.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
    let ret: i64;
    // SAFETY: the parent only sees its `rax`, `rcx` and `r11` change. The child never returns from here;
    // its stack is its own, aligned as `call` wants it, and `job` stays: this thread sleeps, or was killed
    // and frees nothing.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "mov eax, 231",
            "xor edi, edi",
            "syscall",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone => ret,
            in("rdi") flags, in("rsi") top, in("rdx") 0, in("r10") 0, in("r8") 0,
            in("r12") core::ptr::from_mut(job), in("r13") guardian as extern "C" fn(&mut Job<'_>),
            lateout("rcx") _, lateout("r11") _,
        );
    }
    if ret < 0 { Err(ret.wrapping_neg() as i32) } else { Ok(ret as i32) }
}

extern "C" fn guardian(job: &mut Job<'_>) {
    sys::new_session();
    session::run(job);
}

/// A stack with a page below it that faults.
struct Stack {
    start: *mut u8,
}

impl Stack {
    fn new() -> Result<Self, i32> {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing that exists.
        let mapped =
            unsafe { rustix::mm::mmap_anonymous(core::ptr::null_mut(), STACK, prot, MapFlags::PRIVATE) };
        let start = mapped.map_err(|e| e.raw_os_error())?;
        // SAFETY: the first page of the mapping just made, which nobody uses yet.
        let _ = unsafe { rustix::mm::mprotect(start, GUARD, MprotectFlags::empty()) };
        Ok(Self { start: start.cast() })
    }

    fn top(&self) -> *mut u8 {
        self.start.wrapping_add(STACK)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and the guardian that ran on it has ended.
        let _ = unsafe { rustix::mm::munmap(self.start.cast(), STACK) };
    }
}

//! The system calls of a session, without libc.
//!
//! The guardian shares the caller's memory but outlives it: when the caller is killed, any of its
//! threads may have held the allocator's or libc's locks. So nothing below allocates, panics, takes
//! a lock or touches thread-local storage (`errno`); errors are plain positive numbers.

use std::arch::asm;

/// Result of a raw call: the value, or the error number.
pub(super) type Raw = Result<u64, i32>;

/// The encoding of the `syscall` instruction.
pub(super) const SYSCALL: [u8; 2] = [0x0f, 0x05];

pub(super) const PTRACE_CONT: u64 = 7;
pub(super) const PTRACE_SYSCALL: u64 = 24;
const PTRACE_GETREGS: u64 = 12;
const PTRACE_SETREGS: u64 = 13;
const PTRACE_DETACH: u64 = 17;
const PTRACE_GETREGSET: u64 = 0x4204;
const PTRACE_SETREGSET: u64 = 0x4205;
const PTRACE_SEIZE: u64 = 0x4206;
const PTRACE_INTERRUPT: u64 = 0x4207;
const PTRACE_GETSIGMASK: u64 = 0x420a;
const PTRACE_SETSIGMASK: u64 = 0x420b;
const PTRACE_SECCOMP_GET_FILTER: u64 = 0x420c;
const PTRACE_SET_SYSCALL_USER_DISPATCH: u64 = 0x4210;
const PTRACE_GET_SYSCALL_USER_DISPATCH: u64 = 0x4211;
const PTRACE_O_TRACESYSGOOD: u64 = 1;
const NT_X86_XSTATE: u64 = 0x202;
const WALL: u64 = 0x4000_0000;
const WNOHANG: u64 = 1;

/// The general registers, in the kernel's `user_regs_struct` order.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) struct Regs {
    pub(super) r15: u64, pub(super) r14: u64, pub(super) r13: u64, pub(super) r12: u64,
    pub(super) rbp: u64, pub(super) rbx: u64, pub(super) r11: u64, pub(super) r10: u64,
    pub(super) r9: u64, pub(super) r8: u64, pub(super) rax: u64, pub(super) rcx: u64,
    pub(super) rdx: u64, pub(super) rsi: u64, pub(super) rdi: u64, pub(super) orig_rax: u64,
    pub(super) rip: u64, pub(super) cs: u64, pub(super) eflags: u64, pub(super) rsp: u64,
    pub(super) ss: u64, pub(super) fs_base: u64, pub(super) gs_base: u64,
    pub(super) ds: u64, pub(super) es: u64, pub(super) fs: u64, pub(super) gs: u64,
}

/// `struct ptrace_sud_config`: where a thread wants its own system calls to be caught (Wine does).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UserDispatch {
    pub(super) mode: u64,
    pub(super) selector: u64,
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// One instruction of a classic BPF program, `struct sock_filter`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Insn {
    pub(super) code: u16,
    pub(super) jt: u8,
    pub(super) jf: u8,
    pub(super) k: u32,
}

#[repr(C)]
struct IoVec {
    base: u64,
    len: u64,
}

/// Makes one system call.
///
/// # Safety As for the call itself: pointers among the arguments must be good for what the kernel
/// does with them.
pub(super) unsafe fn call(nr: i64, a: [u64; 6]) -> Raw {
    let ret: i64;
    // SAFETY: the instruction clobbers rax, rcx and r11 only; the rest is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") nr => ret, in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3],
             in("r8") a[4], in("r9") a[5], lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    if (-4095..0).contains(&ret) { Err(ret.wrapping_neg() as i32) } else { Ok(ret.cast_unsigned()) }
}

/// A call that reads and writes no memory of ours.
fn plain(nr: i64, a: [u64; 6]) -> Raw {
    // SAFETY: used only in this file, with calls whose arguments are all numbers.
    unsafe { call(nr, a) }
}

/// A `ptrace` request whose data is a number.
fn trace(request: u64, tid: i32, addr: u64, data: u64) -> Result<(), i32> {
    plain(libc::SYS_ptrace, [request, tid as u64, addr, data, 0, 0]).map(drop)
}

/// A `ptrace` request that reads or writes `data`.
fn trace_with<T>(request: u64, tid: i32, addr: u64, data: &mut T) -> Raw {
    // SAFETY: `T` is the structure that the kernel expects for the request; each caller below pairs
    // them.
    unsafe { call(libc::SYS_ptrace, [request, tid as u64, addr, &raw mut *data as u64, 0, 0]) }
}

pub(super) fn seize(tid: i32) -> Result<(), i32> {
    trace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD)
}

pub(super) fn interrupt(tid: i32) -> Result<(), i32> {
    trace(PTRACE_INTERRUPT, tid, 0, 0)
}

/// Lets the thread run on with [`PTRACE_CONT`] or [`PTRACE_SYSCALL`], handing it `signal` (0:
/// none).
pub(super) fn resume(tid: i32, request: u64, signal: i32) -> Result<(), i32> {
    trace(request, tid, 0, signal as u64)
}

pub(super) fn detach(tid: i32, signal: i32) -> Result<(), i32> {
    trace(PTRACE_DETACH, tid, 0, signal as u64)
}

/// The registers, always in the 64-bit layout: `GETREGSET` would answer a thread that executes
/// 32-bit code in a 64-bit process (as under Wine) with the narrow one.
pub(super) fn registers(tid: i32) -> Result<Regs, i32> {
    let mut regs = Regs::default();
    trace_with(PTRACE_GETREGS, tid, 0, &mut regs).map(|_| regs)
}

pub(super) fn set_registers(tid: i32, regs: &Regs) -> Result<(), i32> {
    trace_with(PTRACE_SETREGS, tid, 0, &mut regs.clone()).map(drop)
}

/// Copies the extended register state into `buffer`; gives its length.
pub(super) fn extended(tid: i32, buffer: &mut [u8]) -> Result<u64, i32> {
    let mut vec = IoVec { base: buffer.as_mut_ptr() as u64, len: buffer.len() as u64 };
    trace_with(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &mut vec).map(|_| vec.len)
}

pub(super) fn set_extended(tid: i32, state: &[u8]) -> Result<(), i32> {
    let mut vec = IoVec { base: state.as_ptr() as u64, len: state.len() as u64 };
    trace_with(PTRACE_SETREGSET, tid, NT_X86_XSTATE, &mut vec).map(drop)
}

pub(super) fn signal_mask(tid: i32) -> Result<u64, i32> {
    let mut mask = 0u64;
    trace_with(PTRACE_GETSIGMASK, tid, 8, &mut mask).map(|_| mask)
}

pub(super) fn set_signal_mask(tid: i32, mut mask: u64) -> Result<(), i32> {
    trace_with(PTRACE_SETSIGMASK, tid, 8, &mut mask).map(drop)
}

pub(super) fn user_dispatch(tid: i32) -> Result<UserDispatch, i32> {
    let mut config = UserDispatch::default();
    trace_with(PTRACE_GET_SYSCALL_USER_DISPATCH, tid, size_of::<UserDispatch>() as u64, &mut config)
        .map(|_| config)
}

pub(super) fn set_user_dispatch(tid: i32, mut config: UserDispatch) -> Result<(), i32> {
    trace_with(PTRACE_SET_SYSCALL_USER_DISPATCH, tid, size_of::<UserDispatch>() as u64, &mut config).map(drop)
}

/// The most instructions that a seccomp filter can have (`BPF_MAXINSNS`).
pub(super) const FILTER_MAX: usize = 4096;

/// Copies filter number `index` (0 is the newest) into `program`; gives its length.
pub(super) fn seccomp_filter(tid: i32, index: u64, program: &mut [Insn; FILTER_MAX]) -> Raw {
    trace_with(PTRACE_SECCOMP_GET_FILTER, tid, index, program)
}

/// One look for a change of state of `tid`: its wait status, or `None` when there is nothing yet.
pub(super) fn wait_now(tid: i32) -> Result<Option<i32>, i32> {
    wait4(tid, WALL | WNOHANG)
}

/// Waits for the end of a child, whatever signal it was to end with.
pub(super) fn wait_end(pid: i32) -> Result<Option<i32>, i32> {
    wait4(pid, WALL)
}

fn wait4(id: i32, options: u64) -> Result<Option<i32>, i32> {
    let mut status = 0i32;
    // SAFETY: the kernel writes one `i32` to `status`; no resource usage is asked for.
    let found = unsafe { call(libc::SYS_wait4, [id as u64, &raw mut status as u64, options, 0, 0, 0]) }?;
    Ok((found != 0).then_some(status))
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub(super) fn now() -> u64 {
    let mut at = [0u64; 2];
    // SAFETY: the kernel writes one `timespec`, which is two words.
    let told = unsafe {
        call(libc::SYS_clock_gettime, [libc::CLOCK_MONOTONIC as u64, &raw mut at as u64, 0, 0, 0, 0])
    };
    told.map_or(0, |_| at[0].wrapping_mul(1_000_000_000).wrapping_add(at[1]))
}

pub(super) fn yield_now() {
    let _ = plain(libc::SYS_sched_yield, [0; 6]);
}

pub(super) fn nap(ns: u64) {
    let time = [0u64, ns];
    // SAFETY: the kernel reads one `timespec`; the remainder is not asked for.
    let _ = unsafe { call(libc::SYS_nanosleep, [&raw const time as u64, 0, 0, 0, 0, 0]) };
}

/// Leaves the caller's session and process group, so that no signal sent to either arrives here.
pub(super) fn new_session() {
    let _ = plain(libc::SYS_setsid, [0; 6]);
}

/// Replaces the calling thread's signal mask; gives the old one.
pub(super) fn mask_signals(mask: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: one mask is read and one written; the kernel's set is 8 bytes.
    let _ = unsafe {
        call(
            libc::SYS_rt_sigprocmask,
            [libc::SIG_SETMASK as u64, &raw const mask as u64, &raw mut old as u64, 8, 0, 0],
        )
    };
    old
}

/// Copies from the memory of process or thread `id`; gives how much arrived.
pub(super) fn peek(id: i32, at: u64, into: &mut [u8]) -> Raw {
    let ours = IoVec { base: into.as_mut_ptr() as u64, len: into.len() as u64 };
    let theirs = IoVec { base: at, len: into.len() as u64 };
    // SAFETY: `ours` describes `into`; the other side is checked by the kernel.
    unsafe {
        call(
            libc::SYS_process_vm_readv,
            [id as u64, &raw const ours as u64, 1, &raw const theirs as u64, 1, 0],
        )
    }
}

/// Copies all of `from` into the memory of `id`.
pub(super) fn poke(id: i32, at: u64, from: &[u8]) -> Result<(), i32> {
    let ours = IoVec { base: from.as_ptr() as u64, len: from.len() as u64 };
    let theirs = IoVec { base: at, len: from.len() as u64 };
    // SAFETY: `ours` describes `from`, which the call only reads; the other side is checked by the
    // kernel.
    let done = unsafe {
        call(
            libc::SYS_process_vm_writev,
            [id as u64, &raw const ours as u64, 1, &raw const theirs as u64, 1, 0],
        )
    }?;
    if done == from.len() as u64 { Ok(()) } else { Err(libc::EFAULT) }
}

/// Reads the start of a file; `path` ends with a zero byte and is relative to `dir`.
pub(super) fn read_at(dir: i32, path: &[u8], into: &mut [u8]) -> Raw {
    if path.last() != Some(&0) {
        return Err(libc::EINVAL);
    }
    let flags = libc::O_CLOEXEC as u64;
    // SAFETY: the path is terminated, as just checked.
    let fd = unsafe { call(libc::SYS_openat, [dir as u64, path.as_ptr() as u64, flags, 0, 0, 0]) }?;
    // SAFETY: the buffer is `into`, with its length.
    let got = unsafe { call(libc::SYS_read, [fd, into.as_mut_ptr() as u64, into.len() as u64, 0, 0, 0]) };
    close(fd);
    got
}

pub(super) fn close(fd: u64) {
    let _ = plain(libc::SYS_close, [fd, 0, 0, 0, 0, 0]);
}

/// A descriptor of ours for the file that is number `fd` in the process.
pub(super) fn borrow_fd(pidfd: i32, fd: u64) -> Raw {
    plain(libc::SYS_pidfd_getfd, [pidfd as u64, fd, 0, 0, 0, 0])
}

/// Reads a socket's timeout, as seconds and microseconds.
pub(super) fn socket_timeout(fd: u64, option: i32) -> Result<[u64; 2], i32> {
    let mut value = [0u64; 2];
    let mut len = 16u32;
    let a = [fd, libc::SOL_SOCKET as u64, option as u64, &raw mut value as u64, &raw mut len as u64, 0];
    // SAFETY: the option is a `timeval` of two words, and `len` says so.
    unsafe { call(libc::SYS_getsockopt, a) }.map(|_| value)
}

pub(super) fn set_socket_timeout(fd: u64, option: i32, value: [u64; 2]) -> Result<(), i32> {
    let a = [fd, libc::SOL_SOCKET as u64, option as u64, &raw const value as u64, 16, 0];
    // SAFETY: the option is a `timeval` of two words.
    unsafe { call(libc::SYS_setsockopt, a) }.map(drop)
}

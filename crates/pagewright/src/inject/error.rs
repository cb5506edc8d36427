//! Why a thread could not be placed in a process, or removed from it.

use std::fmt;
use std::io;

/// What went wrong. The target is unchanged unless the variant says that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InjectError {
    /// The process it was about.
    pub(crate) pid: i32,
    /// The reason.
    pub(crate) reason: Reason,
}

/// The reasons, a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There is no such process (any more), or no such thread in it.
    NoSuchProcess,
    /// The process has ended, but nobody has waited for it yet.
    Ended,
    /// A thread of the kernel: it has no user memory.
    KernelThread,
    /// The program is a 32-bit one.
    Bits32,
    /// The kernel does not let this caller trace it.
    NotPermitted(Denied),
    /// Another process traces it; 0: one that is not visible from here.
    Traced { by: i32 },
    /// Job control has stopped it.
    Stopped,
    /// Its control group is frozen.
    Frozen,
    /// A seccomp filter is in the way.
    Seccomp(Forbidden),
    /// No thread could be brought to a halt in time.
    Busy,
    /// It ended or called `exec` while we were at it.
    Died,
    /// No `syscall` instruction was found outside the memory to be removed.
    NoSyscallInstruction,
    /// The blob to be placed is not what this module accepts.
    BadImage(&'static str),
    /// A step failed in a way that has no name of its own.
    Failed { step: &'static str, errno: i32 },
}

/// Why the kernel says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It belongs to another user.
    OtherUser { uid: u32 },
    /// Yama's `ptrace_scope`.
    Yama { scope: u32 },
    /// It has made itself non-dumpable, or runs a program that the caller may not read.
    NotDumpable,
    /// It holds capabilities, or lives in a user namespace, that the caller has no power over.
    Capability,
}

/// What a seccomp filter forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forbidden {
    /// Strict mode: nothing but read, write and exit.
    Strict,
    /// This system call, which the resident needs.
    Call(&'static str),
    /// The filter cannot be read, so nothing is known about it.
    Unreadable,
}

impl fmt::Display for InjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.pid;
        match self.reason {
            Reason::NoSuchProcess => write!(f, "there is no process {pid}; give the pid of a live process"),
            Reason::Ended => write!(f, "process {pid} has ended; give the pid of a live process"),
            Reason::KernelThread => {
                write!(
                    f,
                    "process {pid} is a kernel thread and has no user memory; give the pid of a program"
                )
            }
            Reason::Bits32 => {
                write!(f, "process {pid} runs a 32-bit program; only 64-bit programs can be attached to")
            }
            Reason::NotPermitted(why) => write_denied(f, pid, why),
            Reason::Traced { by: 0 } => {
                write!(
                    f,
                    "process {pid} is being traced by a process that is not visible here; end \
                     it and try again"
                )
            }
            Reason::Traced { by } => {
                write!(
                    f,
                    "process {pid} is being traced by process {by}; end that debugger or tracer and try again"
                )
            }
            Reason::Stopped => {
                write!(
                    f,
                    "process {pid} is stopped by job control; continue it with `kill -CONT \
                     {pid}` and try again"
                )
            }
            Reason::Frozen => {
                write!(f, "process {pid} is frozen by its control group; thaw the group and try again")
            }
            Reason::Seccomp(what) => write_forbidden(f, pid, what),
            Reason::Busy => write!(
                f,
                "no thread of process {pid} could be stopped in time, all are in uninterruptible waits or \
                 starved of processor time; try again later"
            ),
            Reason::Died => {
                write!(f, "process {pid} ended or started another program meanwhile; give a live pid")
            }
            Reason::NoSyscallInstruction => write!(
                f,
                "no `syscall` instruction was found in process {pid}, which has no vDSO; it cannot be \
                 worked in"
            ),
            Reason::BadImage(why) => write!(f, "the code to be placed in process {pid} is not usable: {why}"),
            Reason::Failed { step, errno } => {
                write!(f, "{step} failed in process {pid}: {}", io::Error::from_raw_os_error(errno))
            }
        }
    }
}

impl std::error::Error for InjectError {}

fn write_denied(f: &mut fmt::Formatter<'_>, pid: i32, why: Denied) -> fmt::Result {
    match why {
        Denied::OtherUser { uid } => {
            write!(f, "process {pid} belongs to user {uid}; run as that user or with CAP_SYS_PTRACE")
        }
        Denied::Yama { scope: 3.. } => write!(
            f,
            "process {pid} may not be traced because kernel.yama.ptrace_scope is 3; it can only be \
             changed by a reboot"
        ),
        Denied::Yama { scope } => write!(
            f,
            "process {pid} may not be traced because kernel.yama.ptrace_scope is {scope}; run with \
             CAP_SYS_PTRACE, start the process from this one, or set it to 0"
        ),
        Denied::NotDumpable => write!(
            f,
            "process {pid} is not dumpable (it changed its identity or asked for it); run with CAP_SYS_PTRACE"
        ),
        Denied::Capability => write!(
            f,
            "process {pid} has capabilities, a user namespace or a security label that this caller lacks; \
             run with CAP_SYS_PTRACE in its namespace"
        ),
    }
}

fn write_forbidden(f: &mut fmt::Formatter<'_>, pid: i32, what: Forbidden) -> fmt::Result {
    match what {
        Forbidden::Strict => {
            write!(
                f,
                "process {pid} is in seccomp strict mode, which allows no memory calls; it cannot \
                 be attached to"
            )
        }
        Forbidden::Call(name) => write!(
            f,
            "the seccomp filter of process {pid} forbids `{name}`, which is needed in it; allow that call in \
             the filter"
        ),
        Forbidden::Unreadable => write!(
            f,
            "process {pid} has a seccomp filter that this caller may not read; run with CAP_SYS_ADMIN and \
             without a seccomp filter of your own"
        ),
    }
}

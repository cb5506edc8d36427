//! Which process we mean, in a form that outlives the reuse of its number.
//!
//! A bare pid is a name, not a process: between two calls the process behind it can end and another
//! one can take the number. A [`Target`] holds a pidfd and a descriptor of `/proc/PID`; both stay
//! bound to the process that they were opened for and fail with `ESRCH` once it is gone.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags};

/// `PF_KTHREAD` of the kernel's `sched.h`, as shown in the ninth field of `/proc/PID/stat`.
const PF_KTHREAD: u64 = 0x0020_0000;

/// One process, held by descriptors instead of by number.
#[derive(Debug)]
pub(crate) struct Target {
    /// The number it had when it was opened; for messages and for calls that take nothing else.
    pub(crate) pid: i32,
    pub(crate) pidfd: OwnedFd,
    /// `O_PATH` descriptor of `/proc/PID`.
    pub(crate) proc: OwnedFd,
}

/// Why a process cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetError {
    /// No process has this number, or it is the number of a thread that is not the first of its
    /// process.
    NoSuchProcess { pid: i32 },
    /// The kernel refused for another reason, such as a descriptor limit.
    Failed { pid: i32, errno: i32 },
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchProcess { pid } => {
                write!(
                    f,
                    "there is no process {pid}; give the pid of a live process (not of one of its threads)"
                )
            }
            Self::Failed { pid, errno } => {
                write!(f, "process {pid} cannot be opened: {}", io::Error::from_raw_os_error(*errno))
            }
        }
    }
}

impl std::error::Error for TargetError {}

/// What a process is doing, as far as it matters to somebody who wants to work in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Runs or sleeps: the normal case.
    Live,
    /// Stopped by job control (SIGSTOP, SIGTSTP, …) until somebody sends SIGCONT.
    Stopped,
    /// Another process traces it.
    Traced { by: i32 },
    /// Ended: a zombie that nobody has waited for, or gone altogether.
    Ended,
}

/// How wide the target's program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bits {
    ThirtyTwo,
    SixtyFour,
}

impl Target {
    /// Binds to the process that has the number `pid` now.
    pub(crate) fn open(pid: i32) -> Result<Self, TargetError> {
        let number = Pid::from_raw(pid.max(0)).ok_or(TargetError::NoSuchProcess { pid })?;
        let pidfd =
            rustix::process::pidfd_open(number, PidfdFlags::empty()).map_err(|e| open_error(pid, e))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc =
            rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty()).map_err(|e| open_error(pid, e))?;
        let target = Self { pid, pidfd, proc };
        // The number could have changed hands between the two opens. If the pidfd's process still
        // exists, it did not: a process keeps its number until it has been waited for, and is not
        // found from then on.
        if target.is_reaped() {
            return Err(TargetError::NoSuchProcess { pid });
        }
        Ok(target)
    }

    /// Whether it has ended and been waited for. Signal number 0 is a question, not a signal.
    fn is_reaped(&self) -> bool {
        // SAFETY: the call reads its four numbers and no memory; the descriptor is open while
        // `self` lives.
        let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), 0, 0, 0) };
        sent < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
    }

    /// Whether every thread of the process has ended. One poll, no file is read.
    pub(crate) fn is_ended(&self) -> bool {
        let mut fd = libc::pollfd { fd: self.pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one `pollfd` of ours, and the count says one.
        unsafe { libc::poll(&raw mut fd, 1, 0) == 1 }
    }

    /// Running, stopped, traced or ended.
    pub(crate) fn state(&self) -> State {
        if self.is_ended() {
            return State::Ended;
        }
        let Ok(status) = self.read("status") else { return State::Ended };
        let by = status_field(&status, "TracerPid").and_then(|v| v.parse().ok()).unwrap_or(0);
        match status_field(&status, "State").and_then(|v| v.bytes().next()) {
            _ if by != 0 => State::Traced { by },
            Some(b'T') => State::Stopped,
            // `Z` with a silent pidfd: the first thread has left, the others still run.
            _ => State::Live,
        }
    }

    /// The numbers of its threads at this moment.
    pub(crate) fn threads(&self) -> io::Result<Vec<i32>> {
        let entries = std::fs::read_dir(self.path("task"))?;
        Ok(entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect())
    }

    /// Opens `path`, taken relative to `/proc/PID`.
    pub(crate) fn open_file(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(&self.proc, path, flags | OFlags::CLOEXEC, Mode::empty())
    }

    /// Opens a file about the memory of the process, which its first thread has left if it ended
    /// before the others.
    pub(crate) fn open_memory(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_file(&format!("task/{}/{name}", self.thread_with_memory()), flags)
    }

    /// The first thread, or another one if the first has ended.
    pub(crate) fn thread_with_memory(&self) -> i32 {
        let lives = |tid: &i32| {
            let stat = self.read(&format!("task/{tid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X', 'x']))
        };
        if lives(&self.pid) {
            return self.pid;
        }
        self.threads().ok().and_then(|all| all.into_iter().find(lives)).unwrap_or(self.pid)
    }

    /// The whole text of the file `path` below `/proc/PID`.
    pub(crate) fn read(&self, path: &str) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::from(self.open_file(path, OFlags::RDONLY)?).read_to_end(&mut bytes)?;
        // Command names are arbitrary bytes; nothing we look for is.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The width of its program, from the ELF class of the executable and, where that cannot be
    /// read, from the shape of the auxiliary vector.
    pub(crate) fn bits(&self) -> Result<Bits, Errno> {
        match self.elf_class() {
            Ok(bits) => Ok(bits),
            Err(_) => self.auxv_width(),
        }
    }

    /// Whether it is a thread of the kernel, which has no user memory.
    pub(crate) fn is_kernel_thread(&self) -> bool {
        let Ok(stat) = self.read("stat") else { return false };
        // The name is in parentheses and may hold anything, so count from the last one.
        let flags =
            stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(6)?.parse::<u64>().ok());
        flags.is_some_and(|f| f & PF_KTHREAD != 0)
    }

    /// Whether this process may trace the target. Opening `mem` makes the very check that `ptrace`
    /// makes and changes nothing.
    pub(crate) fn may_trace(&self) -> Result<(), Errno> {
        self.open_memory("mem", OFlags::RDONLY).map(drop)
    }

    /// Whether this process may look at the target's memory map (the weaker check, enough for
    /// queries).
    pub(crate) fn may_inspect(&self) -> Result<(), Errno> {
        self.open_memory("maps", OFlags::RDONLY).map(drop)
    }

    /// The effective user who owns the files in `/proc/PID`; root for a process that made itself
    /// non-dumpable.
    pub(crate) fn proc_owner(&self) -> Result<u32, Errno> {
        // `/proc/PID` itself is always owned by the process's user; the files in it show the
        // dumpable flag.
        rustix::fs::statat(&self.proc, "maps", rustix::fs::AtFlags::empty()).map(|s| s.st_uid)
    }

    /// A path through our own descriptor, for the parts of `std` that want one.
    fn path(&self, below: &str) -> String {
        format!("/proc/self/fd/{}/{below}", self.proc.as_raw_fd())
    }

    fn elf_class(&self) -> Result<Bits, Errno> {
        let exe = self.open_memory("exe", OFlags::RDONLY)?;
        let mut head = [0u8; 20];
        let read = rustix::io::pread(&exe, &mut head, 0)?;
        match (read, &head[..5]) {
            (20, b"\x7fELF\x02") => Ok(Bits::SixtyFour),
            // The x32 dialect also says class 1; its pointers are narrow, so it counts as 32 bits.
            (20, b"\x7fELF\x01") => Ok(Bits::ThirtyTwo),
            _ => Err(Errno::NOEXEC),
        }
    }

    fn auxv_width(&self) -> Result<Bits, Errno> {
        const AT_PHENT: u64 = 4;
        let mut bytes = Vec::new();
        let file = self.open_memory("auxv", OFlags::RDONLY)?;
        File::from(file)
            .read_to_end(&mut bytes)
            .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
        let words: Vec<u64> =
            bytes.chunks_exact(8).map(|c| c.iter().rev().fold(0, |a, b| a << 8 | u64::from(*b))).collect();
        // Size of a program header: 56 bytes in the wide format, 32 in the narrow one, where key
        // and value share a word.
        if words.chunks_exact(2).any(|p| p == [AT_PHENT, 56]) {
            Ok(Bits::SixtyFour)
        } else if words.contains(&(32 << 32 | AT_PHENT)) {
            Ok(Bits::ThirtyTwo)
        } else {
            Err(Errno::NOEXEC)
        }
    }
}

/// The value of `name:` in the text of a `status` file.
pub(crate) fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn open_error(pid: i32, errno: Errno) -> TargetError {
    match errno {
        // Which of these says "a thread, not a process" differs between kernels.
        Errno::SRCH | Errno::INVAL | Errno::NOENT => TargetError::NoSuchProcess { pid },
        other => TargetError::Failed { pid, errno: other.raw_os_error() },
    }
}

//! The words that the system calls are asked and answered in.

use core::fmt;
use linux_raw_sys::{errno, general as k};

/// The kernel's number for why a call failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub(super) u16);

macro_rules! errnos {
    ($($name:ident)*) => {
        #[allow(missing_docs, reason = "the names are the documentation: see errno(3)")]
        impl Errno {
            $(pub const $name: Errno = Errno(errno::$name as u16);)*
        }

        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Errno::$name => f.write_str(stringify!($name)),)*
                    Errno(other) => write!(f, "errno {other}"),
                }
            }
        }
    };
}

errnos! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO EBADF EAGAIN ENOMEM EACCES EFAULT EBUSY EEXIST ENODEV ENOTDIR EISDIR EINVAL
    ENFILE EMFILE ENOTTY EFBIG ENOSPC ESPIPE EROFS EPIPE ERANGE ENAMETOOLONG ENOSYS EOVERFLOW EOPNOTSUPP ETIMEDOUT EHWPOISON
}

impl Errno {
    /// The number as the kernel gives it, positive.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0 as i32
    }

    /// The error with this positive number; numbers the kernel cannot return become `EINVAL`.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Errno {
        if raw > 0 && raw < 4096 { Errno(raw as u16) } else { Errno::EINVAL }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for Errno {}

/// What a call gives back.
pub type Result<T> = core::result::Result<T, Errno>;

/// A path, or another string for the kernel: bytes that end with the only zero.
pub type Text = core::ffi::CStr;

/// The protection of a mapping, as the kernel spells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prot(pub(super) u32);

impl Prot {
    /// No access.
    pub const NONE: Prot = Prot(k::PROT_NONE);
    /// Reads.
    pub const READ: Prot = Prot(k::PROT_READ);
    /// Writes (on this machine a writable page is readable too).
    pub const WRITE: Prot = Prot(k::PROT_WRITE);
    /// Instruction fetches.
    pub const EXEC: Prot = Prot(k::PROT_EXEC);
    /// Reads and writes.
    pub const READ_WRITE: Prot = Prot(k::PROT_READ | k::PROT_WRITE);

    /// Both rights.
    #[must_use]
    pub const fn with(self, other: Prot) -> Prot {
        Prot(self.0 | other.0)
    }

    /// The kernel's bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// Where a new mapping goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Wherever the kernel likes.
    Anywhere,
    /// Near this address, elsewhere if it is taken.
    Near(usize),
    /// Exactly here; `EEXIST` if anything is mapped in the range.
    Free(usize),
    /// Exactly here, replacing what is there: only for ranges that are ours.
    Over(usize),
}

/// What a new mapping shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backing {
    /// Zero pages of its own, accounted when writable.
    Anonymous,
    /// Zero pages of its own, not accounted (unless overcommit is strict).
    AnonymousNoReserve,
    /// Zero pages of its own, of this size (a power of two, in bytes), set aside at once.
    Large {
        /// Bytes of a page.
        size: u64,
    },
    /// The file's own pages.
    Shared {
        /// Open file.
        fd: i32,
        /// Where in it, whole pages.
        offset: u64,
    },
    /// A private, copy-on-write view of the file, not accounted (unless overcommit is strict).
    Private {
        /// Open file.
        fd: i32,
        /// Where in it, whole pages.
        offset: u64,
    },
}

/// What [`madvise`](super::madvise) is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Advice {
    /// Drop the content.
    DontNeed = k::MADV_DONTNEED,
    /// Drop the content when memory is short, unless it is stored to before.
    Free = k::MADV_FREE,
    /// Drop the content of a file's pages in the file too.
    Remove = k::MADV_REMOVE,
    /// Drop the content and make every access fault (6.13, files 6.15).
    GuardInstall = k::MADV_GUARD_INSTALL,
    /// Undo [`Advice::GuardInstall`]; the pages are fresh.
    GuardRemove = k::MADV_GUARD_REMOVE,
    /// Not for a forked child.
    DontFork = k::MADV_DONTFORK,
    /// For a forked child again.
    DoFork = k::MADV_DOFORK,
    /// Not used for a while; refused where memory is locked (5.4).
    Cold = k::MADV_COLD,
    /// Zero in a forked child (4.14).
    WipeOnFork = k::MADV_WIPEONFORK,
    /// Not in core dumps.
    DontDump = k::MADV_DONTDUMP,
    /// Large pages where they fit.
    HugePage = k::MADV_HUGEPAGE,
    /// Small pages only.
    NoHugePage = k::MADV_NOHUGEPAGE,
    /// Fault everything in for loading (5.14).
    PopulateRead = k::MADV_POPULATE_READ,
    /// Fault everything in for writing (5.14).
    PopulateWrite = k::MADV_POPULATE_WRITE,
}

/// Seconds and nanoseconds, as the kernel takes them.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timespec {
    /// Whole seconds.
    pub seconds: i64,
    /// Below 1,000,000,000.
    pub nanoseconds: i64,
}

impl Timespec {
    /// This many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Timespec {
        Timespec { seconds: (nanos / 1_000_000_000) as i64, nanoseconds: (nanos % 1_000_000_000) as i64 }
    }
}

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum OpenMode {
    /// For reading.
    Read = k::O_RDONLY,
    /// For reading and writing; the file must exist.
    ReadWrite = k::O_RDWR,
}

/// The signals a thread holds back, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignalMask(pub(super) u64);

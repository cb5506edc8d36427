//! What can go wrong, once for all verbs.

use core::fmt;

use crate::geometry::{BadRange, PageRange};

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reserving or committing.
    Allocate,
    /// Decommitting or releasing.
    Free,
    /// Changing protection.
    Protect,
    /// Asking.
    Query,
    /// Copying bytes out.
    Read,
    /// Copying bytes in.
    Write,
    /// Wiring pages into memory.
    Lock,
    /// Letting wired pages go.
    Unlock,
    /// Getting hold of a process, or letting it go.
    Attach,
    /// Showing the same bytes in a second place.
    Alias,
    /// Copying bytes from place to place.
    Copy,
    /// Changing what is known of pages beside their protection.
    Attribute,
    /// Asking which pages were stored to.
    Watch,
    /// Letting content go, and taking it back.
    Recycle,
    /// Taking, mapping and giving back frames of physical memory.
    Frames,
}

/// Why a verb was refused. Closed: every personality maps every kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A size of 0 where bytes are needed.
    ZeroSize,
    /// An address outside of the user range.
    BadAddress,
    /// Address plus size leaves the user range or wraps around.
    BadSize,
    /// A protection that this memory cannot have.
    BadProtection,
    /// A limit or an alignment of the place that no address can meet.
    BadPlace,
    /// A flag, or a combination of flags, that this call does not take.
    BadFlags,
    /// The range, or a part of it, is in use.
    Conflict,
    /// A commit outside of any one reservation.
    NotReserved,
    /// Nothing of ours is allocated there.
    NotAllocated,
    /// Size 0 means the whole allocation, and the address is not its base.
    NotAtBase,
    /// The range goes beyond the allocation it begins in.
    BeyondAllocation,
    /// The range has pages without memory.
    NotCommitted,
    /// The range lies in more than one allocation.
    SpansAllocations,
    /// The memory is a view of a file or an image that others mapped.
    ForeignView,
    /// The pages are memory already, of a kind that cannot be committed again.
    AlreadyCommitted,
    /// No free range of that size in the permitted part of the address space.
    NoSpace,
    /// More memory promised than the limit allows.
    CommitLimit,
    /// The kernel's limit of mappings per process leaves no room.
    MapBudget,
    /// The kernel has no memory for its own tables, or refused to promise more.
    OutOfMemory,
    /// The page was not locked.
    NotLocked,
    /// More memory locked than the process may lock.
    LockQuota,
    /// The memory cannot be accessed that way.
    NoAccess,
    /// A page with an armed guard was met.
    GuardHit,
    /// Only a part was copied.
    PartialCopy,
    /// The handle lacks the right, or the kernel forbids it.
    AccessDenied,
    /// No such process.
    NoProcess,
    /// The process has ended or is ending.
    Gone,
    /// Not a handle of a process.
    BadHandle,
    /// This kind of process or memory cannot be served, or the kernel lacks what it needs.
    Unsupported,
    /// A privilege is missing that only an administrator can grant.
    Privilege,
    /// Somebody else is being served, and did not finish in time.
    Busy,
    /// The other side broke the protocol.
    Protocol,
    /// The range is not whole pages, or its places in their pages differ.
    Misaligned,
    /// The target of an alias has memory already.
    TargetCommitted,
    /// More rights than this memory may ever have.
    AboveCeiling,
    /// The memory is the program's own, and the call does not say that it may be used.
    NoConsent,
    /// Memory that cannot be shared: a stack, the kernel's own pages, a device, a file.
    Special,
    /// No descriptor, or no room, for shared memory.
    NoObject,
    /// Too few large pages are free.
    NoLargePages,
    /// No such NUMA node.
    NoNode,
    /// The memory is not watched, or not all of it.
    NotWatched,
    /// Some content was dropped.
    ContentLost,
    /// Not a frame of this process, or it is mapped already.
    BadFrame,
    /// Protection, commitment and wiring of single pages cannot change here: large pages, or a
    /// window onto physical memory.
    Fixed,
    /// Not a placeholder of exactly this range, or none that can be cut or joined like this.
    NotPlaceholder,
    /// The machine failed in a way that no row describes; the value is its number.
    Machine(u16),
}

/// A refusal: what, why, and where. A refused call has changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// What was being done.
    pub verb: Verb,
    /// Why not.
    pub kind: Kind,
    /// The address that was given, or that stands in the way.
    pub at: u64,
    /// The size that was given, in bytes; 0 when there is none.
    pub size: u64,
}

impl Error {
    /// A refusal of `verb` for the arguments `at` and `size`.
    pub const fn new(verb: Verb, kind: Kind, at: u64, size: u64) -> Self {
        Self { verb, kind, at, size }
    }

    /// A refusal for a range.
    pub const fn on(verb: Verb, kind: Kind, range: PageRange) -> Self {
        Self::new(verb, kind, range.start().get(), range.bytes())
    }
}

impl From<BadRange> for Kind {
    fn from(bad: BadRange) -> Self {
        match bad {
            BadRange::Empty => Self::ZeroSize,
            BadRange::Address => Self::BadAddress,
            BadRange::Size => Self::BadSize,
        }
    }
}

impl Verb {
    const fn name(self) -> &'static str {
        match self {
            Self::Allocate => "allocate",
            Self::Free => "free",
            Self::Protect => "protect",
            Self::Query => "query",
            Self::Read => "read",
            Self::Write => "write",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Attach => "attach",
            Self::Alias => "alias",
            Self::Copy => "copy",
            Self::Attribute => "change the attributes",
            Self::Watch => "watch stores",
            Self::Recycle => "recycle memory",
            Self::Frames => "use physical pages",
        }
    }
}

impl Kind {
    /// What is wrong and what to change, as the second half of a sentence.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::ZeroSize => "the size is 0; give the number of bytes",
            Self::BadAddress => "the address is outside of the user range; give another address",
            Self::BadSize => "address plus size leaves the user range; give a smaller size",
            Self::BadProtection => {
                "this protection is not valid for this memory; give one of none, r, rw, x, rx, rwx, optionally with one modifier"
            }
            Self::BadPlace => {
                "the limits or the alignment cannot be met by any address; widen the limits, and align to a power of two of at least 64 KiB"
            }
            Self::BadFlags => "these flags cannot be combined in this call; remove one of them",
            Self::Conflict => {
                "a part of the range is in use; give another address, or none to let one be chosen"
            }
            Self::NotReserved => {
                "the range does not lie in one reservation; reserve it first, or reserve and commit in one call"
            }
            Self::NotAllocated => {
                "nothing that Pagewright allocated is there; give an address inside an allocation"
            }
            Self::NotAtBase => {
                "size 0 means the whole allocation and needs its base address; give the base, or a size"
            }
            Self::BeyondAllocation => {
                "the range goes beyond its allocation; give a smaller size, or free allocation by allocation"
            }
            Self::NotCommitted => "a page of the range is not committed; commit it first",
            Self::SpansAllocations => {
                "the range does not lie in one allocation; make one call for each allocation"
            }
            Self::ForeignView => {
                "the memory is a file or program image that the process mapped itself; it is not ours to free"
            }
            Self::AlreadyCommitted => {
                "the memory is a file or program image that the process mapped itself; use protect to change its protection"
            }
            Self::NoSpace => {
                "there is no free range of that size in the permitted part of the address space; ask for less, or widen the limits"
            }
            Self::CommitLimit => {
                "this would promise more memory than the commit limit; commit less, or raise the limit"
            }
            Self::MapBudget => {
                "the process has nearly as many mappings as vm.max_map_count permits; free some, or raise that limit"
            }
            Self::OutOfMemory => "the kernel has no memory for it; commit less, or free some",
            Self::NotLocked => "a page of the range is not locked; unlock only what was locked",
            Self::LockQuota => {
                "this would lock more memory than the process may lock; lock less, or raise RLIMIT_MEMLOCK"
            }
            Self::NoAccess => "the memory cannot be accessed that way; change its protection first",
            Self::GuardHit => "a guard page was met; its guard is now removed, so try again",
            Self::PartialCopy => {
                "only a part could be copied; give a size that ends before the first inaccessible page"
            }
            Self::AccessDenied => {
                "access is denied; open the process with the right that this call needs, as its owner or as root"
            }
            Self::NoProcess => "there is no such process; give the id of a live one",
            Self::Gone => "the process has ended; there is nothing left to act on",
            Self::BadHandle => "this is not the handle of a process; open the process first",
            Self::Unsupported => {
                "this process, this memory or this kernel cannot do it; `pagewright doctor` says what is missing, and only 64-bit x86 processes are served"
            }
            Self::Privilege => {
                "this needs a privilege that the administrator has not granted; ask for ordinary pages instead"
            }
            Self::Busy => "the process did not answer in time; try again",
            Self::Protocol => "the resident in the process answered nonsense; detach, and attach again",
            Self::Misaligned => {
                "the range is not whole pages, or source and target lie differently in their pages; give multiples of the page size, or other edges"
            }
            Self::TargetCommitted => {
                "a page of the target has memory already; decommit it first, or give a reserved range"
            }
            Self::AboveCeiling => "this is more than the memory may ever be given; ask for fewer rights",
            Self::NoConsent => {
                "the source is memory that the program mapped itself; say in the call that it may be shared, and mind that a forked child shares it too"
            }
            Self::Special => {
                "the source is a stack, a device, a mapped file or the kernel's own; copy its bytes instead"
            }
            Self::NoObject => {
                "the process has no descriptor or no room left for shared memory; close some files, or raise RLIMIT_NOFILE"
            }
            Self::NoLargePages => {
                "too few large pages are free; let the administrator raise vm.nr_hugepages, or ask for ordinary pages"
            }
            Self::NoNode => "there is no such NUMA node; give one that the machine has",
            Self::NotWatched => {
                "stores to this range are not noted; allocate it with write watch, and stay inside of one allocation"
            }
            Self::ContentLost => "some content was dropped meanwhile; make it again",
            Self::BadFrame => "this is no frame of the process, or it is mapped already; unmap it first",
            Self::Fixed => {
                "this memory is large pages or a window onto physical pages, which is as it is until it is released as a whole"
            }
            Self::NotPlaceholder => {
                "this is no placeholder of that range, nor what took the place of one; give exactly the range of one, or a part to split it"
            }
            Self::Machine(_) => "the kernel refused for an unexpected reason",
        }
    }

    /// The kind as two words for the wire.
    pub(crate) const fn to_wire(self) -> (u64, u64) {
        match self {
            Self::ZeroSize => (1, 0),
            Self::BadAddress => (2, 0),
            Self::BadSize => (3, 0),
            Self::BadProtection => (4, 0),
            Self::BadPlace => (5, 0),
            Self::BadFlags => (6, 0),
            Self::Conflict => (7, 0),
            Self::NotReserved => (8, 0),
            Self::NotAllocated => (9, 0),
            Self::NotAtBase => (10, 0),
            Self::BeyondAllocation => (11, 0),
            Self::NotCommitted => (12, 0),
            Self::SpansAllocations => (13, 0),
            Self::ForeignView => (14, 0),
            Self::AlreadyCommitted => (15, 0),
            Self::NoSpace => (16, 0),
            Self::CommitLimit => (17, 0),
            Self::MapBudget => (18, 0),
            Self::OutOfMemory => (19, 0),
            Self::NotLocked => (20, 0),
            Self::LockQuota => (21, 0),
            Self::NoAccess => (22, 0),
            Self::GuardHit => (23, 0),
            Self::PartialCopy => (24, 0),
            Self::AccessDenied => (25, 0),
            Self::NoProcess => (26, 0),
            Self::Gone => (27, 0),
            Self::BadHandle => (28, 0),
            Self::Unsupported => (29, 0),
            Self::Privilege => (30, 0),
            Self::Busy => (31, 0),
            Self::Protocol => (32, 0),
            Self::Machine(number) => (33, number as u64),
            Self::Misaligned => (34, 0),
            Self::TargetCommitted => (35, 0),
            Self::AboveCeiling => (36, 0),
            Self::NoConsent => (37, 0),
            Self::Special => (38, 0),
            Self::NoObject => (39, 0),
            Self::NoLargePages => (40, 0),
            Self::NoNode => (41, 0),
            Self::NotWatched => (42, 0),
            Self::ContentLost => (43, 0),
            Self::BadFrame => (44, 0),
            Self::Fixed => (45, 0),
            Self::NotPlaceholder => (46, 0),
        }
    }

    /// The kind behind two words of the wire; nonsense is a broken protocol.
    pub(crate) const fn from_wire(code: u64, number: u64) -> Self {
        match code {
            1 => Self::ZeroSize,
            2 => Self::BadAddress,
            3 => Self::BadSize,
            4 => Self::BadProtection,
            5 => Self::BadPlace,
            6 => Self::BadFlags,
            7 => Self::Conflict,
            8 => Self::NotReserved,
            9 => Self::NotAllocated,
            10 => Self::NotAtBase,
            11 => Self::BeyondAllocation,
            12 => Self::NotCommitted,
            13 => Self::SpansAllocations,
            14 => Self::ForeignView,
            15 => Self::AlreadyCommitted,
            16 => Self::NoSpace,
            17 => Self::CommitLimit,
            18 => Self::MapBudget,
            19 => Self::OutOfMemory,
            20 => Self::NotLocked,
            21 => Self::LockQuota,
            22 => Self::NoAccess,
            23 => Self::GuardHit,
            24 => Self::PartialCopy,
            25 => Self::AccessDenied,
            26 => Self::NoProcess,
            27 => Self::Gone,
            28 => Self::BadHandle,
            29 => Self::Unsupported,
            30 => Self::Privilege,
            31 => Self::Busy,
            33 => Self::Machine(number as u16),
            34 => Self::Misaligned,
            35 => Self::TargetCommitted,
            36 => Self::AboveCeiling,
            37 => Self::NoConsent,
            38 => Self::Special,
            39 => Self::NoObject,
            40 => Self::NoLargePages,
            41 => Self::NoNode,
            42 => Self::NotWatched,
            43 => Self::ContentLost,
            44 => Self::BadFrame,
            45 => Self::Fixed,
            46 => Self::NotPlaceholder,
            _ => Self::Protocol,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.verb.name())?;
        if self.at != 0 || !matches!(self.verb, Verb::Attach | Verb::Allocate) {
            write!(f, " at {:#x}", self.at)?;
        }
        match self.size {
            0 => {}
            1 => write!(f, " (1 byte)")?,
            size => write!(f, " ({size} bytes)")?,
        }
        write!(f, ": {}", self.kind.advice())?;
        if let Kind::Machine(number) = self.kind {
            write!(f, " (error number {number})")?;
        }
        Ok(())
    }
}

impl core::error::Error for Error {}

//! Why a call was refused, as `pw_code` has it.

use rust::Kind;

/// A `pw_code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Code(pub(super) u32);

/// The table: constant, number, what C calls it; and the kinds of the crate that it is.
macro_rules! codes {
    ($($name:ident = $number:literal $text:literal $(for [$($kind:tt)*])?;)*) => {
        impl Code {
            $(pub(super) const $name: Self = Self($number);)*

            /// What C calls it, and what it means.
            const fn words(self) -> Option<(&'static str, &'static str)> {
                match self {
                    $(Self::$name => Some((concat!("PW_", stringify!($name), "\0"), concat!($text, "\0"))),)*
                    Self(_) => None,
                }
            }
        }

        impl From<Kind> for Code {
            fn from(kind: Kind) -> Self {
                match kind {
                    $($($($kind)* => Self::$name,)?)*
                }
            }
        }
    };
}

codes! {
    OK = 0 "it worked";
    ERR_ZERO_SIZE = 1 "a size of 0 where bytes are needed" for [Kind::ZeroSize];
    ERR_BAD_ADDRESS = 2 "an address outside of the user range" for [Kind::BadAddress];
    ERR_BAD_SIZE = 3 "address plus size leaves the user range" for [Kind::BadSize];
    ERR_BAD_PROTECTION = 4 "a protection that this memory cannot have" for [Kind::BadProtection];
    ERR_BAD_PLACE = 5 "limits or an alignment that no address can meet" for [Kind::BadPlace];
    ERR_BAD_FLAGS = 6 "flags that this call does not take together" for [Kind::BadFlags];
    ERR_CONFLICT = 7 "a part of the range is in use" for [Kind::Conflict];
    ERR_NOT_RESERVED = 8 "the range does not lie in one reservation" for [Kind::NotReserved];
    ERR_NOT_ALLOCATED = 9 "nothing of Pagewright's is allocated there" for [Kind::NotAllocated];
    ERR_NOT_AT_BASE = 10 "size 0 needs the base of an allocation" for [Kind::NotAtBase];
    ERR_BEYOND_ALLOCATION = 11 "the range goes beyond its allocation" for [Kind::BeyondAllocation];
    ERR_NOT_COMMITTED = 12 "a page of the range has no memory" for [Kind::NotCommitted];
    ERR_SPANS_ALLOCATIONS = 13 "the range lies in more than one allocation" for [Kind::SpansAllocations];
    ERR_FOREIGN_VIEW = 14 "a file or image that the process mapped itself" for [Kind::ForeignView];
    ERR_ALREADY_COMMITTED = 15 "memory that cannot be committed again" for [Kind::AlreadyCommitted];
    ERR_NO_SPACE = 16 "no free range of that size" for [Kind::NoSpace];
    ERR_COMMIT_LIMIT = 17 "more memory than the commit limit" for [Kind::CommitLimit];
    ERR_MAP_BUDGET = 18 "vm.max_map_count leaves no room" for [Kind::MapBudget];
    ERR_OUT_OF_MEMORY = 19 "the kernel has no memory for it" for [Kind::OutOfMemory];
    ERR_NOT_LOCKED = 20 "a page was not locked" for [Kind::NotLocked];
    ERR_LOCK_QUOTA = 21 "more locked memory than permitted" for [Kind::LockQuota];
    ERR_NO_ACCESS = 22 "the memory cannot be accessed that way" for [Kind::NoAccess];
    ERR_GUARD_HIT = 23 "an armed guard was met, and is gone now" for [Kind::GuardHit];
    ERR_PARTIAL_COPY = 24 "only a part was copied" for [Kind::PartialCopy];
    ERR_ACCESS_DENIED = 25 "the kernel forbids it" for [Kind::AccessDenied];
    ERR_NO_PROCESS = 26 "no such process" for [Kind::NoProcess];
    ERR_GONE = 27 "the process has ended" for [Kind::Gone];
    ERR_BAD_HANDLE = 28 "not a handle that is open" for [Kind::BadHandle];
    ERR_UNSUPPORTED = 29 "this process, memory or kernel cannot do it" for [Kind::Unsupported];
    ERR_PRIVILEGE = 30 "a privilege is missing" for [Kind::Privilege];
    ERR_BUSY = 31 "the other side did not answer in time" for [Kind::Busy];
    ERR_PROTOCOL = 32 "the other side answered nonsense" for [Kind::Protocol];
    ERR_MACHINE = 33 "the kernel refused for an unexpected reason" for [Kind::Machine(_)];
    ERR_MISALIGNED = 34 "not whole pages, or lying differently in their pages" for [Kind::Misaligned];
    ERR_TARGET_COMMITTED = 35 "the target has memory already" for [Kind::TargetCommitted];
    ERR_ABOVE_CEILING = 36 "more than this memory may ever be given" for [Kind::AboveCeiling];
    ERR_NO_CONSENT = 37 "memory of the program's own, without consent" for [Kind::NoConsent];
    ERR_SPECIAL = 38 "memory that cannot be shared" for [Kind::Special];
    ERR_NO_OBJECT = 39 "no descriptor or room for shared memory" for [Kind::NoObject];
    ERR_NO_LARGE_PAGES = 40 "too few large pages are free" for [Kind::NoLargePages];
    ERR_NO_NODE = 41 "no such NUMA node" for [Kind::NoNode];
    ERR_NOT_WATCHED = 42 "stores to this range are not noted" for [Kind::NotWatched];
    ERR_CONTENT_LOST = 43 "some content was dropped" for [Kind::ContentLost];
    ERR_BAD_FRAME = 44 "not a frame of the process, or mapped already" for [Kind::BadFrame];
    ERR_FIXED = 45 "large or physical pages, which do not change in part" for [Kind::Fixed];
    ERR_NOT_PLACEHOLDER = 46 "not a placeholder of that range" for [Kind::NotPlaceholder];
    ERR_BAD_ARGUMENT = 100 "an argument of the C function itself is wrong";
    ERR_NO_ROOM = 101 "no room left for what is to be kept, or to be told";
    ERR_INTERNAL = 102 "an error of Pagewright itself";
}

impl Code {
    /// Its name; it ends with a NUL.
    pub(super) fn name(self) -> &'static str {
        self.words().map_or("unknown\0", |(name, _)| name)
    }

    /// What it means; it ends with a NUL.
    pub(super) fn text(self) -> &'static str {
        self.words().map_or("no code of this version of Pagewright\0", |(_, text)| text)
    }
}

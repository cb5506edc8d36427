//! NT status values, and what Win32 makes of them (rows EM01 to EM40).

use std::fmt;

use pagewright_core::{Kind, Verb};

use super::constants as c;
use super::types::WIN32_ERROR;

/// The result of an NT call: what a Win32 call knows before it becomes a number
/// for `GetLastError`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NtStatus(pub u32);

/// The table: name, value, and the Win32 code that the EM rows give it.
macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:literal => $code:expr;)*) => {
        impl NtStatus {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// All of them.
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$name),*];

            /// The code that `GetLastError` shows.
            pub const fn to_win32(self) -> WIN32_ERROR {
                match self {
                    $(Self::$name => $code,)*
                    Self(_) => c::ERROR_MR_MID_NOT_FOUND,
                }
            }

            /// The name, without `STATUS_`; empty for a value that is not in the table.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self(_) => "",
                }
            }
        }
    };
}

statuses! {
    /// It worked.
    SUCCESS = 0 => c::ERROR_SUCCESS;
    /// The name was taken, and what has it was opened: a success.
    OBJECT_NAME_EXISTS = 0x4000_0000 => c::ERROR_SUCCESS;
    /// The pages were locked already: a success (EM28).
    WAS_LOCKED = 0x4000_0019 => c::ERROR_SUCCESS;
    /// A guard was met; Win32 shows the status itself (EM38).
    GUARD_PAGE_VIOLATION = 0x8000_0001 => 0x8000_0001;
    /// The buffer is too small, and the length that is needed is known (VQ46).
    BUFFER_OVERFLOW = 0x8000_0005 => c::ERROR_MORE_DATA;
    /// Only a part was copied (EM18).
    PARTIAL_COPY = 0x8000_000d => c::ERROR_PARTIAL_COPY;
    /// There is nothing to list.
    NO_MORE_ENTRIES = 0x8000_001a => c::ERROR_NO_MORE_ITEMS;
    /// Somebody else is being served; or content that was offered is gone (PF16).
    DEVICE_BUSY = 0x8000_0011 => c::ERROR_BUSY;
    /// No row describes the failure.
    UNSUCCESSFUL = 0xc000_0001 => c::ERROR_GEN_FAILURE;
    /// No such class of a query (EM16).
    INVALID_INFO_CLASS = 0xc000_0003 => c::ERROR_INVALID_PARAMETER;
    /// A structure of the wrong length (EM31).
    INFO_LENGTH_MISMATCH = 0xc000_0004 => c::ERROR_BAD_LENGTH;
    /// The memory cannot be accessed (EM17).
    ACCESS_VIOLATION = 0xc000_0005 => c::ERROR_NOACCESS;
    /// Not a handle (EM37).
    INVALID_HANDLE = 0xc000_0008 => c::ERROR_INVALID_HANDLE;
    /// No process, or no thread of it, has that id.
    INVALID_CID = 0xc000_000b => c::ERROR_INVALID_PARAMETER;
    /// An argument is wrong (EM12).
    INVALID_PARAMETER = 0xc000_000d => c::ERROR_INVALID_PARAMETER;
    /// No free range, or no memory for tables (EM23).
    NO_MEMORY = 0xc000_0017 => c::ERROR_NOT_ENOUGH_MEMORY;
    /// The range is in use, or belongs to nobody (EM01).
    CONFLICTING_ADDRESSES = 0xc000_0018 => c::ERROR_INVALID_ADDRESS;
    /// Not a view (EM05).
    NOT_MAPPED_VIEW = 0xc000_0019 => c::ERROR_INVALID_ADDRESS;
    /// The range goes beyond the allocation (EM10).
    UNABLE_TO_FREE_VM = 0xc000_001a => c::ERROR_INVALID_PARAMETER;
    /// A view cannot be freed (EM11).
    UNABLE_TO_DELETE_SECTION = 0xc000_001b => c::ERROR_INVALID_PARAMETER;
    /// The view would be larger than its section (EM20).
    INVALID_VIEW_SIZE = 0xc000_001f => c::ERROR_ACCESS_DENIED;
    /// Not a program (EM34).
    INVALID_FILE_FOR_SECTION = 0xc000_0020 => c::ERROR_BAD_EXE_FORMAT;
    /// A view cannot be committed again (EM19).
    ALREADY_COMMITTED = 0xc000_0021 => c::ERROR_ACCESS_DENIED;
    /// A right is missing (EM22).
    ACCESS_DENIED = 0xc000_0022 => c::ERROR_ACCESS_DENIED;
    /// The buffer is too small for the answer.
    BUFFER_TOO_SMALL = 0xc000_0023 => c::ERROR_INSUFFICIENT_BUFFER;
    /// A handle of something else (EM37).
    OBJECT_TYPE_MISMATCH = 0xc000_0024 => c::ERROR_INVALID_HANDLE;
    /// A page was not locked (EM27).
    NOT_LOCKED = 0xc000_002a => c::ERROR_NOT_LOCKED;
    /// The memory cannot be taken (EM07).
    UNABLE_TO_DECOMMIT_VM = 0xc000_002c => c::ERROR_INVALID_ADDRESS;
    /// A page has no memory (EM02).
    NOT_COMMITTED = 0xc000_002d => c::ERROR_INVALID_ADDRESS;
    /// A numbered argument is wrong (EM12).
    INVALID_PARAMETER_MIX = 0xc000_0030 => c::ERROR_INVALID_PARAMETER;
    /// Not a text.
    OBJECT_NAME_INVALID = 0xc000_0033 => c::ERROR_INVALID_NAME;
    /// Nothing has that name (EM40).
    OBJECT_NAME_NOT_FOUND = 0xc000_0034 => c::ERROR_FILE_NOT_FOUND;
    /// The name is taken (EM39).
    OBJECT_NAME_COLLISION = 0xc000_0035 => c::ERROR_ALREADY_EXISTS;
    /// A name that begins nowhere.
    OBJECT_PATH_SYNTAX_BAD = 0xc000_003b => c::ERROR_BAD_PATHNAME;
    /// The section would be too large (EM24).
    SECTION_TOO_BIG = 0xc000_0040 => c::ERROR_NOT_ENOUGH_MEMORY;
    /// Not a protection, or not for this memory (EM08).
    INVALID_PAGE_PROTECTION = 0xc000_0045 => c::ERROR_INVALID_PARAMETER;
    /// The section is not a program (EM15).
    SECTION_NOT_IMAGE = 0xc000_0049 => c::ERROR_INVALID_PARAMETER;
    /// Working-set limits out of order (EM13).
    BAD_WORKING_SET_LIMIT = 0xc000_004c => c::ERROR_INVALID_PARAMETER;
    /// This memory cannot be locked (EM14).
    INCOMPATIBLE_FILE_MAP = 0xc000_004d => c::ERROR_INVALID_PARAMETER;
    /// The section does not permit that protection (EM09).
    SECTION_PROTECTION = 0xc000_004e => c::ERROR_INVALID_PARAMETER;
    /// No privilege has that name.
    NO_SUCH_PRIVILEGE = 0xc000_0060 => c::ERROR_NO_SUCH_PRIVILEGE;
    /// A privilege is missing (EM29).
    PRIVILEGE_NOT_HELD = 0xc000_0061 => c::ERROR_PRIVILEGE_NOT_HELD;
    /// No mapped data there (EM06).
    NOT_MAPPED_DATA = 0xc000_0088 => c::ERROR_INVALID_ADDRESS;
    /// The limit of mappings leaves no room (EM36).
    INSUFFICIENT_RESOURCES = 0xc000_009a => c::ERROR_NO_SYSTEM_RESOURCES;
    /// Size 0 means all, and the address is not the base (EM04).
    FREE_VM_NOT_AT_BASE = 0xc000_009f => c::ERROR_INVALID_ADDRESS;
    /// Nothing is allocated there (EM03).
    MEMORY_NOT_ALLOCATED = 0xc000_00a0 => c::ERROR_INVALID_ADDRESS;
    /// More locked than permitted (EM26).
    WORKING_SET_QUOTA = 0xc000_00a1 => c::ERROR_WORKING_SET_QUOTA;
    /// This kind of process or memory cannot be served.
    NOT_SUPPORTED = 0xc000_00bb => c::ERROR_NOT_SUPPORTED;
    /// The other side broke the protocol.
    INTERNAL_ERROR = 0xc000_00e5 => c::ERROR_INTERNAL_ERROR;
    /// The first argument is wrong (EM12).
    INVALID_PARAMETER_1 = 0xc000_00ef => c::ERROR_INVALID_PARAMETER;
    /// The second argument, an address, is wrong (EM12).
    INVALID_PARAMETER_2 = 0xc000_00f0 => c::ERROR_INVALID_PARAMETER;
    /// The third argument is wrong (EM12).
    INVALID_PARAMETER_3 = 0xc000_00f1 => c::ERROR_INVALID_PARAMETER;
    /// The fourth argument is wrong (EM12).
    INVALID_PARAMETER_4 = 0xc000_00f2 => c::ERROR_INVALID_PARAMETER;
    /// The fifth argument, flags, is wrong (EM12).
    INVALID_PARAMETER_5 = 0xc000_00f3 => c::ERROR_INVALID_PARAMETER;
    /// The sixth argument is wrong (EM12).
    INVALID_PARAMETER_6 = 0xc000_00f4 => c::ERROR_INVALID_PARAMETER;
    /// The seventh argument is wrong (EM12).
    INVALID_PARAMETER_7 = 0xc000_00f5 => c::ERROR_INVALID_PARAMETER;
    /// The eighth argument is wrong (EM12).
    INVALID_PARAMETER_8 = 0xc000_00f6 => c::ERROR_INVALID_PARAMETER;
    /// The ninth argument is wrong (EM12).
    INVALID_PARAMETER_9 = 0xc000_00f7 => c::ERROR_INVALID_PARAMETER;
    /// The tenth argument is wrong (EM12).
    INVALID_PARAMETER_10 = 0xc000_00f8 => c::ERROR_INVALID_PARAMETER;
    /// The eleventh argument is wrong (EM12).
    INVALID_PARAMETER_11 = 0xc000_00f9 => c::ERROR_INVALID_PARAMETER;
    /// The twelfth argument is wrong (EM12).
    INVALID_PARAMETER_12 = 0xc000_00fa => c::ERROR_INVALID_PARAMETER;
    /// The process has ended or is ending (EM21).
    PROCESS_IS_TERMINATING = 0xc000_010a => c::ERROR_ACCESS_DENIED;
    /// An empty file cannot be mapped (EM33).
    MAPPED_FILE_SIZE_ZERO = 0xc000_011e => c::ERROR_FILE_INVALID;
    /// There is no text for a code.
    MESSAGE_NOT_FOUND = 0xc000_0109 => c::ERROR_MR_MID_NOT_FOUND;
    /// More memory promised than permitted (EM25).
    COMMITMENT_LIMIT = 0xc000_012d => c::ERROR_COMMITMENT_LIMIT;
    /// No such module.
    DLL_NOT_FOUND = 0xc000_0135 => c::ERROR_MOD_NOT_FOUND;
    /// The module has nothing of that name.
    ENTRYPOINT_NOT_FOUND = 0xc000_0139 => c::ERROR_PROC_NOT_FOUND;
    /// A query for what free memory does not have (EM32).
    INVALID_ADDRESS = 0xc000_0141 => c::ERROR_UNEXP_NET_ERR;
    /// The handles stand for two objects.
    NOT_SAME_OBJECT = 0xc000_01ac => c::ERROR_NOT_SAME_OBJECT;
    /// The handle is protected from being closed.
    HANDLE_NOT_CLOSABLE = 0xc000_0235 => c::ERROR_INVALID_HANDLE;
    /// Base or offset of a view is not aligned (EM30).
    MAPPED_ALIGNMENT = 0xc000_0220 => c::ERROR_MAPPED_ALIGNMENT;
    /// The file has views (EM35).
    USER_MAPPED_FILE = 0xc000_0243 => c::ERROR_USER_MAPPED_FILE;
}

impl NtStatus {
    /// The status for a refusal of the core. The only place where one becomes the
    /// other.
    pub(super) const fn of(verb: Verb, kind: Kind) -> Self {
        match verb {
            Verb::Alias => of_alias(kind),
            Verb::Allocate
            | Verb::Free
            | Verb::Protect
            | Verb::Query
            | Verb::Read
            | Verb::Write
            | Verb::Lock
            | Verb::Unlock
            | Verb::Attach
            | Verb::Copy
            | Verb::Attribute
            | Verb::Watch
            | Verb::Recycle
            | Verb::Frames => Self::of_any(verb, kind),
        }
    }

    const fn of_any(verb: Verb, kind: Kind) -> Self {
        match kind {
            Kind::BadAddress => bad_address(verb),
            Kind::ZeroSize | Kind::BadSize => bad_size(verb),
            Kind::BadProtection => Self::INVALID_PAGE_PROTECTION,
            Kind::BadPlace | Kind::BadFlags => Self::INVALID_PARAMETER,
            Kind::Conflict | Kind::NotReserved | Kind::SpansAllocations | Kind::NotPlaceholder => {
                Self::CONFLICTING_ADDRESSES
            }
            Kind::NotAllocated => Self::MEMORY_NOT_ALLOCATED,
            Kind::NotAtBase => Self::FREE_VM_NOT_AT_BASE,
            Kind::BeyondAllocation => Self::UNABLE_TO_FREE_VM,
            Kind::NotCommitted => Self::NOT_COMMITTED,
            Kind::ForeignView => Self::UNABLE_TO_DELETE_SECTION,
            Kind::AlreadyCommitted => Self::ALREADY_COMMITTED,
            Kind::NoSpace => Self::NO_MEMORY,
            Kind::CommitLimit => Self::COMMITMENT_LIMIT,
            Kind::MapBudget => Self::INSUFFICIENT_RESOURCES,
            Kind::OutOfMemory => out_of_memory(verb),
            Kind::NotLocked => Self::NOT_LOCKED,
            Kind::LockQuota => Self::WORKING_SET_QUOTA,
            Kind::NoAccess => Self::ACCESS_VIOLATION,
            Kind::GuardHit => Self::GUARD_PAGE_VIOLATION,
            Kind::PartialCopy => Self::PARTIAL_COPY,
            Kind::AccessDenied => Self::ACCESS_DENIED,
            // OpenProcess of a number that no process has.
            Kind::NoProcess => Self::INVALID_PARAMETER,
            Kind::Gone => Self::PROCESS_IS_TERMINATING,
            Kind::BadHandle => Self::INVALID_HANDLE,
            Kind::Unsupported => Self::NOT_SUPPORTED,
            Kind::Privilege => Self::PRIVILEGE_NOT_HELD,
            Kind::Busy => Self::DEVICE_BUSY,
            Kind::Protocol => Self::INTERNAL_ERROR,
            Kind::Misaligned | Kind::TargetCommitted => Self::INVALID_PARAMETER,
            Kind::Special => Self::NOT_SUPPORTED,
            Kind::AboveCeiling => above_ceiling(verb),
            Kind::NoConsent => Self::ACCESS_DENIED,
            Kind::NoObject => Self::NO_MEMORY,
            Kind::NoLargePages => Self::INSUFFICIENT_RESOURCES,
            Kind::NoNode | Kind::NotWatched | Kind::BadFrame => Self::INVALID_PARAMETER,
            Kind::ContentLost => Self::DEVICE_BUSY,
            Kind::Fixed => fixed(verb),
            Kind::Machine(_) => Self::UNSUCCESSFUL,
        }
    }
}

/// Windows CE knows fewer codes (wince.md, section 8).
const fn of_alias(kind: Kind) -> NtStatus {
    match kind {
        Kind::BadAddress
        | Kind::ZeroSize
        | Kind::BadSize
        | Kind::BadProtection
        | Kind::NotReserved
        | Kind::SpansAllocations
        | Kind::NotCommitted
        | Kind::NotAllocated => NtStatus::INVALID_PARAMETER,
        Kind::NoSpace | Kind::CommitLimit | Kind::MapBudget | Kind::OutOfMemory => NtStatus::NO_MEMORY,
        Kind::Gone | Kind::NoProcess => NtStatus::INVALID_HANDLE,
        other => NtStatus::of_any(Verb::Alias, other),
    }
}

/// An address outside of the user range (VA34, VF37, VP18, VQ22, VL08, RW35).
const fn bad_address(verb: Verb) -> NtStatus {
    match verb {
        Verb::Allocate | Verb::Free | Verb::Protect => NtStatus::INVALID_PARAMETER_2,
        Verb::Query
        | Verb::Lock
        | Verb::Unlock
        | Verb::Attach
        | Verb::Alias
        | Verb::Attribute
        | Verb::Watch
        | Verb::Recycle
        | Verb::Frames => NtStatus::INVALID_PARAMETER,
        Verb::Read | Verb::Write | Verb::Copy => NtStatus::ACCESS_VIOLATION,
    }
}

/// A size of 0, or one that leaves the user range (VA01, VA36, VF38, VP17, VP19,
/// VL07, VL08, RW35).
const fn bad_size(verb: Verb) -> NtStatus {
    match verb {
        Verb::Allocate => NtStatus::INVALID_PARAMETER_4,
        Verb::Free | Verb::Protect => NtStatus::INVALID_PARAMETER_3,
        Verb::Query
        | Verb::Lock
        | Verb::Unlock
        | Verb::Attach
        | Verb::Alias
        | Verb::Attribute
        | Verb::Watch
        | Verb::Recycle
        | Verb::Frames => NtStatus::INVALID_PARAMETER,
        Verb::Read | Verb::Write | Verb::Copy => NtStatus::ACCESS_VIOLATION,
    }
}

/// More than memory may ever be given: a view of a section says so in its own way (VS03 to
/// VS09, SR15).
const fn above_ceiling(verb: Verb) -> NtStatus {
    match verb {
        Verb::Allocate | Verb::Protect => NtStatus::SECTION_PROTECTION,
        Verb::Free
        | Verb::Query
        | Verb::Read
        | Verb::Write
        | Verb::Lock
        | Verb::Unlock
        | Verb::Attach
        | Verb::Alias
        | Verb::Copy
        | Verb::Attribute
        | Verb::Watch
        | Verb::Recycle
        | Verb::Frames => NtStatus::ACCESS_DENIED,
    }
}

/// Large pages, or a window onto physical ones: neither protected nor committed
/// (LP07, LP20, LP21), nor freed in part (LP22), nor locked (LP09, LP33).
const fn fixed(verb: Verb) -> NtStatus {
    match verb {
        Verb::Allocate | Verb::Protect => NtStatus::CONFLICTING_ADDRESSES,
        Verb::Free => NtStatus::UNABLE_TO_FREE_VM,
        Verb::Query
        | Verb::Read
        | Verb::Write
        | Verb::Lock
        | Verb::Unlock
        | Verb::Attach
        | Verb::Alias
        | Verb::Copy
        | Verb::Attribute
        | Verb::Watch
        | Verb::Recycle
        | Verb::Frames => NtStatus::INVALID_PARAMETER,
    }
}

/// The kernel has nothing left: for a promise of memory that is the commit limit
/// (VA39), for anything else a shortage of tables.
const fn out_of_memory(verb: Verb) -> NtStatus {
    match verb {
        Verb::Allocate => NtStatus::COMMITMENT_LIMIT,
        Verb::Free
        | Verb::Protect
        | Verb::Query
        | Verb::Read
        | Verb::Write
        | Verb::Lock
        | Verb::Unlock
        | Verb::Attach
        | Verb::Alias
        | Verb::Copy
        | Verb::Attribute
        | Verb::Watch
        | Verb::Recycle
        | Verb::Frames => NtStatus::NO_MEMORY,
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} {}", self.0, self.name())
    }
}

/// The name of a Win32 code, for those that this crate gives.
pub(super) const fn code_name(code: WIN32_ERROR) -> &'static str {
    match code {
        c::ERROR_SUCCESS => "ERROR_SUCCESS",
        c::ERROR_FILE_NOT_FOUND => "ERROR_FILE_NOT_FOUND",
        c::ERROR_ACCESS_DENIED => "ERROR_ACCESS_DENIED",
        c::ERROR_INVALID_HANDLE => "ERROR_INVALID_HANDLE",
        c::ERROR_NOT_ENOUGH_MEMORY => "ERROR_NOT_ENOUGH_MEMORY",
        c::ERROR_BAD_LENGTH => "ERROR_BAD_LENGTH",
        c::ERROR_GEN_FAILURE => "ERROR_GEN_FAILURE",
        c::ERROR_MORE_DATA => "ERROR_MORE_DATA",
        c::ERROR_NOT_SUPPORTED => "ERROR_NOT_SUPPORTED",
        c::ERROR_UNEXP_NET_ERR => "ERROR_UNEXP_NET_ERR",
        c::ERROR_INVALID_PARAMETER => "ERROR_INVALID_PARAMETER",
        c::ERROR_INVALID_NAME => "ERROR_INVALID_NAME",
        c::ERROR_BAD_PATHNAME => "ERROR_BAD_PATHNAME",
        c::ERROR_MOD_NOT_FOUND => "ERROR_MOD_NOT_FOUND",
        c::ERROR_PROC_NOT_FOUND => "ERROR_PROC_NOT_FOUND",
        c::ERROR_INSUFFICIENT_BUFFER => "ERROR_INSUFFICIENT_BUFFER",
        c::ERROR_NO_MORE_ITEMS => "ERROR_NO_MORE_ITEMS",
        c::ERROR_NOT_LOCKED => "ERROR_NOT_LOCKED",
        c::ERROR_BUSY => "ERROR_BUSY",
        c::ERROR_ALREADY_EXISTS => "ERROR_ALREADY_EXISTS",
        c::ERROR_BAD_EXE_FORMAT => "ERROR_BAD_EXE_FORMAT",
        c::ERROR_PARTIAL_COPY => "ERROR_PARTIAL_COPY",
        c::ERROR_INVALID_ADDRESS => "ERROR_INVALID_ADDRESS",
        c::ERROR_NOACCESS => "ERROR_NOACCESS",
        c::ERROR_FILE_INVALID => "ERROR_FILE_INVALID",
        c::ERROR_MAPPED_ALIGNMENT => "ERROR_MAPPED_ALIGNMENT",
        c::ERROR_USER_MAPPED_FILE => "ERROR_USER_MAPPED_FILE",
        c::ERROR_NO_SUCH_PRIVILEGE => "ERROR_NO_SUCH_PRIVILEGE",
        c::ERROR_PRIVILEGE_NOT_HELD => "ERROR_PRIVILEGE_NOT_HELD",
        c::ERROR_NOT_SAME_OBJECT => "ERROR_NOT_SAME_OBJECT",
        c::ERROR_INTERNAL_ERROR => "ERROR_INTERNAL_ERROR",
        c::ERROR_NO_SYSTEM_RESOURCES => "ERROR_NO_SYSTEM_RESOURCES",
        c::ERROR_WORKING_SET_QUOTA => "ERROR_WORKING_SET_QUOTA",
        c::ERROR_COMMITMENT_LIMIT => "ERROR_COMMITMENT_LIMIT",
        0x8000_0001 => "STATUS_GUARD_PAGE_VIOLATION",
        _ => "ERROR_MR_MID_NOT_FOUND",
    }
}

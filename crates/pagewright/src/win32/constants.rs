//! The constants of the Win32 calls, by their usual names.
#![allow(non_upper_case_globals, reason = "these are the names that existing code uses")]

use std::ptr;

use super::types::{
    BOOL, HANDLE, MEM_EXTENDED_PARAMETER_TYPE, OFFER_PRIORITY, PAGE_PROTECTION_FLAGS, PAGE_TYPE,
    PROCESS_ACCESS_RIGHTS, PROCESSOR_ARCHITECTURE, SETPROCESSWORKINGSETSIZEEX_FLAGS,
    UNMAP_VIEW_OF_FILE_FLAGS, VIRTUAL_ALLOCATION_TYPE, VIRTUAL_FREE_TYPE, WIN32_ERROR,
};

/// A call that succeeded.
pub const TRUE: BOOL = 1;
/// A call that failed.
pub const FALSE: BOOL = 0;
/// No handle; as a process, the calling one.
pub const INVALID_HANDLE_VALUE: HANDLE = ptr::without_provenance_mut(usize::MAX);

macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: $type = $value;)*
    };
}

constants! {
    /// Give memory to reserved pages; also the state of pages that have it.
    MEM_COMMIT: VIRTUAL_ALLOCATION_TYPE = 0x1000;
    /// Promise a range; also the state of pages that are only promised.
    MEM_RESERVE: VIRTUAL_ALLOCATION_TYPE = 0x2000;
    /// Take the place of a placeholder.
    MEM_REPLACE_PLACEHOLDER: VIRTUAL_ALLOCATION_TYPE = 0x4000;
    /// The state of pages that are nobody's.
    MEM_FREE: VIRTUAL_ALLOCATION_TYPE = 0x1_0000;
    /// Promise a range that others will replace.
    MEM_RESERVE_PLACEHOLDER: VIRTUAL_ALLOCATION_TYPE = 0x4_0000;
    /// Content is not wanted any more.
    MEM_RESET: VIRTUAL_ALLOCATION_TYPE = 0x8_0000;
    /// Prefer the highest address.
    MEM_TOP_DOWN: VIRTUAL_ALLOCATION_TYPE = 0x10_0000;
    /// Keep track of pages that are written.
    MEM_WRITE_WATCH: VIRTUAL_ALLOCATION_TYPE = 0x20_0000;
    /// A window for physical pages.
    MEM_PHYSICAL: VIRTUAL_ALLOCATION_TYPE = 0x40_0000;
    /// Content is wanted after all.
    MEM_RESET_UNDO: VIRTUAL_ALLOCATION_TYPE = 0x100_0000;
    /// Use large pages.
    MEM_LARGE_PAGES: VIRTUAL_ALLOCATION_TYPE = 0x2000_0000;

    /// Take the memory, keep the range.
    MEM_DECOMMIT: VIRTUAL_FREE_TYPE = 0x4000;
    /// Take memory and range.
    MEM_RELEASE: VIRTUAL_FREE_TYPE = 0x8000;
    /// Make one placeholder of several.
    MEM_COALESCE_PLACEHOLDERS: VIRTUAL_FREE_TYPE = 1;
    /// Has no meaning here: taken, and not heard.
    MEM_UNMAP_WITH_TRANSIENT_BOOST: UNMAP_VIEW_OF_FILE_FLAGS = 1;
    /// Leave a placeholder behind.
    MEM_PRESERVE_PLACEHOLDER: UNMAP_VIEW_OF_FILE_FLAGS = 2;

    /// Memory of this process alone.
    MEM_PRIVATE: PAGE_TYPE = 0x2_0000;
    /// A view of a file or of shared memory.
    MEM_MAPPED: PAGE_TYPE = 0x4_0000;
    /// A program or library.
    MEM_IMAGE: PAGE_TYPE = 0x100_0000;

    /// Nothing may be done.
    PAGE_NOACCESS: PAGE_PROTECTION_FLAGS = 1;
    /// Loads.
    PAGE_READONLY: PAGE_PROTECTION_FLAGS = 2;
    /// Loads and stores.
    PAGE_READWRITE: PAGE_PROTECTION_FLAGS = 4;
    /// Loads; stores privatise.
    PAGE_WRITECOPY: PAGE_PROTECTION_FLAGS = 8;
    /// Instruction fetch.
    PAGE_EXECUTE: PAGE_PROTECTION_FLAGS = 0x10;
    /// Instruction fetch and loads.
    PAGE_EXECUTE_READ: PAGE_PROTECTION_FLAGS = 0x20;
    /// Everything.
    PAGE_EXECUTE_READWRITE: PAGE_PROTECTION_FLAGS = 0x40;
    /// Instruction fetch and loads; stores privatise.
    PAGE_EXECUTE_WRITECOPY: PAGE_PROTECTION_FLAGS = 0x80;
    /// The next access raises an alarm, once.
    PAGE_GUARD: PAGE_PROTECTION_FLAGS = 0x100;
    /// Not cached.
    PAGE_NOCACHE: PAGE_PROTECTION_FLAGS = 0x200;
    /// Stores are combined.
    PAGE_WRITECOMBINE: PAGE_PROTECTION_FLAGS = 0x400;
    /// No page is a valid target of indirect calls yet.
    PAGE_TARGETS_INVALID: PAGE_PROTECTION_FLAGS = 0x4000_0000;
    /// Leave the valid targets of indirect calls as they are.
    PAGE_TARGETS_NO_UPDATE: PAGE_PROTECTION_FLAGS = 0x4000_0000;

    /// Not a parameter.
    MemExtendedParameterInvalidType: MEM_EXTENDED_PARAMETER_TYPE = 0;
    /// Points to [`super::MEM_ADDRESS_REQUIREMENTS`].
    MemExtendedParameterAddressRequirements: MEM_EXTENDED_PARAMETER_TYPE = 1;
    /// The preferred node of the machine.
    MemExtendedParameterNumaNode: MEM_EXTENDED_PARAMETER_TYPE = 2;
    /// A memory partition.
    MemExtendedParameterPartitionHandle: MEM_EXTENDED_PARAMETER_TYPE = 3;
    /// Physical pages.
    MemExtendedParameterUserPhysicalHandle: MEM_EXTENDED_PARAMETER_TYPE = 4;
    /// Attributes of the memory.
    MemExtendedParameterAttributeFlags: MEM_EXTENDED_PARAMETER_TYPE = 5;
    /// The machine of an image.
    MemExtendedParameterImageMachine: MEM_EXTENDED_PARAMETER_TYPE = 6;
    /// The first number that is no parameter.
    MemExtendedParameterMax: MEM_EXTENDED_PARAMETER_TYPE = 7;

    /// As an attribute: pages of 2 MiB. Goes with [`MEM_LARGE_PAGES`].
    MEM_EXTENDED_PARAMETER_NONPAGED_LARGE: u32 = 8;
    /// As an attribute: pages of 1 GiB. Goes with [`MEM_LARGE_PAGES`].
    MEM_EXTENDED_PARAMETER_NONPAGED_HUGE: u32 = 16;
    /// As an attribute: code of another processor. Refused.
    MEM_EXTENDED_PARAMETER_EC_CODE: u32 = 64;
    /// As a node: any.
    NUMA_NO_PREFERRED_NODE: u32 = 0xffff_ffff;

    /// `GetWriteWatch` forgets the pages that it reports.
    WRITE_WATCH_FLAG_RESET: u32 = 1;

    /// Offered content goes first.
    VmOfferPriorityVeryLow: OFFER_PRIORITY = 1;
    /// Offered content goes early.
    VmOfferPriorityLow: OFFER_PRIORITY = 2;
    /// Offered content goes before ordinary memory does.
    VmOfferPriorityBelowNormal: OFFER_PRIORITY = 3;
    /// Offered content goes with ordinary memory.
    VmOfferPriorityNormal: OFFER_PRIORITY = 4;

    /// The minimum of the working set is kept at any price.
    QUOTA_LIMITS_HARDWS_MIN_ENABLE: SETPROCESSWORKINGSETSIZEEX_FLAGS = 1;
    /// The minimum of the working set is a wish.
    QUOTA_LIMITS_HARDWS_MIN_DISABLE: SETPROCESSWORKINGSETSIZEEX_FLAGS = 2;
    /// The working set never exceeds its maximum.
    QUOTA_LIMITS_HARDWS_MAX_ENABLE: SETPROCESSWORKINGSETSIZEEX_FLAGS = 4;
    /// The working set may exceed its maximum while memory is plenty.
    QUOTA_LIMITS_HARDWS_MAX_DISABLE: SETPROCESSWORKINGSETSIZEEX_FLAGS = 8;

    /// End the process.
    PROCESS_TERMINATE: PROCESS_ACCESS_RIGHTS = 1;
    /// Start a thread in it.
    PROCESS_CREATE_THREAD: PROCESS_ACCESS_RIGHTS = 2;
    /// Change its session.
    PROCESS_SET_SESSIONID: PROCESS_ACCESS_RIGHTS = 4;
    /// Allocate, free, protect.
    PROCESS_VM_OPERATION: PROCESS_ACCESS_RIGHTS = 8;
    /// Read its memory.
    PROCESS_VM_READ: PROCESS_ACCESS_RIGHTS = 0x10;
    /// Write its memory.
    PROCESS_VM_WRITE: PROCESS_ACCESS_RIGHTS = 0x20;
    /// Duplicate its handles.
    PROCESS_DUP_HANDLE: PROCESS_ACCESS_RIGHTS = 0x40;
    /// Make it a parent.
    PROCESS_CREATE_PROCESS: PROCESS_ACCESS_RIGHTS = 0x80;
    /// Set its quotas.
    PROCESS_SET_QUOTA: PROCESS_ACCESS_RIGHTS = 0x100;
    /// Set its properties.
    PROCESS_SET_INFORMATION: PROCESS_ACCESS_RIGHTS = 0x200;
    /// Ask about it; implies [`PROCESS_QUERY_LIMITED_INFORMATION`].
    PROCESS_QUERY_INFORMATION: PROCESS_ACCESS_RIGHTS = 0x400;
    /// Stop and continue it.
    PROCESS_SUSPEND_RESUME: PROCESS_ACCESS_RIGHTS = 0x800;
    /// Ask a little about it.
    PROCESS_QUERY_LIMITED_INFORMATION: PROCESS_ACCESS_RIGHTS = 0x1000;
    /// Set some of its properties.
    PROCESS_SET_LIMITED_INFORMATION: PROCESS_ACCESS_RIGHTS = 0x2000;
    /// Delete the object.
    PROCESS_DELETE: PROCESS_ACCESS_RIGHTS = 0x1_0000;
    /// Read its security descriptor.
    PROCESS_READ_CONTROL: PROCESS_ACCESS_RIGHTS = 0x2_0000;
    /// Change its access list.
    PROCESS_WRITE_DAC: PROCESS_ACCESS_RIGHTS = 0x4_0000;
    /// Change its owner.
    PROCESS_WRITE_OWNER: PROCESS_ACCESS_RIGHTS = 0x8_0000;
    /// Rights that every object has.
    PROCESS_STANDARD_RIGHTS_REQUIRED: PROCESS_ACCESS_RIGHTS = 0xf_0000;
    /// Wait for its end.
    PROCESS_SYNCHRONIZE: PROCESS_ACCESS_RIGHTS = 0x10_0000;
    /// Everything.
    PROCESS_ALL_ACCESS: PROCESS_ACCESS_RIGHTS = 0x1f_ffff;

    /// 64-bit x86.
    PROCESSOR_ARCHITECTURE_AMD64: PROCESSOR_ARCHITECTURE = 9;

    /// No error.
    ERROR_SUCCESS: WIN32_ERROR = 0;
    /// Nothing has that name.
    ERROR_FILE_NOT_FOUND: WIN32_ERROR = 2;
    /// A right is missing, or the process is ending.
    ERROR_ACCESS_DENIED: WIN32_ERROR = 5;
    /// Not a handle of a process.
    ERROR_INVALID_HANDLE: WIN32_ERROR = 6;
    /// No free range, or no memory for tables.
    ERROR_NOT_ENOUGH_MEMORY: WIN32_ERROR = 8;
    /// A structure of the wrong length.
    ERROR_BAD_LENGTH: WIN32_ERROR = 24;
    /// The kernel refused for no reason that Win32 knows.
    ERROR_GEN_FAILURE: WIN32_ERROR = 31;
    /// This kind of process or memory cannot be served.
    ERROR_NOT_SUPPORTED: WIN32_ERROR = 50;
    /// The odd code of a query for a name where nothing is.
    ERROR_UNEXP_NET_ERR: WIN32_ERROR = 59;
    /// An argument is wrong.
    ERROR_INVALID_PARAMETER: WIN32_ERROR = 87;
    /// Not a name.
    ERROR_INVALID_NAME: WIN32_ERROR = 123;
    /// A path that begins nowhere.
    ERROR_BAD_PATHNAME: WIN32_ERROR = 161;
    /// There is more than the buffer takes.
    ERROR_MORE_DATA: WIN32_ERROR = 234;
    /// The buffer is too small for the answer.
    ERROR_INSUFFICIENT_BUFFER: WIN32_ERROR = 122;
    /// No such module.
    ERROR_MOD_NOT_FOUND: WIN32_ERROR = 126;
    /// The module has nothing of that name.
    ERROR_PROC_NOT_FOUND: WIN32_ERROR = 127;
    /// The pages were not locked.
    ERROR_NOT_LOCKED: WIN32_ERROR = 158;
    /// Somebody else is being served.
    ERROR_BUSY: WIN32_ERROR = 170;
    /// The name is taken.
    ERROR_ALREADY_EXISTS: WIN32_ERROR = 183;
    /// Not a program.
    ERROR_BAD_EXE_FORMAT: WIN32_ERROR = 193;
    /// There is nothing to list.
    ERROR_NO_MORE_ITEMS: WIN32_ERROR = 259;
    /// Only a part was copied.
    ERROR_PARTIAL_COPY: WIN32_ERROR = 299;
    /// A status without a code.
    ERROR_MR_MID_NOT_FOUND: WIN32_ERROR = 317;
    /// The address does not fit to what is there.
    ERROR_INVALID_ADDRESS: WIN32_ERROR = 487;
    /// The memory cannot be accessed.
    ERROR_NOACCESS: WIN32_ERROR = 998;
    /// The file is empty or has changed.
    ERROR_FILE_INVALID: WIN32_ERROR = 1006;
    /// Base or offset of a view is not aligned.
    ERROR_MAPPED_ALIGNMENT: WIN32_ERROR = 1132;
    /// The file has views.
    ERROR_USER_MAPPED_FILE: WIN32_ERROR = 1224;
    /// The handles stand for two objects.
    ERROR_NOT_SAME_OBJECT: WIN32_ERROR = 1656;
    /// Not all privileges that were asked for are held.
    ERROR_NOT_ALL_ASSIGNED: WIN32_ERROR = 1300;
    /// No privilege has that name.
    ERROR_NO_SUCH_PRIVILEGE: WIN32_ERROR = 1313;
    /// A privilege is missing.
    ERROR_PRIVILEGE_NOT_HELD: WIN32_ERROR = 1314;
    /// The other side broke the protocol.
    ERROR_INTERNAL_ERROR: WIN32_ERROR = 1359;
    /// The limit of mappings leaves no room.
    ERROR_NO_SYSTEM_RESOURCES: WIN32_ERROR = 1450;
    /// More locked than permitted.
    ERROR_WORKING_SET_QUOTA: WIN32_ERROR = 1453;
    /// More memory promised than permitted.
    ERROR_COMMITMENT_LIMIT: WIN32_ERROR = 1455;
}

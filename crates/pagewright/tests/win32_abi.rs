//! Every name, type and constant is that of `windows-sys`: checked by the compiler.
//!
//! The structures are our own, so functions that take one are compared up to it,
//! and the structure field by field.

use std::mem::offset_of;

use pagewright::win32 as ours;
use windows_sys::Win32::Foundation as foundation;
use windows_sys::Win32::System::Diagnostics::Debug as debug;
use windows_sys::Win32::System::Memory as memory;
use windows_sys::Win32::System::ProcessStatus as status;
use windows_sys::Win32::System::SystemInformation as information;
use windows_sys::Win32::System::SystemServices as services;
use windows_sys::Win32::System::Threading as threading;

/// Both functions have the type of the alias `F`; nothing is linked.
macro_rules! same_functions {
    ($($module:ident::$name:ident: $signature:ty;)*) => {
        $(const _: () = {
            let _: $signature = ours::$name;
            let _: $signature = $module::$name;
        };)*
    };
}

type Pointer = *mut core::ffi::c_void;
type Const = *const core::ffi::c_void;
type Bool = windows_sys::core::BOOL;
type Handle = foundation::HANDLE;

same_functions! {
    memory::VirtualAlloc: unsafe extern "system" fn(Const, usize, memory::VIRTUAL_ALLOCATION_TYPE, memory::PAGE_PROTECTION_FLAGS) -> Pointer;
    memory::VirtualAllocEx: unsafe extern "system" fn(Handle, Const, usize, memory::VIRTUAL_ALLOCATION_TYPE, memory::PAGE_PROTECTION_FLAGS) -> Pointer;
    memory::VirtualFree: unsafe extern "system" fn(Pointer, usize, memory::VIRTUAL_FREE_TYPE) -> Bool;
    memory::VirtualFreeEx: unsafe extern "system" fn(Handle, Pointer, usize, memory::VIRTUAL_FREE_TYPE) -> Bool;
    memory::VirtualProtect: unsafe extern "system" fn(Const, usize, memory::PAGE_PROTECTION_FLAGS, *mut memory::PAGE_PROTECTION_FLAGS) -> Bool;
    memory::VirtualProtectEx: unsafe extern "system" fn(Handle, Const, usize, memory::PAGE_PROTECTION_FLAGS, *mut memory::PAGE_PROTECTION_FLAGS) -> Bool;
    memory::VirtualLock: unsafe extern "system" fn(Const, usize) -> Bool;
    memory::VirtualUnlock: unsafe extern "system" fn(Const, usize) -> Bool;
    memory::VirtualUnlockEx: unsafe extern "system" fn(Handle, Const, usize) -> Bool;
    memory::VirtualAllocExNuma: unsafe extern "system" fn(Handle, Const, usize, memory::VIRTUAL_ALLOCATION_TYPE, u32, u32) -> Pointer;
    memory::VirtualAllocFromApp: unsafe extern "system" fn(Const, usize, memory::VIRTUAL_ALLOCATION_TYPE, u32) -> Pointer;
    memory::VirtualProtectFromApp: unsafe extern "system" fn(Const, usize, u32, *mut u32) -> Bool;
    memory::GetWriteWatch: unsafe extern "system" fn(u32, Const, usize, *mut Pointer, *mut usize, *mut u32) -> u32;
    memory::ResetWriteWatch: unsafe extern "system" fn(Const, usize) -> u32;
    memory::AllocateUserPhysicalPages: unsafe extern "system" fn(Handle, *mut usize, *mut usize) -> Bool;
    memory::AllocateUserPhysicalPagesNuma: unsafe extern "system" fn(Handle, *mut usize, *mut usize, u32) -> Bool;
    memory::FreeUserPhysicalPages: unsafe extern "system" fn(Handle, *mut usize, *const usize) -> Bool;
    memory::MapUserPhysicalPages: unsafe extern "system" fn(Const, usize, *const usize) -> Bool;
    memory::MapUserPhysicalPagesScatter: unsafe extern "system" fn(*const Const, usize, *const usize) -> Bool;
    memory::OfferVirtualMemory: unsafe extern "system" fn(Pointer, usize, memory::OFFER_PRIORITY) -> u32;
    memory::ReclaimVirtualMemory: unsafe extern "system" fn(Const, usize) -> u32;
    memory::DiscardVirtualMemory: unsafe extern "system" fn(Pointer, usize) -> u32;
    memory::SetProcessWorkingSetSizeEx: unsafe extern "system" fn(Handle, usize, usize, memory::SETPROCESSWORKINGSETSIZEEX_FLAGS) -> Bool;
    memory::GetProcessWorkingSetSizeEx: unsafe extern "system" fn(Handle, *mut usize, *mut usize, *mut u32) -> Bool;
    threading::SetProcessWorkingSetSize: unsafe extern "system" fn(Handle, usize, usize) -> Bool;
    threading::GetProcessWorkingSetSize: unsafe extern "system" fn(Handle, *mut usize, *mut usize) -> Bool;
    threading::FlushProcessWriteBuffers: unsafe extern "system" fn();
    threading::GetNumaHighestNodeNumber: unsafe extern "system" fn(*mut u32) -> Bool;
    status::EmptyWorkingSet: unsafe extern "system" fn(Handle) -> Bool;
    status::K32EmptyWorkingSet: unsafe extern "system" fn(Handle) -> Bool;
    status::QueryWorkingSetEx: unsafe extern "system" fn(Handle, Pointer, u32) -> Bool;
    status::K32QueryWorkingSetEx: unsafe extern "system" fn(Handle, Pointer, u32) -> Bool;
    status::InitializeProcessForWsWatch: unsafe extern "system" fn(Handle) -> Bool;
    status::K32InitializeProcessForWsWatch: unsafe extern "system" fn(Handle) -> Bool;
    memory::GetLargePageMinimum: unsafe extern "system" fn() -> usize;
    debug::ReadProcessMemory: unsafe extern "system" fn(Handle, Const, Pointer, usize, *mut usize) -> Bool;
    debug::WriteProcessMemory: unsafe extern "system" fn(Handle, Const, Const, usize, *mut usize) -> Bool;
    debug::FlushInstructionCache: unsafe extern "system" fn(Handle, Const, usize) -> Bool;
    threading::OpenProcess: unsafe extern "system" fn(threading::PROCESS_ACCESS_RIGHTS, Bool, u32) -> Handle;
    threading::GetCurrentProcess: unsafe extern "system" fn() -> Handle;
    threading::GetProcessId: unsafe extern "system" fn(Handle) -> u32;
    foundation::CloseHandle: unsafe extern "system" fn(Handle) -> Bool;
    foundation::GetLastError: unsafe extern "system" fn() -> foundation::WIN32_ERROR;
    foundation::SetLastError: unsafe extern "system" fn(foundation::WIN32_ERROR);
}

/// The same for functions that take a structure, which is the one parameter.
macro_rules! same_but_for {
    ($($module:ident::$name:ident($structure:ident) in $home:ident: $alias:ident = $signature:ty;)*) => {
        $(
            type $alias<S> = $signature;
            const _: $alias<ours::$structure> = ours::$name;
            const _: $alias<$home::$structure> = $module::$name;
        )*
    };
}

same_but_for! {
    memory::VirtualAlloc2(MEM_EXTENDED_PARAMETER) in memory: Alloc2 =
        unsafe extern "system" fn(Handle, Const, usize, memory::VIRTUAL_ALLOCATION_TYPE, u32, *mut S, u32) -> Pointer;
    memory::VirtualAlloc2FromApp(MEM_EXTENDED_PARAMETER) in memory: Alloc2FromApp =
        unsafe extern "system" fn(Handle, Const, usize, memory::VIRTUAL_ALLOCATION_TYPE, u32, *mut S, u32) -> Pointer;
    memory::PrefetchVirtualMemory(WIN32_MEMORY_RANGE_ENTRY) in memory: Prefetch =
        unsafe extern "system" fn(Handle, usize, *const S, u32) -> Bool;
    status::GetWsChanges(PSAPI_WS_WATCH_INFORMATION) in status: Changes =
        unsafe extern "system" fn(Handle, *mut S, u32) -> Bool;
    status::K32GetWsChanges(PSAPI_WS_WATCH_INFORMATION) in status: K32Changes =
        unsafe extern "system" fn(Handle, *mut S, u32) -> Bool;
    memory::VirtualQuery(MEMORY_BASIC_INFORMATION) in memory: Query =
        unsafe extern "system" fn(Const, *mut S, usize) -> usize;
    memory::VirtualQueryEx(MEMORY_BASIC_INFORMATION) in memory: QueryEx =
        unsafe extern "system" fn(Handle, Const, *mut S, usize) -> usize;
    information::GetSystemInfo(SYSTEM_INFO) in information: Info = unsafe extern "system" fn(*mut S);
}

/// Field by field: the same offset, and a type that the other's value has as well.
macro_rules! same_structures {
    ($($module:ident::$name:ident { $($field:ident: $type:ty),* };)*) => {
        $(const _: () = {
            assert!(size_of::<ours::$name>() == size_of::<$module::$name>());
            assert!(align_of::<ours::$name>() == align_of::<$module::$name>());
            $(
                assert!(offset_of!(ours::$name, $field) == offset_of!($module::$name, $field));
                let _: fn(&ours::$name) -> $type = |it| it.$field;
                let _: fn(&$module::$name) -> $type = |it| it.$field;
            )*
        };)*
    };
}

same_structures! {
    memory::MEMORY_BASIC_INFORMATION {
        BaseAddress: Pointer, AllocationBase: Pointer, AllocationProtect: u32, PartitionId: u16,
        RegionSize: usize, State: u32, Protect: u32, Type: u32
    };
    memory::MEM_ADDRESS_REQUIREMENTS {
        LowestStartingAddress: Pointer, HighestEndingAddress: Pointer, Alignment: usize
    };
    memory::WIN32_MEMORY_RANGE_ENTRY { VirtualAddress: Pointer, NumberOfBytes: usize };
    status::PSAPI_WS_WATCH_INFORMATION { FaultingPc: Pointer, FaultingVa: Pointer };
    status::PSAPI_WORKING_SET_EX_BLOCK_0_0 { _bitfield: usize };
    status::PSAPI_WORKING_SET_EX_BLOCK_0_1 { _bitfield: usize };
    memory::MEM_EXTENDED_PARAMETER_0 { _bitfield: u64 };
    information::SYSTEM_INFO {
        dwPageSize: u32, lpMinimumApplicationAddress: Pointer, lpMaximumApplicationAddress: Pointer,
        dwActiveProcessorMask: usize, dwNumberOfProcessors: u32, dwProcessorType: u32,
        dwAllocationGranularity: u32, wProcessorLevel: u16, wProcessorRevision: u16
    };
    information::SYSTEM_INFO_0_0 { wProcessorArchitecture: u16, wReserved: u16 };
}

/// Structures and unions whose fields are structures: the same places.
macro_rules! same_places {
    ($($module:ident::$name:ident { $($field:ident),* };)*) => {
        $(const _: () = {
            assert!(size_of::<ours::$name>() == size_of::<$module::$name>());
            assert!(align_of::<ours::$name>() == align_of::<$module::$name>());
            $(assert!(offset_of!(ours::$name, $field) == offset_of!($module::$name, $field));)*
        };)*
    };
}

same_places! {
    status::PSAPI_WORKING_SET_EX_INFORMATION { VirtualAddress, VirtualAttributes };
    status::PSAPI_WORKING_SET_EX_BLOCK { Flags, Anonymous };
    status::PSAPI_WORKING_SET_EX_BLOCK_0 { Anonymous, Invalid };
    memory::MEM_EXTENDED_PARAMETER { Anonymous1, Anonymous2 };
    memory::MEM_EXTENDED_PARAMETER_1 { ULong64, Pointer, Size, Handle, ULong };
    information::SYSTEM_INFO { Anonymous };
    information::SYSTEM_INFO_0 { dwOemId, Anonymous };
}

macro_rules! same_constants {
    ($($module:ident { $($name:ident)* })*) => {
        $($(const _: () = {
            // The first line is the type, the second the value.
            let mut both = [$module::$name, ours::$name];
            both[0] = $module::$name;
            assert!(both[0] == both[1]);
        };)*)*
    };
}

same_constants! {
    memory {
        MEM_COMMIT MEM_RESERVE MEM_REPLACE_PLACEHOLDER MEM_FREE MEM_RESERVE_PLACEHOLDER MEM_RESET
        MEM_RESET_UNDO MEM_LARGE_PAGES MEM_DECOMMIT MEM_RELEASE MEM_PRESERVE_PLACEHOLDER MEM_PRIVATE
        MEM_MAPPED MEM_IMAGE
        PAGE_NOACCESS PAGE_READONLY PAGE_READWRITE PAGE_WRITECOPY PAGE_EXECUTE PAGE_EXECUTE_READ
        PAGE_EXECUTE_READWRITE PAGE_EXECUTE_WRITECOPY PAGE_GUARD PAGE_NOCACHE PAGE_WRITECOMBINE
        PAGE_TARGETS_INVALID PAGE_TARGETS_NO_UPDATE
        MemExtendedParameterInvalidType MemExtendedParameterAddressRequirements
        MemExtendedParameterNumaNode MemExtendedParameterPartitionHandle
        MemExtendedParameterUserPhysicalHandle MemExtendedParameterAttributeFlags
        MemExtendedParameterImageMachine MemExtendedParameterMax
        VmOfferPriorityVeryLow VmOfferPriorityLow VmOfferPriorityBelowNormal VmOfferPriorityNormal
        QUOTA_LIMITS_HARDWS_MIN_ENABLE QUOTA_LIMITS_HARDWS_MIN_DISABLE
        QUOTA_LIMITS_HARDWS_MAX_ENABLE QUOTA_LIMITS_HARDWS_MAX_DISABLE
    }
    services {
        MEM_EXTENDED_PARAMETER_NONPAGED_LARGE MEM_EXTENDED_PARAMETER_NONPAGED_HUGE
        MEM_EXTENDED_PARAMETER_EC_CODE NUMA_NO_PREFERRED_NODE WRITE_WATCH_FLAG_RESET
    }
    threading {
        PROCESS_TERMINATE PROCESS_CREATE_THREAD PROCESS_SET_SESSIONID PROCESS_VM_OPERATION
        PROCESS_VM_READ PROCESS_VM_WRITE PROCESS_DUP_HANDLE PROCESS_CREATE_PROCESS PROCESS_SET_QUOTA
        PROCESS_SET_INFORMATION PROCESS_QUERY_INFORMATION PROCESS_SUSPEND_RESUME
        PROCESS_QUERY_LIMITED_INFORMATION PROCESS_SET_LIMITED_INFORMATION PROCESS_DELETE
        PROCESS_READ_CONTROL PROCESS_WRITE_DAC PROCESS_WRITE_OWNER PROCESS_STANDARD_RIGHTS_REQUIRED
        PROCESS_SYNCHRONIZE PROCESS_ALL_ACCESS
    }
    information { PROCESSOR_ARCHITECTURE_AMD64 }
    foundation {
        TRUE FALSE
        ERROR_SUCCESS ERROR_FILE_NOT_FOUND ERROR_ACCESS_DENIED ERROR_INVALID_HANDLE
        ERROR_NOT_ENOUGH_MEMORY ERROR_BAD_LENGTH ERROR_GEN_FAILURE ERROR_NOT_SUPPORTED
        ERROR_UNEXP_NET_ERR ERROR_INVALID_PARAMETER ERROR_NOT_LOCKED ERROR_BUSY ERROR_ALREADY_EXISTS
        ERROR_BAD_EXE_FORMAT ERROR_PARTIAL_COPY ERROR_MR_MID_NOT_FOUND ERROR_INVALID_ADDRESS
        ERROR_NOACCESS ERROR_FILE_INVALID ERROR_MAPPED_ALIGNMENT ERROR_USER_MAPPED_FILE
        ERROR_PRIVILEGE_NOT_HELD ERROR_INTERNAL_ERROR ERROR_NO_SYSTEM_RESOURCES
        ERROR_WORKING_SET_QUOTA ERROR_COMMITMENT_LIMIT ERROR_INSUFFICIENT_BUFFER ERROR_NO_MORE_ITEMS
    }
}

/// Sections, views and the classes of queries.
mod sections {
    use super::{Bool, Const, Handle, Pointer, foundation, memory, offset_of, ours, status};
    use windows_sys::Wdk::Foundation as objects;
    use windows_sys::Wdk::Storage::FileSystem as nt;
    use windows_sys::Wdk::System::Memory as views;
    use windows_sys::Win32::System::WindowsProgramming as programming;

    same_functions! {
        memory::OpenFileMappingW: unsafe extern "system" fn(u32, Bool, *const u16) -> Handle;
        memory::OpenFileMappingA: unsafe extern "system" fn(u32, Bool, *const u8) -> Handle;
        memory::OpenFileMappingFromApp: unsafe extern "system" fn(u32, Bool, *const u16) -> Handle;
        memory::QueryVirtualMemoryInformation: unsafe extern "system" fn(Handle, Const, memory::WIN32_MEMORY_INFORMATION_CLASS, Pointer, usize, *mut usize) -> Bool;
        status::K32GetMappedFileNameW: unsafe extern "system" fn(Handle, Const, *mut u16, u32) -> u32;
        foundation::DuplicateHandle: unsafe extern "system" fn(Handle, Handle, Handle, *mut Handle, u32, Bool, foundation::DUPLICATE_HANDLE_OPTIONS) -> Bool;
        objects::NtQueryObject: unsafe extern "system" fn(Handle, objects::OBJECT_INFORMATION_CLASS, Pointer, u32, *mut u32) -> foundation::NTSTATUS;
        nt::NtQueryVirtualMemory: unsafe extern "system" fn(Handle, Const, nt::MEMORY_INFORMATION_CLASS, Pointer, usize, *mut usize) -> foundation::NTSTATUS;
        views::NtMapViewOfSection: unsafe extern "system" fn(Handle, Handle, *mut Pointer, usize, usize, *mut i64, *mut usize, views::SECTION_INHERIT, u32, u32) -> foundation::NTSTATUS;
        views::NtUnmapViewOfSection: unsafe extern "system" fn(Handle, Const) -> foundation::NTSTATUS;
    }

    same_but_for! {
        memory::CreateFileMappingW(SECURITY_ATTRIBUTES) in security: Wide =
            unsafe extern "system" fn(Handle, *const S, memory::PAGE_PROTECTION_FLAGS, u32, u32, *const u16) -> Handle;
        memory::CreateFileMappingA(SECURITY_ATTRIBUTES) in security: Narrow =
            unsafe extern "system" fn(Handle, *const S, memory::PAGE_PROTECTION_FLAGS, u32, u32, *const u8) -> Handle;
        memory::CreateFileMappingFromApp(SECURITY_ATTRIBUTES) in security: FromApp =
            unsafe extern "system" fn(Handle, *const S, memory::PAGE_PROTECTION_FLAGS, u64, *const u16) -> Handle;
        memory::MapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS) in memory: Map =
            unsafe extern "system" fn(Handle, memory::FILE_MAP, u32, u32, usize) -> S;
        memory::MapViewOfFileEx(MEMORY_MAPPED_VIEW_ADDRESS) in memory: MapEx =
            unsafe extern "system" fn(Handle, memory::FILE_MAP, u32, u32, usize, Const) -> S;
        memory::MapViewOfFileFromApp(MEMORY_MAPPED_VIEW_ADDRESS) in memory: MapFromApp =
            unsafe extern "system" fn(Handle, memory::FILE_MAP, u64, usize) -> S;
        memory::MapViewOfFileNuma2(MEMORY_MAPPED_VIEW_ADDRESS) in memory: MapNuma =
            unsafe extern "system" fn(Handle, Handle, u64, Const, usize, u32, u32, u32) -> S;
        memory::UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS) in memory: Unmap = unsafe extern "system" fn(S) -> Bool;
        memory::UnmapViewOfFileEx(MEMORY_MAPPED_VIEW_ADDRESS) in memory: UnmapEx =
            unsafe extern "system" fn(S, memory::UNMAP_VIEW_OF_FILE_FLAGS) -> Bool;
        memory::UnmapViewOfFile2(MEMORY_MAPPED_VIEW_ADDRESS) in memory: Unmap2 =
            unsafe extern "system" fn(Handle, S, memory::UNMAP_VIEW_OF_FILE_FLAGS) -> Bool;
    }

    // Two structures of ours in one type.
    type Map3<P, S> = unsafe extern "system" fn(
        Handle,
        Handle,
        Const,
        u64,
        usize,
        memory::VIRTUAL_ALLOCATION_TYPE,
        u32,
        *mut P,
        u32,
    ) -> S;
    const _: Map3<ours::MEM_EXTENDED_PARAMETER, ours::MEMORY_MAPPED_VIEW_ADDRESS> = ours::MapViewOfFile3;
    const _: Map3<memory::MEM_EXTENDED_PARAMETER, memory::MEMORY_MAPPED_VIEW_ADDRESS> =
        memory::MapViewOfFile3;

    use windows_sys::Win32::Security as security;

    same_structures! {
        memory::MEMORY_MAPPED_VIEW_ADDRESS { Value: Pointer };
        security::SECURITY_ATTRIBUTES { nLength: u32, lpSecurityDescriptor: Pointer, bInheritHandle: Bool };
        programming::PUBLIC_OBJECT_BASIC_INFORMATION {
            Attributes: u32, GrantedAccess: u32, HandleCount: u32, PointerCount: u32, Reserved: [u32; 10]
        };
        foundation::UNICODE_STRING { Length: u16, MaximumLength: u16, Buffer: *mut u16 };
        memory::WIN32_MEMORY_REGION_INFORMATION {
            AllocationBase: Pointer, AllocationProtect: u32, RegionSize: usize, CommitSize: usize
        };
        memory::WIN32_MEMORY_REGION_INFORMATION_0_0 { _bitfield: u32 };
    }

    same_places! {
        memory::WIN32_MEMORY_REGION_INFORMATION { Anonymous };
        memory::WIN32_MEMORY_REGION_INFORMATION_0 { Flags, Anonymous };
    }

    same_constants! {
        memory {
            FILE_MAP_COPY FILE_MAP_WRITE FILE_MAP_READ FILE_MAP_ALL_ACCESS FILE_MAP_EXECUTE FILE_MAP_LARGE_PAGES
            FILE_MAP_TARGETS_INVALID FILE_MAP_RESERVE
            SECTION_QUERY SECTION_MAP_WRITE SECTION_MAP_READ SECTION_MAP_EXECUTE SECTION_EXTEND_SIZE
            SECTION_MAP_EXECUTE_EXPLICIT SECTION_ALL_ACCESS
            SEC_FILE SEC_IMAGE SEC_RESERVE SEC_COMMIT SEC_NOCACHE SEC_WRITECOMBINE SEC_LARGE_PAGES
            MemoryRegionInfo
        }
        foundation { DUPLICATE_CLOSE_SOURCE DUPLICATE_SAME_ACCESS ERROR_MORE_DATA }
        nt { MemoryBasicInformation }
        views { ViewShare ViewUnmap }
    }

    // Those that no header has: laid out as 64-bit Windows does.
    const _: () = assert!(size_of::<ours::SECTION_BASIC_INFORMATION>() == 24);
    const _: () = assert!(offset_of!(ours::SECTION_BASIC_INFORMATION, MaximumSize) == 16);
    const _: () = assert!(size_of::<ours::MEMORY_REGION_INFORMATION>() == 48);
    const _: () = assert!(offset_of!(ours::MEMORY_REGION_INFORMATION, RegionSize) == 16);
    const _: () = assert!(offset_of!(ours::MEMORY_REGION_INFORMATION, PartitionId) == 32);
    const _: () = assert!(size_of::<ours::MEMORY_IMAGE_INFORMATION>() == 24);
}

// In `windows-sys` these three are in modules that nobody needs for memory.
const _: () = assert!(ours::MEM_TOP_DOWN == 0x10_0000);
const _: () = assert!(ours::MEM_WRITE_WATCH == 0x20_0000);
const _: () = assert!(ours::MEM_PHYSICAL == 0x40_0000);

// Rows: HR15
#[test]
fn the_pseudo_handle_of_a_process_is_minus_one() {
    assert_eq!(ours::INVALID_HANDLE_VALUE, foundation::INVALID_HANDLE_VALUE);
    // SAFETY: no conditions.
    assert_eq!(unsafe { ours::GetCurrentProcess() }.addr(), usize::MAX, "HR15");
}

#[test]
fn a_program_switches_with_one_use_line() {
    use pagewright::win32::*;
    // SAFETY: fresh memory, used and freed by nobody else.
    unsafe {
        let base = VirtualAlloc(std::ptr::null(), 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        assert!(!base.is_null(), "{}", GetLastError());
        *base.cast::<u32>() = 7;
        let mut record = MEMORY_BASIC_INFORMATION::default();
        assert_eq!(VirtualQuery(base, &raw mut record, size_of_val(&record)), size_of_val(&record));
        assert_eq!((record.State, record.Protect), (MEM_COMMIT, PAGE_READWRITE));
        assert_eq!(VirtualFree(base, 0, MEM_RELEASE), TRUE);
    }
}

// Rows: LP01
#[test]
fn the_system_is_described() {
    use pagewright::win32::{GetLargePageMinimum, GetSystemInfo, PROCESSOR_ARCHITECTURE_AMD64, SYSTEM_INFO};
    let mut info = SYSTEM_INFO::default();
    // SAFETY: the structure has room.
    unsafe { GetSystemInfo(&raw mut info) };
    assert_eq!((info.dwPageSize, info.dwAllocationGranularity), (0x1000, 0x1_0000));
    assert_eq!(info.lpMinimumApplicationAddress.addr(), 0x1_0000);
    assert_eq!(info.lpMaximumApplicationAddress.addr(), 0x7fff_ffff_efff);
    assert!(info.dwNumberOfProcessors >= 1);
    let mask = info.dwActiveProcessorMask.count_ones();
    assert_eq!(mask, info.dwNumberOfProcessors.min(usize::BITS));
    // SAFETY: GetSystemInfo writes the architecture.
    let architecture = unsafe { info.Anonymous.Anonymous.wProcessorArchitecture };
    assert_eq!(architecture, PROCESSOR_ARCHITECTURE_AMD64);
    // SAFETY: no conditions.
    assert_eq!(unsafe { GetLargePageMinimum() }, 2 << 20, "LP01");
}

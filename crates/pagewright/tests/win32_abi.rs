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
    status::GetProcessMemoryInfo(PROCESS_MEMORY_COUNTERS) in status: Counters =
        unsafe extern "system" fn(Handle, *mut S, u32) -> Bool;
    status::K32GetProcessMemoryInfo(PROCESS_MEMORY_COUNTERS) in status: K32Counters =
        unsafe extern "system" fn(Handle, *mut S, u32) -> Bool;
    information::GetSystemTimeAsFileTime(FILETIME) in foundation: Time = unsafe extern "system" fn(*mut S);
    information::GetSystemTimePreciseAsFileTime(FILETIME) in foundation: PreciseTime =
        unsafe extern "system" fn(*mut S);
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
    status::PSAPI_WORKING_SET_BLOCK_0 { _bitfield: usize };
    status::PSAPI_WORKING_SET_INFORMATION { NumberOfEntries: usize };
    status::PROCESS_MEMORY_COUNTERS {
        cb: u32, PageFaultCount: u32, PeakWorkingSetSize: usize, WorkingSetSize: usize,
        QuotaPeakPagedPoolUsage: usize, QuotaPagedPoolUsage: usize, QuotaPeakNonPagedPoolUsage: usize,
        QuotaNonPagedPoolUsage: usize, PagefileUsage: usize, PeakPagefileUsage: usize
    };
    status::PROCESS_MEMORY_COUNTERS_EX { cb: u32, PeakPagefileUsage: usize, PrivateUsage: usize };
    status::PROCESS_MEMORY_COUNTERS_EX2 {
        cb: u32, PrivateUsage: usize, PrivateWorkingSetSize: usize, SharedCommitUsage: u64
    };
    foundation::FILETIME { dwLowDateTime: u32, dwHighDateTime: u32 };
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
        ERROR_MOD_NOT_FOUND ERROR_PROC_NOT_FOUND
    }
}

/// Sections, views and the classes of queries.
mod sections {
    use super::{Bool, Const, Handle, Pointer, foundation, memory, offset_of, ours, status};
    use windows_sys::Wdk::Foundation as objects;
    use windows_sys::Wdk::Storage::FileSystem as nt;
    use windows_sys::Wdk::System::Memory as views;
    use windows_sys::Win32::System::LibraryLoader as loader;
    use windows_sys::Win32::System::WindowsProgramming as programming;

    same_functions! {
        memory::OpenFileMappingW: unsafe extern "system" fn(u32, Bool, *const u16) -> Handle;
        memory::OpenFileMappingA: unsafe extern "system" fn(u32, Bool, *const u8) -> Handle;
        memory::OpenFileMappingFromApp: unsafe extern "system" fn(u32, Bool, *const u16) -> Handle;
        memory::QueryVirtualMemoryInformation: unsafe extern "system" fn(Handle, Const, memory::WIN32_MEMORY_INFORMATION_CLASS, Pointer, usize, *mut usize) -> Bool;
        status::GetMappedFileNameW: unsafe extern "system" fn(Handle, Const, *mut u16, u32) -> u32;
        status::GetMappedFileNameA: unsafe extern "system" fn(Handle, Const, *mut u8, u32) -> u32;
        status::K32GetMappedFileNameA: unsafe extern "system" fn(Handle, Const, *mut u8, u32) -> u32;
        status::QueryWorkingSet: unsafe extern "system" fn(Handle, Pointer, u32) -> Bool;
        status::K32QueryWorkingSet: unsafe extern "system" fn(Handle, Pointer, u32) -> Bool;
        loader::GetModuleHandleA: unsafe extern "system" fn(*const u8) -> Pointer;
        loader::GetModuleHandleW: unsafe extern "system" fn(*const u16) -> Pointer;
        loader::GetModuleHandleExA: unsafe extern "system" fn(u32, *const u8, *mut Pointer) -> Bool;
        loader::GetModuleHandleExW: unsafe extern "system" fn(u32, *const u16, *mut Pointer) -> Bool;
        loader::LoadLibraryA: unsafe extern "system" fn(*const u8) -> Pointer;
        loader::LoadLibraryW: unsafe extern "system" fn(*const u16) -> Pointer;
        loader::LoadLibraryExA: unsafe extern "system" fn(*const u8, Handle, loader::LOAD_LIBRARY_FLAGS) -> Pointer;
        loader::LoadLibraryExW: unsafe extern "system" fn(*const u16, Handle, loader::LOAD_LIBRARY_FLAGS) -> Pointer;
        foundation::FreeLibrary: unsafe extern "system" fn(Pointer) -> Bool;
        loader::DisableThreadLibraryCalls: unsafe extern "system" fn(Pointer) -> Bool;
        loader::GetModuleFileNameA: unsafe extern "system" fn(Pointer, *mut u8, u32) -> u32;
        loader::GetModuleFileNameW: unsafe extern "system" fn(Pointer, *mut u16, u32) -> u32;
        status::K32GetMappedFileNameW: unsafe extern "system" fn(Handle, Const, *mut u16, u32) -> u32;
        foundation::DuplicateHandle: unsafe extern "system" fn(Handle, Handle, Handle, *mut Handle, u32, Bool, foundation::DUPLICATE_HANDLE_OPTIONS) -> Bool;
        objects::NtClose: unsafe extern "system" fn(Handle) -> foundation::NTSTATUS;
        foundation::RtlNtStatusToDosError: unsafe extern "system" fn(foundation::NTSTATUS) -> u32;
        nt::RtlNtStatusToDosErrorNoTeb: unsafe extern "system" fn(foundation::NTSTATUS) -> u32;
        nt::NtAllocateVirtualMemory: unsafe extern "system" fn(Handle, *mut Pointer, usize, *mut usize, u32, u32) -> foundation::NTSTATUS;
        nt::NtFreeVirtualMemory: unsafe extern "system" fn(Handle, *mut Pointer, *mut usize, u32) -> foundation::NTSTATUS;
        nt::NtDuplicateObject: unsafe extern "system" fn(Handle, Handle, Handle, *mut Handle, u32, u32, u32) -> foundation::NTSTATUS;
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
        nt::NtCreateSection(OBJECT_ATTRIBUTES) in objects: MakeSection =
            unsafe extern "system" fn(*mut Handle, u32, *const S, *const i64, u32, u32, Handle) -> foundation::NTSTATUS;
        views::NtOpenSection(OBJECT_ATTRIBUTES) in objects: OpenSection =
            unsafe extern "system" fn(*mut Handle, u32, *const S) -> foundation::NTSTATUS;
        nt::NtAllocateVirtualMemoryEx(MEM_EXTENDED_PARAMETER) in memory: NtAllocEx =
            unsafe extern "system" fn(Handle, *mut Pointer, *mut usize, u32, u32, *mut S, u32) -> foundation::NTSTATUS;
        nt::NtSetInformationVirtualMemory(MEMORY_RANGE_ENTRY) in nt: SetInformation =
            unsafe extern "system" fn(Handle, nt::VIRTUAL_MEMORY_INFORMATION_CLASS, usize, *const S, Const, u32) -> foundation::NTSTATUS;
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

    type Open<A, C> = unsafe extern "system" fn(*mut Handle, u32, *const A, *const C) -> foundation::NTSTATUS;
    const _: Open<ours::OBJECT_ATTRIBUTES, ours::CLIENT_ID> = ours::NtOpenProcess;
    const _: Open<objects::OBJECT_ATTRIBUTES, programming::CLIENT_ID> = processes::NtOpenProcess;

    use windows_sys::Wdk::System::Threading as processes;
    use windows_sys::Win32::Security as security;

    same_structures! {
        nt::MEMORY_RANGE_ENTRY { VirtualAddress: Pointer, NumberOfBytes: usize };
        programming::CLIENT_ID { UniqueProcess: Handle, UniqueThread: Handle };
        objects::OBJECT_ATTRIBUTES {
            Length: u32, RootDirectory: Handle, Attributes: u32
        };
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
        objects::OBJECT_ATTRIBUTES { ObjectName, SecurityDescriptor, SecurityQualityOfService };
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
        nt { MemoryBasicInformation VmPrefetchInformation }
        foundation { OBJ_INHERIT OBJ_CASE_INSENSITIVE OBJ_OPENIF ERROR_INVALID_NAME ERROR_BAD_PATHNAME }
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

/// The small calls around them.
mod around {
    use super::{
        Bool, Const, Handle, Pointer, debug, foundation, information, memory, offset_of, ours, threading,
    };
    use windows_sys::Wdk::Storage::FileSystem as nt;
    use windows_sys::Win32::Security as security;
    use windows_sys::Win32::System::IO as io;
    use windows_sys::Win32::System::Performance as performance;

    same_functions! {
        memory::FlushViewOfFile: unsafe extern "system" fn(Const, usize) -> Bool;
        memory::IsBadReadPtr: unsafe extern "system" fn(Const, usize) -> Bool;
        memory::IsBadWritePtr: unsafe extern "system" fn(Const, usize) -> Bool;
        memory::IsBadCodePtr: unsafe extern "system" fn(foundation::FARPROC) -> Bool;
        memory::IsBadStringPtrA: unsafe extern "system" fn(*const u8, usize) -> Bool;
        memory::IsBadStringPtrW: unsafe extern "system" fn(*const u16, usize) -> Bool;
        memory::GetProcessHeap: unsafe extern "system" fn() -> Handle;
        memory::HeapAlloc: unsafe extern "system" fn(Handle, memory::HEAP_FLAGS, usize) -> Pointer;
        memory::HeapReAlloc: unsafe extern "system" fn(Handle, memory::HEAP_FLAGS, Const, usize) -> Pointer;
        memory::HeapFree: unsafe extern "system" fn(Handle, memory::HEAP_FLAGS, Const) -> Bool;
        memory::HeapSize: unsafe extern "system" fn(Handle, memory::HEAP_FLAGS, Const) -> usize;
        memory::HeapValidate: unsafe extern "system" fn(Handle, memory::HEAP_FLAGS, Const) -> Bool;
        memory::HeapCreate: unsafe extern "system" fn(memory::HEAP_FLAGS, usize, usize) -> Handle;
        memory::HeapDestroy: unsafe extern "system" fn(Handle) -> Bool;
        memory::LocalAlloc: unsafe extern "system" fn(memory::LOCAL_ALLOC_FLAGS, usize) -> foundation::HLOCAL;
        memory::GlobalAlloc: unsafe extern "system" fn(memory::GLOBAL_ALLOC_FLAGS, usize) -> foundation::HGLOBAL;
        foundation::LocalFree: unsafe extern "system" fn(foundation::HLOCAL) -> foundation::HLOCAL;
        foundation::GlobalFree: unsafe extern "system" fn(foundation::HGLOBAL) -> foundation::HGLOBAL;
        foundation::GetHandleInformation: unsafe extern "system" fn(Handle, *mut u32) -> Bool;
        foundation::SetHandleInformation: unsafe extern "system" fn(Handle, u32, foundation::HANDLE_FLAGS) -> Bool;
        foundation::CompareObjectHandles: unsafe extern "system" fn(Handle, Handle) -> Bool;
        threading::GetCurrentProcessId: unsafe extern "system" fn() -> u32;
        threading::GetCurrentThreadId: unsafe extern "system" fn() -> u32;
        threading::GetCurrentThread: unsafe extern "system" fn() -> Handle;
        threading::GetExitCodeProcess: unsafe extern "system" fn(Handle, *mut u32) -> Bool;
        threading::ExitProcess: unsafe extern "system" fn(u32) -> !;
        threading::Sleep: unsafe extern "system" fn(u32);
        threading::SwitchToThread: unsafe extern "system" fn() -> Bool;
        threading::OpenProcessToken: unsafe extern "system" fn(Handle, security::TOKEN_ACCESS_MASK, *mut Handle) -> Bool;
        threading::GetNumaNodeProcessorMask: unsafe extern "system" fn(u8, *mut u64) -> Bool;
        threading::GetNumaAvailableMemoryNode: unsafe extern "system" fn(u8, *mut u64) -> Bool;
        threading::GetNumaAvailableMemoryNodeEx: unsafe extern "system" fn(u16, *mut u64) -> Bool;
        threading::GetNumaProcessorNode: unsafe extern "system" fn(u8, *mut u8) -> Bool;
        threading::GetNumaProximityNode: unsafe extern "system" fn(u32, *mut u8) -> Bool;
        information::GetTickCount: unsafe extern "system" fn() -> u32;
        information::GetTickCount64: unsafe extern "system" fn() -> u64;
        information::GetPhysicallyInstalledSystemMemory: unsafe extern "system" fn(*mut u64) -> Bool;
        performance::QueryPerformanceCounter: unsafe extern "system" fn(*mut i64) -> Bool;
        performance::QueryPerformanceFrequency: unsafe extern "system" fn(*mut i64) -> Bool;
        debug::FormatMessageA: unsafe extern "system" fn(debug::FORMAT_MESSAGE_OPTIONS, Const, u32, u32, *mut u8, u32, *const *const i8) -> u32;
        debug::FormatMessageW: unsafe extern "system" fn(debug::FORMAT_MESSAGE_OPTIONS, Const, u32, u32, *mut u16, u32, *const *const i8) -> u32;
    }

    same_but_for! {
        information::GetNativeSystemInfo(SYSTEM_INFO) in information: Native = unsafe extern "system" fn(*mut S);
        information::GlobalMemoryStatusEx(MEMORYSTATUSEX) in information: Status =
            unsafe extern "system" fn(*mut S) -> Bool;
        threading::GetNumaNodeProcessorMaskEx(GROUP_AFFINITY) in information: Affinity =
            unsafe extern "system" fn(u16, *mut S) -> Bool;
        security::LookupPrivilegeValueA(LUID) in foundation: LookupA =
            unsafe extern "system" fn(*const u8, *const u8, *mut S) -> Bool;
        security::LookupPrivilegeValueW(LUID) in foundation: LookupW =
            unsafe extern "system" fn(*const u16, *const u16, *mut S) -> Bool;
        security::AdjustTokenPrivileges(TOKEN_PRIVILEGES) in security: Adjust =
            unsafe extern "system" fn(Handle, Bool, *const S, u32, *mut S, *mut u32) -> Bool;
        nt::NtFlushVirtualMemory(IO_STATUS_BLOCK) in io: Flush =
            unsafe extern "system" fn(Handle, *mut Pointer, *mut usize, *mut S) -> foundation::NTSTATUS;
    }

    same_structures! {
        information::MEMORYSTATUSEX {
            dwLength: u32, dwMemoryLoad: u32, ullTotalPhys: u64, ullAvailPhys: u64, ullTotalPageFile: u64,
            ullAvailPageFile: u64, ullTotalVirtual: u64, ullAvailVirtual: u64, ullAvailExtendedVirtual: u64
        };
        information::GROUP_AFFINITY { Mask: usize, Group: u16, Reserved: [u16; 3] };
        foundation::LUID { LowPart: u32, HighPart: i32 };
        security::TOKEN_PRIVILEGES { PrivilegeCount: u32 };
        security::LUID_AND_ATTRIBUTES { Attributes: u32 };
        io::IO_STATUS_BLOCK { Information: usize };
    }

    same_places! {
        security::LUID_AND_ATTRIBUTES { Luid };
        security::TOKEN_PRIVILEGES { Privileges };
        io::IO_STATUS_BLOCK { Anonymous };
        io::IO_STATUS_BLOCK_0 { Status, Pointer };
    }

    same_constants! {
        foundation {
            HANDLE_FLAG_INHERIT HANDLE_FLAG_PROTECT_FROM_CLOSE STILL_ACTIVE
            ERROR_NOT_ALL_ASSIGNED ERROR_NO_SUCH_PRIVILEGE ERROR_NOT_SAME_OBJECT
        }
        threading { INFINITE }
        memory {
            HEAP_NONE HEAP_NO_SERIALIZE HEAP_GROWABLE HEAP_GENERATE_EXCEPTIONS HEAP_ZERO_MEMORY
            HEAP_REALLOC_IN_PLACE_ONLY LMEM_FIXED LMEM_MOVEABLE LMEM_ZEROINIT LPTR
            GMEM_FIXED GMEM_MOVEABLE GMEM_ZEROINIT GPTR
        }
        security {
            TOKEN_QUERY TOKEN_ADJUST_PRIVILEGES TOKEN_ALL_ACCESS
            SE_PRIVILEGE_ENABLED_BY_DEFAULT SE_PRIVILEGE_ENABLED SE_PRIVILEGE_REMOVED
        }
        debug {
            FORMAT_MESSAGE_ALLOCATE_BUFFER FORMAT_MESSAGE_IGNORE_INSERTS FORMAT_MESSAGE_FROM_STRING
            FORMAT_MESSAGE_FROM_HMODULE FORMAT_MESSAGE_FROM_SYSTEM FORMAT_MESSAGE_ARGUMENT_ARRAY
        }
    }
}

/// Exceptions. Types of ours have the alignment of the C headers, which `windows-sys` leaves out.
mod exceptions {
    use super::{Const, Pointer, debug, foundation, offset_of, ours, services};

    same_functions! {
        debug::RemoveVectoredExceptionHandler: unsafe extern "system" fn(Const) -> u32;
        debug::RemoveVectoredContinueHandler: unsafe extern "system" fn(Const) -> u32;
        debug::RaiseException: unsafe extern "system" fn(u32, u32, u32, *const usize);
    }

    type Add<P> = unsafe extern "system" fn(u32, Option<unsafe extern "system" fn(*mut P) -> i32>) -> Pointer;
    const _: [Add<ours::EXCEPTION_POINTERS>; 2] =
        [ours::AddVectoredExceptionHandler, ours::AddVectoredContinueHandler];
    const _: [Add<debug::EXCEPTION_POINTERS>; 2] =
        [debug::AddVectoredExceptionHandler, debug::AddVectoredContinueHandler];
    type Filter<P> = Option<unsafe extern "system" fn(*const P) -> i32>;
    type Set<P> = unsafe extern "system" fn(Filter<P>) -> Filter<P>;
    const _: Set<ours::EXCEPTION_POINTERS> = ours::SetUnhandledExceptionFilter;
    const _: Set<debug::EXCEPTION_POINTERS> = debug::SetUnhandledExceptionFilter;
    const _: unsafe extern "system" fn(*const ours::EXCEPTION_POINTERS) -> i32 =
        ours::UnhandledExceptionFilter;
    const _: unsafe extern "system" fn(*const debug::EXCEPTION_POINTERS) -> i32 =
        debug::UnhandledExceptionFilter;
    const _: unsafe extern "system" fn(*mut ours::CONTEXT) = ours::RtlCaptureContext;
    const _: unsafe extern "system" fn(*mut debug::CONTEXT) = debug::RtlCaptureContext;

    macro_rules! same_fields {
        ($($name:ident { $($field:ident)* })*) => {
            $(const _: () = {
                assert!(size_of::<ours::$name>() == size_of::<debug::$name>());
                $(assert!(offset_of!(ours::$name, $field) == offset_of!(debug::$name, $field));)*
            };)*
        };
    }

    same_fields! {
        EXCEPTION_RECORD {
            ExceptionCode ExceptionFlags ExceptionRecord ExceptionAddress NumberParameters ExceptionInformation
        }
        EXCEPTION_POINTERS { ExceptionRecord ContextRecord }
        M128A { Low High }
        XSAVE_FORMAT {
            ControlWord StatusWord TagWord Reserved1 ErrorOpcode ErrorOffset ErrorSelector Reserved2 DataOffset
            DataSelector Reserved3 MxCsr MxCsr_Mask FloatRegisters XmmRegisters Reserved4
        }
        CONTEXT {
            P1Home P2Home P3Home P4Home P5Home P6Home ContextFlags MxCsr SegCs SegDs SegEs SegFs SegGs SegSs EFlags
            Dr0 Dr1 Dr2 Dr3 Dr6 Dr7 Rax Rcx Rdx Rbx Rsp Rbp Rsi Rdi R8 R9 R10 R11 R12 R13 R14 R15 Rip Anonymous
            VectorRegister VectorControl DebugControl LastBranchToRip LastBranchFromRip LastExceptionToRip
            LastExceptionFromRip
        }
        CONTEXT_0 { FltSave Anonymous }
        CONTEXT_0_0 { Header Legacy Xmm0 Xmm1 Xmm15 }
    }

    same_constants! {
        debug {
            EXCEPTION_CONTINUE_EXECUTION EXCEPTION_CONTINUE_SEARCH EXCEPTION_EXECUTE_HANDLER
            CONTEXT_AMD64 CONTEXT_CONTROL_AMD64 CONTEXT_INTEGER_AMD64 CONTEXT_SEGMENTS_AMD64
            CONTEXT_FLOATING_POINT_AMD64 CONTEXT_DEBUG_REGISTERS_AMD64 CONTEXT_FULL_AMD64 CONTEXT_ALL_AMD64
        }
        services {
            EXCEPTION_NONCONTINUABLE EXCEPTION_MAXIMUM_PARAMETERS EXCEPTION_READ_FAULT EXCEPTION_WRITE_FAULT
            EXCEPTION_EXECUTE_FAULT
        }
        foundation {
            STATUS_GUARD_PAGE_VIOLATION STATUS_SINGLE_STEP STATUS_ACCESS_VIOLATION STATUS_NONCONTINUABLE_EXCEPTION
            STATUS_DATATYPE_MISALIGNMENT STATUS_BREAKPOINT STATUS_IN_PAGE_ERROR STATUS_ILLEGAL_INSTRUCTION
            STATUS_INVALID_DISPOSITION STATUS_ARRAY_BOUNDS_EXCEEDED STATUS_FLOAT_DENORMAL_OPERAND
            STATUS_FLOAT_DIVIDE_BY_ZERO STATUS_FLOAT_INEXACT_RESULT STATUS_FLOAT_INVALID_OPERATION
            STATUS_FLOAT_OVERFLOW STATUS_FLOAT_STACK_CHECK STATUS_FLOAT_UNDERFLOW STATUS_INTEGER_DIVIDE_BY_ZERO
            STATUS_INTEGER_OVERFLOW STATUS_PRIVILEGED_INSTRUCTION STATUS_STACK_OVERFLOW
            EXCEPTION_GUARD_PAGE EXCEPTION_SINGLE_STEP EXCEPTION_ACCESS_VIOLATION EXCEPTION_NONCONTINUABLE_EXCEPTION
            EXCEPTION_DATATYPE_MISALIGNMENT EXCEPTION_BREAKPOINT EXCEPTION_IN_PAGE_ERROR
            EXCEPTION_ILLEGAL_INSTRUCTION EXCEPTION_INVALID_DISPOSITION EXCEPTION_ARRAY_BOUNDS_EXCEEDED
            EXCEPTION_FLT_DENORMAL_OPERAND EXCEPTION_FLT_DIVIDE_BY_ZERO EXCEPTION_FLT_INEXACT_RESULT
            EXCEPTION_FLT_INVALID_OPERATION EXCEPTION_FLT_OVERFLOW EXCEPTION_FLT_STACK_CHECK
            EXCEPTION_FLT_UNDERFLOW EXCEPTION_INT_DIVIDE_BY_ZERO EXCEPTION_INT_OVERFLOW EXCEPTION_PRIV_INSTRUCTION
            EXCEPTION_STACK_OVERFLOW
        }
    }
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

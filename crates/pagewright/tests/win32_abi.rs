//! Every name, type and constant is that of `windows-sys`: checked by the compiler.
//!
//! The structures are our own, so functions that take one are compared up to it,
//! and the structure field by field.

use std::mem::offset_of;

use pagewright::win32 as ours;
use windows_sys::Win32::Foundation as foundation;
use windows_sys::Win32::System::Diagnostics::Debug as debug;
use windows_sys::Win32::System::Memory as memory;
use windows_sys::Win32::System::SystemInformation as information;
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
        ERROR_WORKING_SET_QUOTA ERROR_COMMITMENT_LIMIT
    }
}

// In `windows-sys` these three are in modules that nobody needs for memory.
const _: () = assert!(ours::MEM_TOP_DOWN == 0x10_0000);
const _: () = assert!(ours::MEM_WRITE_WATCH == 0x20_0000);
const _: () = assert!(ours::MEM_PHYSICAL == 0x40_0000);

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

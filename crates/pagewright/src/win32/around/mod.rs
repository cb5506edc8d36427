//! Small calls that programs make around those for memory.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

mod census;
mod counters;
mod flush;
mod handle;
pub(super) mod heap;
mod identity;
mod image;
mod message;
mod module;
mod nodes;
mod probe;
mod supply;
mod text;
mod time;
mod token;
mod types;

pub use census::{K32QueryWorkingSet, QueryWorkingSet};
pub use counters::{GetProcessMemoryInfo, K32GetProcessMemoryInfo};
pub use flush::{FlushViewOfFile, NtFlushVirtualMemory};
pub use handle::{CompareObjectHandles, GetHandleInformation, SetHandleInformation};
pub use heap::{
    GetProcessHeap, GlobalAlloc, GlobalFree, HeapAlloc, HeapCreate, HeapDestroy, HeapFree, HeapReAlloc,
    HeapSize, HeapValidate, LocalAlloc, LocalFree,
};
pub use identity::{
    ExitProcess, GetCurrentProcessId, GetCurrentThread, GetCurrentThreadId, GetExitCodeProcess,
};
pub use message::{FormatMessageA, FormatMessageW};
pub use module::{
    DisableThreadLibraryCalls, FreeLibrary, GetModuleFileNameA, GetModuleFileNameW, GetModuleHandleA,
    GetModuleHandleExA, GetModuleHandleExW, GetModuleHandleW, LoadLibraryA, LoadLibraryExA, LoadLibraryExW,
    LoadLibraryW, proc_address,
};
pub use nodes::{
    GetNumaAvailableMemoryNode, GetNumaAvailableMemoryNodeEx, GetNumaNodeProcessorMask,
    GetNumaNodeProcessorMaskEx, GetNumaProcessorNode, GetNumaProximityNode,
};
pub use probe::{IsBadCodePtr, IsBadReadPtr, IsBadStringPtrA, IsBadStringPtrW, IsBadWritePtr};
pub use supply::{GetNativeSystemInfo, GetPhysicallyInstalledSystemMemory, GlobalMemoryStatusEx};
pub use time::{
    GetSystemTimeAsFileTime, GetSystemTimePreciseAsFileTime, GetTickCount, GetTickCount64,
    QueryPerformanceCounter, QueryPerformanceFrequency, Sleep, SwitchToThread,
};
pub(super) use token::hold;
pub use token::{AdjustTokenPrivileges, LookupPrivilegeValueA, LookupPrivilegeValueW, OpenProcessToken};
pub use types::*;

//! Small calls that programs make around those for memory.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

mod flush;
mod handle;
pub(super) mod heap;
mod identity;
mod message;
mod nodes;
mod probe;
mod supply;
mod text;
mod time;
mod token;
mod types;

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
pub use nodes::{
    GetNumaAvailableMemoryNode, GetNumaAvailableMemoryNodeEx, GetNumaNodeProcessorMask,
    GetNumaNodeProcessorMaskEx, GetNumaProcessorNode, GetNumaProximityNode,
};
pub use probe::{IsBadCodePtr, IsBadReadPtr, IsBadStringPtrA, IsBadStringPtrW, IsBadWritePtr};
pub use supply::{GetNativeSystemInfo, GetPhysicallyInstalledSystemMemory, GlobalMemoryStatusEx};
pub use time::{
    GetTickCount, GetTickCount64, QueryPerformanceCounter, QueryPerformanceFrequency, Sleep, SwitchToThread,
};
pub(super) use token::hold;
pub use token::{AdjustTokenPrivileges, LookupPrivilegeValueA, LookupPrivilegeValueW, OpenProcessToken};
pub use types::*;

//! What programs of this family call beside it.

use std::ffi::c_void;

use rust::win32::{
    BOOL, FARPROC, FILETIME, FORMAT_MESSAGE_OPTIONS, GLOBAL_ALLOC_FLAGS, GROUP_AFFINITY, HANDLE,
    HANDLE_FLAGS, HEAP_FLAGS, HGLOBAL, HLOCAL, HMODULE, LOAD_LIBRARY_FLAGS, LOCAL_ALLOC_FLAGS, LUID,
    MEMORYSTATUSEX, PROCESS_MEMORY_COUNTERS, SYSTEM_INFO, TOKEN_ACCESS_MASK, TOKEN_PRIVILEGES,
};

export! {
    listed mod rust::win32 {
        fn FlushViewOfFile(lpbaseaddress: *const c_void, dwnumberofbytestoflush: usize) -> BOOL;
        fn GetHandleInformation(hobject: HANDLE, lpdwflags: *mut u32) -> BOOL;
        fn SetHandleInformation(hobject: HANDLE, dwmask: u32, dwflags: HANDLE_FLAGS) -> BOOL;
        fn CompareObjectHandles(hfirstobjecthandle: HANDLE, hsecondobjecthandle: HANDLE) -> BOOL;
        fn GetProcessHeap() -> HANDLE;
        fn HeapCreate(floptions: HEAP_FLAGS, dwinitialsize: usize, dwmaximumsize: usize) -> HANDLE;
        fn HeapDestroy(hheap: HANDLE) -> BOOL;
        fn HeapAlloc(hheap: HANDLE, dwflags: HEAP_FLAGS, dwbytes: usize) -> *mut c_void;
        fn HeapReAlloc(
            hheap: HANDLE,
            dwflags: HEAP_FLAGS,
            lpmem: *const c_void,
            dwbytes: usize,
        ) -> *mut c_void;
        fn HeapFree(hheap: HANDLE, dwflags: HEAP_FLAGS, lpmem: *const c_void) -> BOOL;
        fn HeapSize(hheap: HANDLE, dwflags: HEAP_FLAGS, lpmem: *const c_void) -> usize;
        fn HeapValidate(hheap: HANDLE, dwflags: HEAP_FLAGS, lpmem: *const c_void) -> BOOL;
        fn LocalAlloc(uflags: LOCAL_ALLOC_FLAGS, ubytes: usize) -> HLOCAL;
        fn LocalFree(hmem: HLOCAL) -> HLOCAL;
        fn GlobalAlloc(uflags: GLOBAL_ALLOC_FLAGS, dwbytes: usize) -> HGLOBAL;
        fn GlobalFree(hmem: HGLOBAL) -> HGLOBAL;
        fn GetCurrentProcessId() -> u32;
        fn GetCurrentThreadId() -> u32;
        fn GetCurrentThread() -> HANDLE;
        fn ExitProcess(uexitcode: u32) -> !;
        fn GetExitCodeProcess(hprocess: HANDLE, lpexitcode: *mut u32) -> BOOL;
        fn FormatMessageA(
            dwflags: FORMAT_MESSAGE_OPTIONS,
            lpsource: *const c_void,
            dwmessageid: u32,
            dwlanguageid: u32,
            lpbuffer: *mut u8,
            nsize: u32,
            arguments: *const *const i8,
        ) -> u32;
        fn FormatMessageW(
            dwflags: FORMAT_MESSAGE_OPTIONS,
            lpsource: *const c_void,
            dwmessageid: u32,
            dwlanguageid: u32,
            lpbuffer: *mut u16,
            nsize: u32,
            arguments: *const *const i8,
        ) -> u32;
        fn GetNumaNodeProcessorMask(node: u8, processormask: *mut u64) -> BOOL;
        fn GetNumaNodeProcessorMaskEx(node: u16, processormask: *mut GROUP_AFFINITY) -> BOOL;
        fn GetNumaAvailableMemoryNode(node: u8, availablebytes: *mut u64) -> BOOL;
        fn GetNumaAvailableMemoryNodeEx(node: u16, availablebytes: *mut u64) -> BOOL;
        fn GetNumaProcessorNode(processor: u8, nodenumber: *mut u8) -> BOOL;
        fn GetNumaProximityNode(proximityid: u32, nodenumber: *mut u8) -> BOOL;
        fn IsBadReadPtr(lp: *const c_void, ucb: usize) -> BOOL;
        fn IsBadWritePtr(lp: *const c_void, ucb: usize) -> BOOL;
        fn IsBadCodePtr(lpfn: FARPROC) -> BOOL;
        fn IsBadStringPtrA(lpsz: *const u8, ucchmax: usize) -> BOOL;
        fn IsBadStringPtrW(lpsz: *const u16, ucchmax: usize) -> BOOL;
        fn GetNativeSystemInfo(lpsysteminfo: *mut SYSTEM_INFO);
        fn GlobalMemoryStatusEx(lpbuffer: *mut MEMORYSTATUSEX) -> BOOL;
        fn GetPhysicallyInstalledSystemMemory(totalmemoryinkilobytes: *mut u64) -> BOOL;
        fn GetSystemTimeAsFileTime(lpsystemtimeasfiletime: *mut FILETIME);
        fn GetSystemTimePreciseAsFileTime(lpsystemtimeasfiletime: *mut FILETIME);
        fn GetTickCount() -> u32;
        fn GetTickCount64() -> u64;
        fn Sleep(dwmilliseconds: u32);
        fn SwitchToThread() -> BOOL;
        fn QueryPerformanceCounter(lpperformancecount: *mut i64) -> BOOL;
        fn QueryPerformanceFrequency(lpfrequency: *mut i64) -> BOOL;
        fn GetModuleHandleA(lpmodulename: *const u8) -> HMODULE;
        fn GetModuleHandleW(lpmodulename: *const u16) -> HMODULE;
        fn GetModuleHandleExA(dwflags: u32, lpmodulename: *const u8, phmodule: *mut HMODULE) -> BOOL;
        fn GetModuleHandleExW(dwflags: u32, lpmodulename: *const u16, phmodule: *mut HMODULE) -> BOOL;
        fn LoadLibraryA(lplibfilename: *const u8) -> HMODULE;
        fn LoadLibraryW(lplibfilename: *const u16) -> HMODULE;
        fn LoadLibraryExA(lplibfilename: *const u8, hfile: HANDLE, dwflags: LOAD_LIBRARY_FLAGS) -> HMODULE;
        fn LoadLibraryExW(lplibfilename: *const u16, hfile: HANDLE, dwflags: LOAD_LIBRARY_FLAGS) -> HMODULE;
        fn FreeLibrary(hlibmodule: HMODULE) -> BOOL;
        fn DisableThreadLibraryCalls(hlibmodule: HMODULE) -> BOOL;
        fn GetModuleFileNameA(hmodule: HMODULE, lpfilename: *mut u8, nsize: u32) -> u32;
        fn GetModuleFileNameW(hmodule: HMODULE, lpfilename: *mut u16, nsize: u32) -> u32;
        fn GetProcessMemoryInfo(process: HANDLE, ppsmemcounters: *mut PROCESS_MEMORY_COUNTERS, cb: u32) -> BOOL;
        fn K32GetProcessMemoryInfo(
            process: HANDLE,
            ppsmemcounters: *mut PROCESS_MEMORY_COUNTERS,
            cb: u32,
        ) -> BOOL;
        fn QueryWorkingSet(hprocess: HANDLE, pv: *mut c_void, cb: u32) -> BOOL;
        fn K32QueryWorkingSet(hprocess: HANDLE, pv: *mut c_void, cb: u32) -> BOOL;
        fn GetMappedFileNameA(hprocess: HANDLE, lpv: *const c_void, lpfilename: *mut u8, nsize: u32) -> u32;
        fn GetMappedFileNameW(hprocess: HANDLE, lpv: *const c_void, lpfilename: *mut u16, nsize: u32) -> u32;
        fn K32GetMappedFileNameA(
            hprocess: HANDLE,
            lpv: *const c_void,
            lpfilename: *mut u8,
            nsize: u32,
        ) -> u32;
        fn OpenProcessToken(
            processhandle: HANDLE,
            desiredaccess: TOKEN_ACCESS_MASK,
            tokenhandle: *mut HANDLE,
        ) -> BOOL;
        fn LookupPrivilegeValueW(lpsystemname: *const u16, lpname: *const u16, lpluid: *mut LUID) -> BOOL;
        fn LookupPrivilegeValueA(lpsystemname: *const u8, lpname: *const u8, lpluid: *mut LUID) -> BOOL;
        fn AdjustTokenPrivileges(
            tokenhandle: HANDLE,
            disableallprivileges: BOOL,
            newstate: *const TOKEN_PRIVILEGES,
            bufferlength: u32,
            previousstate: *mut TOKEN_PRIVILEGES,
            returnlength: *mut u32,
        ) -> BOOL;
    }
}

//! The Win32 calls: memory, processes, handles.

use std::ffi::c_void;

use rust::win32::{
    BOOL, HANDLE, MEM_EXTENDED_PARAMETER, MEMORY_BASIC_INFORMATION, OFFER_PRIORITY, PAGE_PROTECTION_FLAGS,
    PROCESS_ACCESS_RIGHTS, PSAPI_WS_WATCH_INFORMATION, SETPROCESSWORKINGSETSIZEEX_FLAGS, SYSTEM_INFO,
    VIRTUAL_ALLOCATION_TYPE, VIRTUAL_FREE_TYPE, WIN32_ERROR, WIN32_MEMORY_INFORMATION_CLASS,
    WIN32_MEMORY_RANGE_ENTRY,
};

export! {
    listed mod rust::win32 {
        fn VirtualAlloc(
            lpaddress: *const c_void,
            dwsize: usize,
            flallocationtype: VIRTUAL_ALLOCATION_TYPE,
            flprotect: PAGE_PROTECTION_FLAGS,
        ) -> *mut c_void;
        fn VirtualAllocEx(
            hprocess: HANDLE,
            lpaddress: *const c_void,
            dwsize: usize,
            flallocationtype: VIRTUAL_ALLOCATION_TYPE,
            flprotect: PAGE_PROTECTION_FLAGS,
        ) -> *mut c_void;
        fn VirtualAllocExNuma(
            hprocess: HANDLE,
            lpaddress: *const c_void,
            dwsize: usize,
            flallocationtype: VIRTUAL_ALLOCATION_TYPE,
            flprotect: u32,
            nndpreferred: u32,
        ) -> *mut c_void;
        fn VirtualAlloc2(
            process: HANDLE,
            baseaddress: *const c_void,
            size: usize,
            allocationtype: VIRTUAL_ALLOCATION_TYPE,
            pageprotection: u32,
            extendedparameters: *mut MEM_EXTENDED_PARAMETER,
            parametercount: u32,
        ) -> *mut c_void;
        fn VirtualFree(lpaddress: *mut c_void, dwsize: usize, dwfreetype: VIRTUAL_FREE_TYPE) -> BOOL;
        fn VirtualFreeEx(
            hprocess: HANDLE,
            lpaddress: *mut c_void,
            dwsize: usize,
            dwfreetype: VIRTUAL_FREE_TYPE,
        ) -> BOOL;
        fn VirtualProtect(
            lpaddress: *const c_void,
            dwsize: usize,
            flnewprotect: PAGE_PROTECTION_FLAGS,
            lpfloldprotect: *mut PAGE_PROTECTION_FLAGS,
        ) -> BOOL;
        fn VirtualProtectEx(
            hprocess: HANDLE,
            lpaddress: *const c_void,
            dwsize: usize,
            flnewprotect: PAGE_PROTECTION_FLAGS,
            lpfloldprotect: *mut PAGE_PROTECTION_FLAGS,
        ) -> BOOL;
        fn VirtualQuery(
            lpaddress: *const c_void,
            lpbuffer: *mut MEMORY_BASIC_INFORMATION,
            dwlength: usize,
        ) -> usize;
        fn VirtualQueryEx(
            hprocess: HANDLE,
            lpaddress: *const c_void,
            lpbuffer: *mut MEMORY_BASIC_INFORMATION,
            dwlength: usize,
        ) -> usize;
        fn VirtualLock(lpaddress: *const c_void, dwsize: usize) -> BOOL;
        fn VirtualUnlock(lpaddress: *const c_void, dwsize: usize) -> BOOL;
        fn VirtualUnlockEx(process: HANDLE, address: *const c_void, size: usize) -> BOOL;
        fn VirtualAllocFromApp(
            baseaddress: *const c_void,
            size: usize,
            allocationtype: VIRTUAL_ALLOCATION_TYPE,
            protection: u32,
        ) -> *mut c_void;
        fn VirtualAlloc2FromApp(
            process: HANDLE,
            baseaddress: *const c_void,
            size: usize,
            allocationtype: VIRTUAL_ALLOCATION_TYPE,
            pageprotection: u32,
            extendedparameters: *mut MEM_EXTENDED_PARAMETER,
            parametercount: u32,
        ) -> *mut c_void;
        fn VirtualProtectFromApp(
            address: *const c_void,
            size: usize,
            newprotection: u32,
            oldprotection: *mut u32,
        ) -> BOOL;
        fn GetWriteWatch(
            dwflags: u32,
            lpbaseaddress: *const c_void,
            dwregionsize: usize,
            lpaddresses: *mut *mut c_void,
            lpdwcount: *mut usize,
            lpdwgranularity: *mut u32,
        ) -> u32;
        fn GetWriteWatchEx(
            hprocess: HANDLE,
            dwflags: u32,
            lpbaseaddress: *const c_void,
            dwregionsize: usize,
            lpaddresses: *mut *mut c_void,
            lpdwcount: *mut usize,
            lpdwgranularity: *mut u32,
        ) -> u32;
        fn ResetWriteWatch(lpbaseaddress: *const c_void, dwregionsize: usize) -> u32;
        fn ResetWriteWatchEx(hprocess: HANDLE, lpbaseaddress: *const c_void, dwregionsize: usize) -> u32;
        fn NoteWriteWatchEx(hprocess: HANDLE, lpbaseaddress: *const c_void, dwregionsize: usize) -> u32;
        fn AllocateUserPhysicalPages(
            hprocess: HANDLE,
            numberofpages: *mut usize,
            pagearray: *mut usize,
        ) -> BOOL;
        fn AllocateUserPhysicalPagesNuma(
            hprocess: HANDLE,
            numberofpages: *mut usize,
            pagearray: *mut usize,
            nndpreferred: u32,
        ) -> BOOL;
        fn FreeUserPhysicalPages(
            hprocess: HANDLE,
            numberofpages: *mut usize,
            pagearray: *const usize,
        ) -> BOOL;
        fn MapUserPhysicalPages(
            virtualaddress: *const c_void,
            numberofpages: usize,
            pagearray: *const usize,
        ) -> BOOL;
        fn MapUserPhysicalPagesEx(
            hprocess: HANDLE,
            virtualaddress: *const c_void,
            numberofpages: usize,
            pagearray: *const usize,
        ) -> BOOL;
        fn MapUserPhysicalPagesScatter(
            virtualaddresses: *const *const c_void,
            numberofpages: usize,
            pagearray: *const usize,
        ) -> BOOL;
        fn MapUserPhysicalPagesScatterEx(
            hprocess: HANDLE,
            virtualaddresses: *const *const c_void,
            numberofpages: usize,
            pagearray: *const usize,
        ) -> BOOL;
        fn OfferVirtualMemory(virtualaddress: *mut c_void, size: usize, priority: OFFER_PRIORITY) -> u32;
        fn ReclaimVirtualMemory(virtualaddress: *const c_void, size: usize) -> u32;
        fn DiscardVirtualMemory(virtualaddress: *mut c_void, size: usize) -> u32;
        fn PrefetchVirtualMemory(
            hprocess: HANDLE,
            numberofentries: usize,
            virtualaddresses: *const WIN32_MEMORY_RANGE_ENTRY,
            flags: u32,
        ) -> BOOL;
        fn FlushProcessWriteBuffers();
        fn OpenProcess(
            dwdesiredaccess: PROCESS_ACCESS_RIGHTS,
            binherithandle: BOOL,
            dwprocessid: u32,
        ) -> HANDLE;
        fn GetCurrentProcess() -> HANDLE;
        fn GetProcessId(process: HANDLE) -> u32;
        fn CloseHandle(hobject: HANDLE) -> BOOL;
        fn FlushInstructionCache(hprocess: HANDLE, lpbaseaddress: *const c_void, dwsize: usize) -> BOOL;
        fn ReadProcessMemory(
            hprocess: HANDLE,
            lpbaseaddress: *const c_void,
            lpbuffer: *mut c_void,
            nsize: usize,
            lpnumberofbytesread: *mut usize,
        ) -> BOOL;
        fn WriteProcessMemory(
            hprocess: HANDLE,
            lpbaseaddress: *const c_void,
            lpbuffer: *const c_void,
            nsize: usize,
            lpnumberofbyteswritten: *mut usize,
        ) -> BOOL;
        fn GetLastError() -> WIN32_ERROR;
        fn SetLastError(dwerrcode: WIN32_ERROR);
        fn GetLargePageMinimum() -> usize;
        fn GetNumaHighestNodeNumber(highestnodenumber: *mut u32) -> BOOL;
        fn GetSystemInfo(lpsysteminfo: *mut SYSTEM_INFO);
        fn SetProcessWorkingSetSize(
            hprocess: HANDLE,
            dwminimumworkingsetsize: usize,
            dwmaximumworkingsetsize: usize,
        ) -> BOOL;
        fn SetProcessWorkingSetSizeEx(
            hprocess: HANDLE,
            dwminimumworkingsetsize: usize,
            dwmaximumworkingsetsize: usize,
            flags: SETPROCESSWORKINGSETSIZEEX_FLAGS,
        ) -> BOOL;
        fn GetProcessWorkingSetSize(
            hprocess: HANDLE,
            lpminimumworkingsetsize: *mut usize,
            lpmaximumworkingsetsize: *mut usize,
        ) -> BOOL;
        fn GetProcessWorkingSetSizeEx(
            hprocess: HANDLE,
            lpminimumworkingsetsize: *mut usize,
            lpmaximumworkingsetsize: *mut usize,
            flags: *mut u32,
        ) -> BOOL;
        fn EmptyWorkingSet(hprocess: HANDLE) -> BOOL;
        fn K32EmptyWorkingSet(hprocess: HANDLE) -> BOOL;
        fn QueryWorkingSetEx(hprocess: HANDLE, pv: *mut c_void, cb: u32) -> BOOL;
        fn K32QueryWorkingSetEx(hprocess: HANDLE, pv: *mut c_void, cb: u32) -> BOOL;
        fn InitializeProcessForWsWatch(hprocess: HANDLE) -> BOOL;
        fn K32InitializeProcessForWsWatch(hprocess: HANDLE) -> BOOL;
        fn GetWsChanges(hprocess: HANDLE, lpwatchinfo: *mut PSAPI_WS_WATCH_INFORMATION, cb: u32) -> BOOL;
        fn K32GetWsChanges(hprocess: HANDLE, lpwatchinfo: *mut PSAPI_WS_WATCH_INFORMATION, cb: u32) -> BOOL;
        fn QueryVirtualMemoryInformation(
            process: HANDLE,
            virtualaddress: *const c_void,
            memoryinformationclass: WIN32_MEMORY_INFORMATION_CLASS,
            memoryinformation: *mut c_void,
            memoryinformationsize: usize,
            returnsize: *mut usize,
        ) -> BOOL;
        fn K32GetMappedFileNameW(
            hprocess: HANDLE,
            lpv: *const c_void,
            lpfilename: *mut u16,
            nsize: u32,
        ) -> u32;
    }
}

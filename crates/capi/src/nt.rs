//! The Nt layer. Answers are statuses; the last error is left alone.

use std::ffi::c_void;

use rust::win32::{
    CLIENT_ID, HANDLE, INITIAL_TEB, IO_STATUS_BLOCK, MEM_EXTENDED_PARAMETER, MEMORY_INFORMATION_CLASS,
    MEMORY_RANGE_ENTRY, NTSTATUS, OBJECT_ATTRIBUTES, OBJECT_INFORMATION_CLASS, PROCESSINFOCLASS,
    SECTION_INFORMATION_CLASS, SECTION_INHERIT, VIRTUAL_MEMORY_INFORMATION_CLASS, WIN32_ERROR,
};

export! {
    listed mod rust::win32 {
        fn NtLockVirtualMemory(
            processhandle: HANDLE,
            baseaddress: *mut *mut c_void,
            regionsize: *mut usize,
            mapoptions: u32,
        ) -> NTSTATUS;
        fn NtUnlockVirtualMemory(
            processhandle: HANDLE,
            baseaddress: *mut *mut c_void,
            regionsize: *mut usize,
            mapoptions: u32,
        ) -> NTSTATUS;
        fn NtQueryVirtualMemory(
            processhandle: HANDLE,
            baseaddress: *const c_void,
            memoryinformationclass: MEMORY_INFORMATION_CLASS,
            memoryinformation: *mut c_void,
            memoryinformationlength: usize,
            returnlength: *mut usize,
        ) -> NTSTATUS;
        fn NtMapViewOfSection(
            sectionhandle: HANDLE,
            processhandle: HANDLE,
            baseaddress: *mut *mut c_void,
            zerobits: usize,
            commitsize: usize,
            sectionoffset: *mut i64,
            viewsize: *mut usize,
            inheritdisposition: SECTION_INHERIT,
            allocationtype: u32,
            win32protect: u32,
        ) -> NTSTATUS;
        fn NtMapViewOfSectionEx(
            sectionhandle: HANDLE,
            processhandle: HANDLE,
            baseaddress: *mut *mut c_void,
            sectionoffset: *mut i64,
            viewsize: *mut usize,
            allocationtype: u32,
            pageprotection: u32,
            extendedparameters: *mut MEM_EXTENDED_PARAMETER,
            extendedparametercount: u32,
        ) -> NTSTATUS;
        fn NtUnmapViewOfSection(processhandle: HANDLE, baseaddress: *const c_void) -> NTSTATUS;
        fn NtUnmapViewOfSectionEx(processhandle: HANDLE, baseaddress: *const c_void, flags: u32) -> NTSTATUS;
        fn NtDuplicateObject(
            sourceprocesshandle: HANDLE,
            sourcehandle: HANDLE,
            targetprocesshandle: HANDLE,
            targethandle: *mut HANDLE,
            desiredaccess: u32,
            handleattributes: u32,
            options: u32,
        ) -> NTSTATUS;
        fn NtQuerySection(
            sectionhandle: HANDLE,
            informationclass: SECTION_INFORMATION_CLASS,
            sectioninformation: *mut c_void,
            length: usize,
            resultlength: *mut usize,
        ) -> NTSTATUS;
        fn NtQueryObject(
            handle: HANDLE,
            objectinformationclass: OBJECT_INFORMATION_CLASS,
            objectinformation: *mut c_void,
            objectinformationlength: u32,
            returnlength: *mut u32,
        ) -> NTSTATUS;
        fn RtlNtStatusToDosError(status: NTSTATUS) -> u32;
        fn RtlNtStatusToDosErrorNoTeb(status: NTSTATUS) -> u32;
        fn RtlSetLastWin32Error(code: WIN32_ERROR);
        fn RtlGetLastWin32Error() -> WIN32_ERROR;
        fn RtlSetLastWin32ErrorAndNtStatusFromNtStatus(status: NTSTATUS) -> u32;
        fn NtAllocateUserPhysicalPages(
            processhandle: HANDLE,
            numberofpages: *mut usize,
            userpfnarray: *mut usize,
        ) -> NTSTATUS;
        fn NtFreeUserPhysicalPages(
            processhandle: HANDLE,
            numberofpages: *mut usize,
            userpfnarray: *const usize,
        ) -> NTSTATUS;
        fn NtMapUserPhysicalPages(
            virtualaddress: *const c_void,
            numberofpages: usize,
            userpfnarray: *const usize,
        ) -> NTSTATUS;
        fn NtMapUserPhysicalPagesScatter(
            virtualaddresses: *const *const c_void,
            numberofpages: usize,
            userpfnarray: *const usize,
        ) -> NTSTATUS;
        fn NtSetInformationVirtualMemory(
            processhandle: HANDLE,
            vminformationclass: VIRTUAL_MEMORY_INFORMATION_CLASS,
            numberofentries: usize,
            virtualaddresses: *const MEMORY_RANGE_ENTRY,
            vminformation: *const c_void,
            vminformationlength: u32,
        ) -> NTSTATUS;
        fn NtFlushInstructionCache(
            processhandle: HANDLE,
            baseaddress: *const c_void,
            length: usize,
        ) -> NTSTATUS;
        fn NtAllocateVirtualMemory(
            processhandle: HANDLE,
            baseaddress: *mut *mut c_void,
            zerobits: usize,
            regionsize: *mut usize,
            allocationtype: u32,
            protect: u32,
        ) -> NTSTATUS;
        fn NtAllocateVirtualMemoryEx(
            processhandle: HANDLE,
            baseaddress: *mut *mut c_void,
            regionsize: *mut usize,
            allocationtype: u32,
            pageprotection: u32,
            extendedparameters: *mut MEM_EXTENDED_PARAMETER,
            extendedparametercount: u32,
        ) -> NTSTATUS;
        fn NtFreeVirtualMemory(
            processhandle: HANDLE,
            baseaddress: *mut *mut c_void,
            regionsize: *mut usize,
            freetype: u32,
        ) -> NTSTATUS;
        fn NtProtectVirtualMemory(
            processhandle: HANDLE,
            baseaddress: *mut *mut c_void,
            regionsize: *mut usize,
            newprotect: u32,
            oldprotect: *mut u32,
        ) -> NTSTATUS;
        fn NtOpenProcess(
            processhandle: *mut HANDLE,
            desiredaccess: u32,
            objectattributes: *const OBJECT_ATTRIBUTES,
            clientid: *const CLIENT_ID,
        ) -> NTSTATUS;
        fn NtClose(handle: HANDLE) -> NTSTATUS;
        fn NtCreateSection(
            sectionhandle: *mut HANDLE,
            desiredaccess: u32,
            objectattributes: *const OBJECT_ATTRIBUTES,
            maximumsize: *const i64,
            sectionpageprotection: u32,
            allocationattributes: u32,
            filehandle: HANDLE,
        ) -> NTSTATUS;
        fn NtOpenSection(
            sectionhandle: *mut HANDLE,
            desiredaccess: u32,
            objectattributes: *const OBJECT_ATTRIBUTES,
        ) -> NTSTATUS;
        fn RtlCreateUserStack(
            commit: usize,
            reserve: usize,
            zerobits: u32,
            commitalign: usize,
            reservealign: usize,
            initialteb: *mut INITIAL_TEB,
        ) -> NTSTATUS;
        fn RtlFreeUserStack(allocationbase: *mut c_void);
        fn NtSetInformationProcess(
            processhandle: HANDLE,
            processinformationclass: PROCESSINFOCLASS,
            processinformation: *mut c_void,
            processinformationlength: u32,
        ) -> NTSTATUS;
        fn NtReadVirtualMemory(
            processhandle: HANDLE,
            baseaddress: *const c_void,
            buffer: *mut c_void,
            buffersize: usize,
            numberofbytesread: *mut usize,
        ) -> NTSTATUS;
        fn NtWriteVirtualMemory(
            processhandle: HANDLE,
            baseaddress: *mut c_void,
            buffer: *const c_void,
            buffersize: usize,
            numberofbyteswritten: *mut usize,
        ) -> NTSTATUS;
        fn NtGetWriteWatch(
            processhandle: HANDLE,
            flags: u32,
            baseaddress: *const c_void,
            regionsize: usize,
            useraddressarray: *mut *mut c_void,
            entriesinuseraddressarray: *mut usize,
            granularity: *mut u32,
        ) -> NTSTATUS;
        fn NtResetWriteWatch(
            processhandle: HANDLE,
            baseaddress: *const c_void,
            regionsize: usize,
        ) -> NTSTATUS;
        fn NtFlushVirtualMemory(
            processhandle: HANDLE,
            baseaddress: *mut *mut c_void,
            regionsize: *mut usize,
            iostatus: *mut IO_STATUS_BLOCK,
        ) -> NTSTATUS;
    }
}

/*
 * The calls of the Nt layer about memory, sections and processes.
 *
 * Bases and sizes that go in and out are those of whole pages on success, and left alone on failure. Statuses for all of
 * them: STATUS_INVALID_HANDLE, STATUS_ACCESS_DENIED (a right is missing), STATUS_PROCESS_IS_TERMINATING (it has ended),
 * STATUS_INVALID_PARAMETER and its numbered kin, STATUS_ACCESS_VIOLATION (a pointer that may not be used).
 */
#ifndef PW_WINTERNL_MEMORY_H
#define PW_WINTERNL_MEMORY_H

#include "winternl.h"

PW_C_BEGIN

#define NtCurrentProcess() ((HANDLE)(LONG_PTR)-1)
#define ZwCurrentProcess() NtCurrentProcess()

typedef enum _SECTION_INHERIT { ViewShare = 1, ViewUnmap = 2 } SECTION_INHERIT;

typedef enum _MEMORY_INFORMATION_CLASS {
    MemoryBasicInformation = 0,
    MemoryMappedFilenameInformation = 2,
    MemoryRegionInformation = 3,
    MemoryImageInformation = 6
} MEMORY_INFORMATION_CLASS;

typedef struct _MEMORY_REGION_INFORMATION {
    PVOID AllocationBase;
    ULONG AllocationProtect;
    PW_UNNAMED union {
        ULONG RegionType;
        PW_UNNAMED struct {
            ULONG Private : 1;
            ULONG MappedDataFile : 1;
            ULONG MappedImage : 1;
            ULONG MappedPageFile : 1;
            ULONG MappedPhysical : 1;
            ULONG DirectMapped : 1;
            ULONG SoftwareEnclave : 1;
            ULONG PageSize64K : 1;
            ULONG PlaceholderReservation : 1;
            ULONG MappedAwe : 1;
            ULONG MappedWriteWatch : 1;
            ULONG PageSizeLarge : 1;
            ULONG PageSizeHuge : 1;
            ULONG Reserved : 19;
        } DUMMYSTRUCTNAME;
    } DUMMYUNIONNAME;
    SIZE_T RegionSize;
    SIZE_T CommitSize;
    ULONG_PTR PartitionId;
    ULONG_PTR NodePreference;
} MEMORY_REGION_INFORMATION, *PMEMORY_REGION_INFORMATION;

typedef struct _MEMORY_IMAGE_INFORMATION {
    PVOID ImageBase;
    SIZE_T SizeOfImage;
    PW_UNNAMED union {
        ULONG ImageFlags;
        PW_UNNAMED struct {
            ULONG ImagePartialMap : 1;
            ULONG ImageNotExecutable : 1;
            ULONG ImageSigningLevel : 4;
            ULONG ImageExtensionPresent : 1;
            ULONG Reserved : 25;
        } DUMMYSTRUCTNAME;
    } DUMMYUNIONNAME;
} MEMORY_IMAGE_INFORMATION, *PMEMORY_IMAGE_INFORMATION;

typedef enum _SECTION_INFORMATION_CLASS { SectionBasicInformation = 0, SectionImageInformation = 1 } SECTION_INFORMATION_CLASS;

typedef struct _SECTION_BASIC_INFORMATION {
    PVOID BaseAddress;
    ULONG AllocationAttributes;
    LARGE_INTEGER MaximumSize;
} SECTION_BASIC_INFORMATION, *PSECTION_BASIC_INFORMATION;

#define MAP_PROCESS 1
#define MAP_SYSTEM 2

typedef enum _VIRTUAL_MEMORY_INFORMATION_CLASS { VmPrefetchInformation = 0 } VIRTUAL_MEMORY_INFORMATION_CLASS;

typedef struct _MEMORY_RANGE_ENTRY {
    PVOID VirtualAddress;
    SIZE_T NumberOfBytes;
} MEMORY_RANGE_ENTRY, *PMEMORY_RANGE_ENTRY;

/* ---- Memory ---- */

/*
 * Reserves, commits or both, as VirtualAllocEx. *BaseAddress NULL: anywhere; ZeroBits then limits the address: below 32 a
 * count of upper bits of 32 that are 0, else a mask of the bits that may be set.
 * STATUS_CONFLICTING_ADDRESSES, STATUS_NO_MEMORY, STATUS_COMMITMENT_LIMIT, STATUS_INVALID_PAGE_PROTECTION.
 */
NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, ULONG_PTR ZeroBits, PSIZE_T RegionSize,
    ULONG AllocationType, ULONG Protect);
/* The same with extended parameters, as VirtualAlloc2. */
NTSTATUS NTAPI NtAllocateVirtualMemoryEx(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG AllocationType,
    ULONG PageProtection, PMEM_EXTENDED_PARAMETER ExtendedParameters, ULONG ExtendedParameterCount);
/*
 * MEM_DECOMMIT or MEM_RELEASE. *RegionSize 0: the whole allocation, and *BaseAddress is its base; else any part of one.
 * STATUS_FREE_VM_NOT_AT_BASE, STATUS_UNABLE_TO_FREE_VM, STATUS_MEMORY_NOT_ALLOCATED, STATUS_UNABLE_TO_DELETE_SECTION (a view).
 */
NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG FreeType);
/* As VirtualProtectEx. STATUS_NOT_COMMITTED, STATUS_CONFLICTING_ADDRESSES, STATUS_SECTION_PROTECTION. */
NTSTATUS NTAPI NtProtectVirtualMemory(
    HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG NewProtection, PULONG OldProtection);
/*
 * Answers a class of information about BaseAddress into MemoryInformationLength bytes; *ReturnLength (may be NULL) takes
 * what was, or would be, written. STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_INFO_CLASS, STATUS_BUFFER_OVERFLOW.
 */
NTSTATUS NTAPI NtQueryVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress, MEMORY_INFORMATION_CLASS MemoryInformationClass,
    PVOID MemoryInformation, SIZE_T MemoryInformationLength, PSIZE_T ReturnLength);
/* Keeps pages in memory (MAP_PROCESS). STATUS_WAS_LOCKED, a success: they were before. STATUS_WORKING_SET_QUOTA. */
NTSTATUS NTAPI NtLockVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG MapType);
/* Undoes it. STATUS_NOT_LOCKED. */
NTSTATUS NTAPI NtUnlockVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, ULONG MapType);
/* Copies out of a process. STATUS_PARTIAL_COPY: not all; *NumberOfBytesRead (may be NULL) says how much, also then. */
NTSTATUS NTAPI NtReadVirtualMemory(
    HANDLE ProcessHandle, PVOID BaseAddress, PVOID Buffer, SIZE_T BufferSize, PSIZE_T NumberOfBytesRead);
/* Copies into a process, where it permits stores: unlike WriteProcessMemory it changes no protection for that. */
NTSTATUS NTAPI NtWriteVirtualMemory(
    HANDLE ProcessHandle, PVOID BaseAddress, PVOID Buffer, SIZE_T BufferSize, PSIZE_T NumberOfBytesWritten);
/* Brings ranges into memory soon: VmPrefetchInformation, and a ULONG that is 0. */
NTSTATUS NTAPI NtSetInformationVirtualMemory(HANDLE ProcessHandle, VIRTUAL_MEMORY_INFORMATION_CLASS VmInformationClass,
    ULONG_PTR NumberOfEntries, PMEMORY_RANGE_ENTRY VirtualAddresses, PVOID VmInformation, ULONG VmInformationLength);
/* Code was written and will be run: only the handle is checked. */
NTSTATUS NTAPI NtFlushInstructionCache(HANDLE ProcessHandle, PVOID BaseAddress, SIZE_T Length);

/* As FlushViewOfFile. Only the calling process can be served. */
NTSTATUS NTAPI NtFlushVirtualMemory(HANDLE ProcessHandle, PVOID *BaseAddress, PSIZE_T RegionSize, PIO_STATUS_BLOCK IoStatus);

/* ---- Stacks ---- */

typedef enum _PROCESSINFOCLASS { ProcessThreadStackAllocation = 41 } PROCESSINFOCLASS;

typedef struct _PROCESS_STACK_ALLOCATION_INFORMATION {
    SIZE_T ReserveSize;
    SIZE_T ZeroBits;
    PVOID StackBase; /* out: where it was reserved */
} PROCESS_STACK_ALLOCATION_INFORMATION, *PPROCESS_STACK_ALLOCATION_INFORMATION;

typedef struct _PROCESS_STACK_ALLOCATION_INFORMATION_EX {
    ULONG PreferredNode;
    ULONG Reserved0;
    ULONG Reserved1;
    ULONG Reserved2;
    PROCESS_STACK_ALLOCATION_INFORMATION AllocInfo;
} PROCESS_STACK_ALLOCATION_INFORMATION_EX, *PPROCESS_STACK_ALLOCATION_INFORMATION_EX;

typedef struct _INITIAL_TEB {
    PVOID OldStackBase; /* NULL, as the next */
    PVOID OldStackLimit;
    PVOID StackBase;           /* the address behind the stack, where it begins */
    PVOID StackLimit;          /* its lowest page that has memory and no guard */
    PVOID StackAllocationBase; /* for RtlFreeUserStack */
} INITIAL_TEB, *PINITIAL_TEB;

/* Reserves memory for a stack of a process: ProcessThreadStackAllocation, with one of the two structures. */
NTSTATUS NTAPI NtSetInformationProcess(HANDLE ProcessHandle, PROCESSINFOCLASS ProcessInformationClass, PVOID ProcessInformation,
    ULONG ProcessInformationLength);
/*
 * A stack in this process: Commit bytes of memory at its upper end (0: a page), a guard page below them, and the rest of
 * Reserve bytes (0: 1 MiB). Alignments are powers of two of at least a page. The caller frees it. STATUS_INVALID_PARAMETER.
 */
NTSTATUS NTAPI RtlCreateUserStack(
    SIZE_T Commit, SIZE_T Reserve, ULONG ZeroBits, SIZE_T CommitAlign, SIZE_T ReserveAlign, PINITIAL_TEB InitialTeb);
/* Frees a stack by the base of its allocation. What is none is left alone. */
void NTAPI RtlFreeUserStack(PVOID AllocationBase);

/* ---- Written pages, physical pages ---- */

/* As GetWriteWatch, in the process of the handle. */
NTSTATUS NTAPI NtGetWriteWatch(HANDLE ProcessHandle, ULONG Flags, PVOID BaseAddress, SIZE_T RegionSize, PVOID *UserAddressArray,
    PULONG_PTR EntriesInUserAddressArray, PULONG Granularity);
/* As ResetWriteWatch, in the process of the handle. */
NTSTATUS NTAPI NtResetWriteWatch(HANDLE ProcessHandle, PVOID BaseAddress, SIZE_T RegionSize);
/* As the calls without Nt. STATUS_PRIVILEGE_NOT_HELD. */
NTSTATUS NTAPI NtAllocateUserPhysicalPages(HANDLE ProcessHandle, PULONG_PTR NumberOfPages, PULONG_PTR UserPfnArray);
NTSTATUS NTAPI NtFreeUserPhysicalPages(HANDLE ProcessHandle, PULONG_PTR NumberOfPages, PULONG_PTR UserPfnArray);
NTSTATUS NTAPI NtMapUserPhysicalPages(PVOID VirtualAddress, ULONG_PTR NumberOfPages, PULONG_PTR UserPfnArray);
NTSTATUS NTAPI NtMapUserPhysicalPagesScatter(PVOID *VirtualAddresses, ULONG_PTR NumberOfPages, PULONG_PTR UserPfnArray);

/* ---- Sections ---- */

/*
 * A section of memory (FileHandle NULL) or of a file. The caller closes the handle. A name that exists:
 * STATUS_OBJECT_NAME_COLLISION, or with OBJ_OPENIF its section and STATUS_OBJECT_NAME_EXISTS.
 */
NTSTATUS NTAPI NtCreateSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
    PLARGE_INTEGER MaximumSize, ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle);
/* The section of this process with a name. STATUS_OBJECT_NAME_NOT_FOUND. */
NTSTATUS NTAPI NtOpenSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
/*
 * Shows a section. *SectionOffset (NULL: 0) goes down to a multiple of 64 KiB, *ViewSize 0 means up to the end; both are
 * written back. STATUS_CONFLICTING_ADDRESSES, STATUS_INVALID_VIEW_SIZE, STATUS_MAPPED_ALIGNMENT, STATUS_SECTION_PROTECTION.
 */
NTSTATUS NTAPI NtMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID *BaseAddress, ULONG_PTR ZeroBits,
    SIZE_T CommitSize, PLARGE_INTEGER SectionOffset, PSIZE_T ViewSize, SECTION_INHERIT InheritDisposition, ULONG AllocationType,
    ULONG Win32Protect);
/* The same with extended parameters, as MapViewOfFile3. */
NTSTATUS NTAPI NtMapViewOfSectionEx(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID *BaseAddress, PLARGE_INTEGER SectionOffset,
    PSIZE_T ViewSize, ULONG AllocationType, ULONG PageProtection, PMEM_EXTENDED_PARAMETER ExtendedParameters,
    ULONG ExtendedParameterCount);
/* Takes away the view that holds an address. STATUS_NOT_MAPPED_VIEW. */
NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress);
NTSTATUS NTAPI NtUnmapViewOfSectionEx(HANDLE ProcessHandle, PVOID BaseAddress, ULONG Flags);
/* What a section is: class 0 only. STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_INFO_CLASS. */
NTSTATUS NTAPI NtQuerySection(HANDLE SectionHandle, SECTION_INFORMATION_CLASS SectionInformationClass, PVOID SectionInformation,
    SIZE_T SectionInformationLength, PSIZE_T ReturnLength);

/* ---- Processes, handles, errors ---- */

/* The process whose pid is in ClientId->UniqueProcess, as OpenProcess. STATUS_INVALID_CID. Attributes name nothing. */
NTSTATUS NTAPI NtOpenProcess(
    PHANDLE ProcessHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, PCLIENT_ID ClientId);
/* A second handle, as DuplicateHandle. */
NTSTATUS NTAPI NtDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle, HANDLE TargetProcessHandle,
    PHANDLE TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options);
/* As RtlNtStatusToDosError. */
ULONG NTAPI RtlNtStatusToDosErrorNoTeb(NTSTATUS Status);
/* Sets the last error to the code of a status, and answers it. These three may be called in signal handlers. */
ULONG NTAPI RtlSetLastWin32ErrorAndNtStatusFromNtStatus(NTSTATUS Status);
/* GetLastError and SetLastError under other names. */
ULONG NTAPI RtlGetLastWin32Error(void);
void NTAPI RtlSetLastWin32Error(ULONG LastError);

PW_C_END

#endif

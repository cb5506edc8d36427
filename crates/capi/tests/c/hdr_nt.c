/*
 * The Nt layer as sources write it that declare the calls by themselves, since Windows' own headers do not: their
 * declarations are those of ours.
 */
#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>
#include <stdio.h>
#include <string.h>
#include <winternl.h>

EXTERN_C NTSYSCALLAPI NTSTATUS NTAPI NtAllocateVirtualMemory(_In_ HANDLE ProcessHandle,
    _Inout_ _At_(*BaseAddress, _Readable_bytes_(*RegionSize)) PVOID *BaseAddress, _In_ ULONG_PTR ZeroBits,
    _Inout_ PSIZE_T RegionSize, _In_ ULONG AllocationType, _In_ ULONG Protect);
EXTERN_C NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE, PVOID *, PSIZE_T, ULONG);
EXTERN_C NTSTATUS NTAPI NtProtectVirtualMemory(HANDLE, PVOID *, PSIZE_T, ULONG, PULONG);
EXTERN_C NTSTATUS NTAPI NtReadVirtualMemory(HANDLE, PVOID, PVOID, SIZE_T, PSIZE_T);
EXTERN_C NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE, PVOID, PVOID, SIZE_T, PSIZE_T);
EXTERN_C NTSTATUS NTAPI NtQueryVirtualMemory(HANDLE, PVOID, MEMORY_INFORMATION_CLASS, PVOID, SIZE_T, PSIZE_T);
EXTERN_C NTSTATUS NTAPI NtCreateSection(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES, PLARGE_INTEGER, ULONG, ULONG, HANDLE);
EXTERN_C NTSTATUS NTAPI NtMapViewOfSection(
    HANDLE, HANDLE, PVOID *, ULONG_PTR, SIZE_T, PLARGE_INTEGER, PSIZE_T, SECTION_INHERIT, ULONG, ULONG);
EXTERN_C NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE, PVOID);

#define EXPECT(condition, code)                                                                          \
    do {                                                                                                 \
        if (!(condition)) {                                                                              \
            fprintf(stderr, "%s: status 0x%08lx\n", #condition, (unsigned long)(ULONG)Status);           \
            return code;                                                                                 \
        }                                                                                                \
    } while (0)

static int Memory(void)
{
    NTSTATUS Status;
    PVOID Base = NULL;
    SIZE_T Size = 0x1234, Done = 0;
    ULONG Old = 0;
    char Text[] = "text", Back[sizeof(Text)] = "";
    MEMORY_BASIC_INFORMATION Information;

    SetLastError(12345);
    Status = NtAllocateVirtualMemory(NtCurrentProcess(), &Base, 0, &Size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    EXPECT(NT_SUCCESS(Status) && Size == 0x2000 && (ULONG_PTR)Base % 0x10000 == 0, 1);
    Status = NtWriteVirtualMemory(NtCurrentProcess(), Base, Text, sizeof(Text), &Done);
    EXPECT(Status == STATUS_SUCCESS && Done == sizeof(Text), 2);
    Status = NtProtectVirtualMemory(NtCurrentProcess(), &Base, &Size, PAGE_READONLY, &Old);
    EXPECT(Status == STATUS_SUCCESS && Old == PAGE_READWRITE, 3);
    Status = NtReadVirtualMemory(NtCurrentProcess(), Base, Back, sizeof(Back), NULL);
    EXPECT(Status == STATUS_SUCCESS && strcmp(Text, Back) == 0, 4);
    Status = NtWriteVirtualMemory(NtCurrentProcess(), Base, Text, sizeof(Text), &Done);
    EXPECT(NT_WARNING(Status) && Status == STATUS_PARTIAL_COPY && Done == 0, 5);
    Status = NtQueryVirtualMemory(
        NtCurrentProcess(), Base, MemoryBasicInformation, &Information, sizeof(Information), &Done);
    EXPECT(Status == STATUS_SUCCESS && Done == sizeof(Information) && Information.Protect == PAGE_READONLY, 6);
    Size = 0;
    Status = NtFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE);
    EXPECT(Status == STATUS_SUCCESS && Size == 0x2000, 7);
    Status = NtFreeVirtualMemory(NtCurrentProcess(), &Base, &Size, MEM_RELEASE);
    EXPECT(NT_ERROR(Status) && RtlNtStatusToDosError(Status) == ERROR_INVALID_ADDRESS, 8);
    EXPECT(GetLastError() == 12345, 9);
    return 0;
}

static int Sections(void)
{
    NTSTATUS Status;
    HANDLE Section = NULL;
    LARGE_INTEGER Size;
    PVOID One = NULL, Two = NULL;
    SIZE_T OneSize = 0, TwoSize = 0;

    Size.QuadPart = 0x10000;
    Status = NtCreateSection(&Section, SECTION_ALL_ACCESS, NULL, &Size, PAGE_READWRITE, SEC_COMMIT, NULL);
    EXPECT(Status == STATUS_SUCCESS, 11);
    Status = NtMapViewOfSection(Section, NtCurrentProcess(), &One, 0, 0, NULL, &OneSize, ViewUnmap, 0, PAGE_READWRITE);
    EXPECT(Status == STATUS_SUCCESS && OneSize == 0x10000, 12);
    Status = NtMapViewOfSection(Section, NtCurrentProcess(), &Two, 0, 0, NULL, &TwoSize, ViewShare, 0, PAGE_READONLY);
    EXPECT(Status == STATUS_SUCCESS && Two != One, 13);
    *(volatile LONG *)One = 77;
    EXPECT(*(volatile LONG *)Two == 77, 14);
    Status = NtUnmapViewOfSection(NtCurrentProcess(), Two);
    EXPECT(Status == STATUS_SUCCESS, 15);
    Status = NtUnmapViewOfSection(NtCurrentProcess(), One);
    EXPECT(Status == STATUS_SUCCESS, 16);
    Status = NtUnmapViewOfSection(NtCurrentProcess(), One);
    EXPECT(Status == STATUS_NOT_MAPPED_VIEW, 17);
    Status = NtClose(Section);
    EXPECT(Status == STATUS_SUCCESS, 18);
    Status = NtClose(Section);
    EXPECT(Status == STATUS_INVALID_HANDLE, 19);
    return 0;
}

int main(void)
{
    int Result = Memory();
    return Result != 0 ? Result : Sections();
}

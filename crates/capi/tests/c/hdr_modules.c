/*
 * Newer calls as sources reach them that must also start where there are none: by name, through pointers.
 */
#include <windows.h>
#include <psapi.h>
#include <winternl.h>

#include "check.h"
#include <string.h>

typedef PVOID(WINAPI *PFN_VIRTUALALLOC2)(HANDLE, PVOID, SIZE_T, ULONG, ULONG, MEM_EXTENDED_PARAMETER *, ULONG);
typedef NTSTATUS(NTAPI *PFN_NTALLOCATEVIRTUALMEMORY)(HANDLE, PVOID *, ULONG_PTR, PSIZE_T, ULONG, ULONG);
typedef UINT(WINAPI *PFN_GETWRITEWATCH)(DWORD, PVOID, SIZE_T, PVOID *, ULONG_PTR *, LPDWORD);
typedef BOOL(WINAPI *PFN_QUERYWORKINGSET)(HANDLE, PVOID, DWORD);

/* What a source in C has to do about L"kernelbase.dll" where characters are wide. */
static const WCHAR g_szKernelBase[] = {'k', 'e', 'r', 'n', 'e', 'l', 'b', 'a', 's', 'e', '.', 'd', 'l', 'l', 0};

static void AlignedMemory(HMODULE hKernelBase)
{
    PFN_VIRTUALALLOC2 pfnVirtualAlloc2 = (PFN_VIRTUALALLOC2)(void *)GetProcAddress(hKernelBase, "VirtualAlloc2");
    MEM_ADDRESS_REQUIREMENTS Requirements = {0, 0, 0};
    MEM_EXTENDED_PARAMETER Parameter;
    PVOID pv;

    CHECK(pfnVirtualAlloc2 != NULL);
    memset(&Parameter, 0, sizeof(Parameter));
    Requirements.Alignment = 0x1000000;
    Parameter.Type = MemExtendedParameterAddressRequirements;
    Parameter.Pointer = &Requirements;
    pv = pfnVirtualAlloc2(NULL, NULL, 0x10000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE, &Parameter, 1);
    CHECK(pv != NULL && (ULONG_PTR)pv % 0x1000000 == 0);
    *(volatile BYTE *)pv = 1;
    CHECK(VirtualFree(pv, 0, MEM_RELEASE));
}

static void NativeMemory(void)
{
    HMODULE hNtDll = GetModuleHandleA("ntdll.dll");
    PFN_NTALLOCATEVIRTUALMEMORY pfnAllocate =
        (PFN_NTALLOCATEVIRTUALMEMORY)(void *)GetProcAddress(hNtDll, "NtAllocateVirtualMemory");
    PVOID pvBase = NULL;
    SIZE_T cb = 1;

    CHECK(pfnAllocate != NULL);
    CHECK_EQUAL(pfnAllocate(GetCurrentProcess(), &pvBase, 0, &cb, MEM_COMMIT, PAGE_READWRITE), 0);
    CHECK_EQUAL(cb, 4096);
    CHECK(VirtualFree(pvBase, 0, MEM_RELEASE));
}

static void WatchedMemory(void)
{
    HMODULE hKernel32 = LoadLibraryA("KERNEL32");
    PFN_GETWRITEWATCH pfnGetWriteWatch = (PFN_GETWRITEWATCH)(void *)GetProcAddress(hKernel32, "GetWriteWatch");
    BYTE *pb = (BYTE *)VirtualAlloc(NULL, 0x3000, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE);
    PVOID apv[4];
    ULONG_PTR c = 4;
    DWORD cbPage = 0;

    CHECK(pfnGetWriteWatch != NULL);
    if (pb == NULL) {
        printf("not run: no write watch here, error %u\n", (unsigned)GetLastError());
        return;
    }
    pb[0x1234] = 1;
    CHECK_EQUAL(pfnGetWriteWatch(0, pb, 0x3000, apv, &c, &cbPage), 0);
    CHECK(c == 1 && apv[0] == pb + 0x1000 && cbPage == 4096);
    CHECK(VirtualFree(pb, 0, MEM_RELEASE) && FreeLibrary(hKernel32));
}

static void WhatIsNotThere(HMODULE hKernelBase)
{
    HMODULE hModule = hKernelBase;

    SetLastError(0);
    CHECK(GetProcAddress(hKernelBase, "CreateWindowExA") == NULL && GetLastError() == ERROR_PROC_NOT_FOUND);
    CHECK(GetProcAddress(hKernelBase, "virtualalloc") == NULL && GetProcAddress(hKernelBase, "") == NULL);
    CHECK(GetProcAddress(hKernelBase, "malloc") == NULL);
    SetLastError(0);
    CHECK(GetProcAddress(hKernelBase, (LPCSTR)(ULONG_PTR)17) == NULL && GetLastError() == ERROR_PROC_NOT_FOUND);
    SetLastError(0);
    CHECK(GetProcAddress((HMODULE)&hModule, "VirtualAlloc") == NULL && GetLastError() == ERROR_MOD_NOT_FOUND);
    SetLastError(0);
    CHECK(LoadLibraryA("user32.dll") == NULL && GetLastError() == ERROR_MOD_NOT_FOUND);
    CHECK(!GetModuleHandleExA(0, "user32.dll", &hModule) && hModule == NULL);
}

static void TheProgram(void)
{
    HMODULE hProgram = GetModuleHandle(NULL), hSame = NULL;
    MEMORY_BASIC_INFORMATION Information;
    char szPath[4096];

    CHECK(GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (LPCSTR)(void *)&g_szKernelBase, &hSame));
    CHECK(hProgram != NULL && hProgram == hSame);
    CHECK(VirtualQuery(hProgram, &Information, sizeof(Information)) == sizeof(Information));
    CHECK(Information.Type == MEM_IMAGE && Information.AllocationBase == (PVOID)hProgram);
    CHECK_EQUAL(GetModuleFileNameA(NULL, szPath, sizeof(szPath)), strlen(szPath));
    printf("%s\n", szPath);
}

int main(void)
{
    HMODULE hKernelBase = GetModuleHandleW(g_szKernelBase);
    PFN_QUERYWORKINGSET pfnQueryWorkingSet =
        (PFN_QUERYWORKINGSET)(void *)GetProcAddress(LoadLibraryA("psapi.dll"), "QueryWorkingSet");
    PSAPI_WORKING_SET_INFORMATION WorkingSet;
    PROCESS_MEMORY_COUNTERS_EX Counters;
    FILETIME Time = {0, 0};

    CHECK(hKernelBase != NULL);
    AlignedMemory(hKernelBase);
    NativeMemory();
    WatchedMemory();
    WhatIsNotThere(hKernelBase);
    TheProgram();
    CHECK(pfnQueryWorkingSet != NULL && !pfnQueryWorkingSet(GetCurrentProcess(), &WorkingSet, sizeof(WorkingSet)));
    CHECK(GetLastError() == ERROR_BAD_LENGTH && WorkingSet.NumberOfEntries > 10);
    CHECK(GetProcessMemoryInfo(GetCurrentProcess(), (PROCESS_MEMORY_COUNTERS *)&Counters, sizeof(Counters)));
    CHECK(Counters.cb == sizeof(Counters) && Counters.PrivateUsage > 0 && Counters.WorkingSetSize > 0);
    GetSystemTimeAsFileTime(&Time);
    CHECK(Time.dwHighDateTime > 31000000);
    return 0;
}

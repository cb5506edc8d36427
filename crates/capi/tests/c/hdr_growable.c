/*
 * A growable array as Windows code bases write it: the whole range is reserved once, pages are committed as they are
 * needed, and pointers into it never move. Annotated, with TCHAR texts.
 */
#include <Windows.h>

#include <stdio.h>
#include <tchar.h>

#define ARRAY_RESERVE ((SIZE_T)64 * 1024 * 1024)

typedef struct _GROWABLE_ARRAY {
    PVOID pvBase;
    SIZE_T cbElement;
    SIZE_T cElements;
    SIZE_T cbCommitted;
    DWORD dwPageSize;
} GROWABLE_ARRAY, *PGROWABLE_ARRAY;

static VOID ReportError(_In_z_ LPCTSTR pszWhat, _In_ DWORD dwError)
{
    LPTSTR pszMessage = NULL;

    if (FormatMessage(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
            dwError, MAKELANGID(LANG_NEUTRAL, SUBLANG_DEFAULT), (LPTSTR)&pszMessage, 0, NULL) != 0) {
        _ftprintf(stderr, _T("%s: %s"), pszWhat, pszMessage);
        LocalFree(pszMessage);
    } else {
        _ftprintf(stderr, _T("%s: error %lu\n"), pszWhat, (unsigned long)dwError);
    }
}

_Success_(return != FALSE)
static BOOL WINAPI ArrayInitialize(_Out_ PGROWABLE_ARRAY pArray, _In_ SIZE_T cbElement)
{
    SYSTEM_INFO si;

    ZeroMemory(pArray, sizeof(*pArray));
    GetSystemInfo(&si);
    pArray->cbElement = cbElement;
    pArray->dwPageSize = si.dwPageSize;
    pArray->pvBase = VirtualAlloc(NULL, ARRAY_RESERVE, MEM_RESERVE, PAGE_NOACCESS);
    return pArray->pvBase != NULL;
}

_Must_inspect_result_ _Ret_maybenull_ _Ret_writes_bytes_maybenull_(pArray->cbElement)
static PVOID WINAPI ArrayAppend(_Inout_ PGROWABLE_ARRAY pArray)
{
    SIZE_T cbNeeded = (pArray->cElements + 1) * pArray->cbElement;

    if (cbNeeded > pArray->cbCommitted) {
        SIZE_T cbGrow = max(cbNeeded - pArray->cbCommitted, (SIZE_T)16 * pArray->dwPageSize);
        if (VirtualAlloc((PBYTE)pArray->pvBase + pArray->cbCommitted, cbGrow, MEM_COMMIT, PAGE_READWRITE) == NULL) {
            return NULL;
        }
        pArray->cbCommitted += (cbGrow + pArray->dwPageSize - 1) & ~((SIZE_T)pArray->dwPageSize - 1);
    }
    return (PBYTE)pArray->pvBase + pArray->cElements++ * pArray->cbElement;
}

static BOOL WINAPI ArrayTruncate(_Inout_ PGROWABLE_ARRAY pArray, _In_ SIZE_T cElements)
{
    SIZE_T cbKept = (cElements * pArray->cbElement + pArray->dwPageSize - 1) & ~((SIZE_T)pArray->dwPageSize - 1);

    pArray->cElements = cElements;
    if (cbKept < pArray->cbCommitted) {
        if (!VirtualFree((PBYTE)pArray->pvBase + cbKept, pArray->cbCommitted - cbKept, MEM_DECOMMIT)) {
            return FALSE;
        }
        pArray->cbCommitted = cbKept;
    }
    return TRUE;
}

static VOID WINAPI ArrayDestroy(_Inout_ _Post_invalid_ PGROWABLE_ARRAY pArray)
{
    VirtualFree(pArray->pvBase, 0, MEM_RELEASE);
    ZeroMemory(pArray, sizeof(*pArray));
}

static BOOL CommittedIs(_In_ const GROWABLE_ARRAY *pArray)
{
    MEMORY_BASIC_INFORMATION mbi;

    return VirtualQuery(pArray->pvBase, &mbi, sizeof(mbi)) == sizeof(mbi) && mbi.State == MEM_COMMIT &&
        mbi.RegionSize == pArray->cbCommitted && mbi.AllocationBase == pArray->pvBase &&
        mbi.AllocationProtect == PAGE_NOACCESS;
}

int __cdecl _tmain(int argc, TCHAR *argv[])
{
    GROWABLE_ARRAY array;
    DWORD i;
    ULONGLONG ullSum = 0;

    UNREFERENCED_PARAMETER(argc);
    UNREFERENCED_PARAMETER(argv);
    if (!ArrayInitialize(&array, sizeof(ULONGLONG))) {
        ReportError(_T("VirtualAlloc"), GetLastError());
        return 1;
    }
    for (i = 0; i < 1000000; i++) {
        ULONGLONG *pullNext = (ULONGLONG *)ArrayAppend(&array);
        if (pullNext == NULL) {
            ReportError(_T("VirtualAlloc"), GetLastError());
            return 2;
        }
        *pullNext = i;
    }
    for (i = 0; i < array.cElements; i++) {
        ullSum += ((ULONGLONG *)array.pvBase)[i];
    }
    if (ullSum != 499999500000ULL || !CommittedIs(&array)) {
        return 3;
    }
    if (!ArrayTruncate(&array, 1000) || !CommittedIs(&array) || array.cbCommitted != 2 * array.dwPageSize) {
        return 4;
    }
    /* What nobody reserved cannot be committed, and there is a sentence for it. */
    if (VirtualAlloc((PBYTE)array.pvBase + ARRAY_RESERVE - 0x1000, 0x2000, MEM_COMMIT, PAGE_READWRITE) != NULL ||
        GetLastError() != ERROR_INVALID_ADDRESS) {
        return 5;
    }
    ReportError(_T("VirtualAlloc, as expected"), GetLastError());
    ArrayDestroy(&array);
    _tprintf(_T("sum %llu\n"), ullSum);
    return 0;
}

/* The words and macros of Windows sources mean here what they mean there. */
#include <windows.h>

#include <tchar.h>

#include "check.h"

typedef int(__cdecl *PFN_ADD)(int, int);
typedef LRESULT(CALLBACK *PFN_CALLBACK)(WPARAM, LPARAM);

typedef __declspec(align(64)) struct _ALIGNED {
    BYTE b;
    unsigned __int64 q;
    __int32 d;
    __int16 w;
} ALIGNED;
C_ASSERT(sizeof(unsigned __int64) == 8 && sizeof(__int32) == 4 && sizeof(__int16) == 2);
C_ASSERT(TYPE_ALIGNMENT(DWORD) == 4);

typedef struct DECLSPEC_ALIGN(32) _NODE {
    DWORD dwValue;
    LIST_ENTRY Link;
} NODE, *PNODE;

__declspec(thread) static LONG t_lThread = 7;
static __declspec(noinline) int __stdcall Add(int a, int b) { return a + b; }
static __forceinline DWORD Twice(DWORD dw) { return dw * 2; }
static FORCEINLINE DWORD Thrice(DWORD dw) { return dw * 3; }
extern __declspec(dllexport) int WINAPI Exported(void);
int WINAPI Exported(void) { return 5; }
static DECLSPEC_NOINLINE VOID CDECL_LIKE(IN CONST DWORD FAR *pdw, OUT PDWORD pdwOut, IN PVOID pvUnused OPTIONAL)
{
    UNREFERENCED_PARAMETER(pvUnused);
    *pdwOut = *pdw;
}
EXTERN_C int Linkage(void);
int Linkage(void) { return 6; }

static void words(void)
{
    PFN_ADD pfn = Add;
    DWORD dwIn = 3, dwOut = 0;
    CHECK_EQUAL(pfn(1, 2), 3);
    CHECK_EQUAL(Twice(4) + Thrice(1), 11);
    CHECK_EQUAL(Exported() + Linkage(), 11);
    CDECL_LIKE(&dwIn, &dwOut, NULL);
    CHECK_EQUAL(dwOut, 3);
    CHECK_EQUAL(t_lThread, 7);
    CHECK_EQUAL(TYPE_ALIGNMENT(NODE), 32);
}

static void records(void)
{
    NODE node;
    PLIST_ENTRY pEntry = &node.Link;
    CHECK(CONTAINING_RECORD(pEntry, NODE, Link) == &node);
    CHECK_EQUAL(FIELD_OFFSET(NODE, Link), 8);
    CHECK_EQUAL(RTL_FIELD_SIZE(NODE, Link), 16);
    CHECK_EQUAL(ARRAYSIZE("abc"), 4);
    CHECK_EQUAL(max(1, 2) + min(1, 2), 3);
    CHECK_EQUAL(LOWORD(0xdeadbeef), 0xbeef);
    CHECK_EQUAL(HIWORD(0xdeadbeef), 0xdead);
}

static void bytes(void)
{
    BYTE to[16], from[16];
    FillMemory(from, sizeof(from), 0xa5);
    ZeroMemory(to, sizeof(to));
    CopyMemory(to + 1, from, 4);
    CHECK_EQUAL(to[0] + to[5], 0);
    CHECK_EQUAL(to[4], 0xa5);
    MoveMemory(to, to + 1, 4);
    CHECK_EQUAL(to[0], 0xa5);
    CHECK(RtlEqualMemory(to, from, 4) && !RtlEqualMemory(to, from, 6));
    SecureZeroMemory(to, sizeof(to));
    CHECK_EQUAL(to[2], 0);
}

static void codes(void)
{
    DWORD dwError = ERROR_ACCESS_DENIED;
    CHECK(FAILED(E_OUTOFMEMORY) && SUCCEEDED(S_FALSE) && SUCCEEDED(S_OK));
    CHECK_EQUAL((DWORD)HRESULT_FROM_WIN32(dwError), 0x80070005u);
    CHECK_EQUAL((DWORD)HRESULT_FROM_WIN32(ERROR_SUCCESS), 0);
    CHECK_EQUAL(HRESULT_CODE(E_ACCESSDENIED), 5);
    CHECK_EQUAL((DWORD)MAKE_HRESULT(1, FACILITY_WIN32, 5), 0x80070005u);
    CHECK_EQUAL(MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), 0x409);
}

static void texts(void)
{
    LPCTSTR psz = _T("text");
    TCHAR sz[8];
    CHECK_EQUAL(_tcslen(psz), 4);
    CHECK_EQUAL(_tcscmp(psz, TEXT("text")), 0);
    CHECK_EQUAL(sizeof(sz), 8 * sizeof(TCHAR));
    CHECK_EQUAL(sizeof(WCHAR), 2);
}

int main(void)
{
    words();
    records();
    bytes();
    codes();
    texts();
    return 0;
}

/*
 * The structures are laid out as on 64-bit Windows: sizes and offsets when this is compiled, bit-fields when it is run.
 * A compiler for Windows takes this file as well.
 */
#include <windows.h>

#include <psapi.h>
#include <stddef.h>
#include <winternl.h>

#include "check.h"

#ifdef __cplusplus
#define IS(left, right) static_assert((left) == (right), #left " is not " #right)
#else
#define IS(left, right) C_ASSERT((left) == (right))
#endif
#define AT(type, field, offset) IS(offsetof(type, field), offset)

IS(sizeof(BYTE), 1);
IS(sizeof(BOOLEAN), 1);
IS(sizeof(WORD), 2);
IS(sizeof(WCHAR), 2);
IS(sizeof(DWORD), 4);
IS(sizeof(LONG), 4);
IS(sizeof(ULONG), 4);
IS(sizeof(BOOL), 4);
IS(sizeof(NTSTATUS), 4);
IS(sizeof(HRESULT), 4);
IS(sizeof(LONGLONG), 8);
IS(sizeof(SIZE_T), 8);
IS(sizeof(ULONG_PTR), 8);
IS(sizeof(HANDLE), 8);
IS(sizeof(PVOID), 8);
IS(sizeof(LARGE_INTEGER), 8);
IS(sizeof(FILETIME), 8);
IS(sizeof(LUID), 8);
IS((DWORD)-1 > 0, 1);
IS((LONG)-1 < 0, 1);

IS(sizeof(MEMORY_BASIC_INFORMATION), 48);
AT(MEMORY_BASIC_INFORMATION, BaseAddress, 0);
AT(MEMORY_BASIC_INFORMATION, AllocationBase, 8);
AT(MEMORY_BASIC_INFORMATION, AllocationProtect, 16);
AT(MEMORY_BASIC_INFORMATION, RegionSize, 24);
AT(MEMORY_BASIC_INFORMATION, State, 32);
AT(MEMORY_BASIC_INFORMATION, Protect, 36);
AT(MEMORY_BASIC_INFORMATION, Type, 40);
IS(sizeof(MEMORY_BASIC_INFORMATION32), 28);
IS(sizeof(MEMORY_BASIC_INFORMATION64), 48);
AT(MEMORY_BASIC_INFORMATION64, RegionSize, 24);
AT(MEMORY_BASIC_INFORMATION64, Type, 40);

IS(sizeof(SYSTEM_INFO), 48);
AT(SYSTEM_INFO, dwOemId, 0);
AT(SYSTEM_INFO, wProcessorArchitecture, 0);
AT(SYSTEM_INFO, dwPageSize, 4);
AT(SYSTEM_INFO, lpMinimumApplicationAddress, 8);
AT(SYSTEM_INFO, lpMaximumApplicationAddress, 16);
AT(SYSTEM_INFO, dwActiveProcessorMask, 24);
AT(SYSTEM_INFO, dwNumberOfProcessors, 32);
AT(SYSTEM_INFO, dwAllocationGranularity, 40);
AT(SYSTEM_INFO, wProcessorRevision, 46);

IS(sizeof(SECURITY_ATTRIBUTES), 24);
AT(SECURITY_ATTRIBUTES, lpSecurityDescriptor, 8);
AT(SECURITY_ATTRIBUTES, bInheritHandle, 16);
IS(sizeof(LUID_AND_ATTRIBUTES), 12);
IS(sizeof(TOKEN_PRIVILEGES), 16);
AT(TOKEN_PRIVILEGES, Privileges, 4);

IS(sizeof(MEM_ADDRESS_REQUIREMENTS), 24);
AT(MEM_ADDRESS_REQUIREMENTS, HighestEndingAddress, 8);
AT(MEM_ADDRESS_REQUIREMENTS, Alignment, 16);
IS(sizeof(MEM_EXTENDED_PARAMETER), 16);
AT(MEM_EXTENDED_PARAMETER, ULong64, 8);
AT(MEM_EXTENDED_PARAMETER, Pointer, 8);

IS(sizeof(PSAPI_WORKING_SET_EX_BLOCK), 8);
IS(sizeof(PSAPI_WORKING_SET_EX_INFORMATION), 16);
IS(sizeof(PSAPI_WS_WATCH_INFORMATION), 16);

IS(sizeof(EXCEPTION_RECORD), 152);
AT(EXCEPTION_RECORD, ExceptionRecord, 8);
AT(EXCEPTION_RECORD, ExceptionAddress, 16);
AT(EXCEPTION_RECORD, NumberParameters, 24);
AT(EXCEPTION_RECORD, ExceptionInformation, 32);
IS(sizeof(EXCEPTION_POINTERS), 16);
IS(sizeof(M128A), 16);
IS(sizeof(CONTEXT), 1232);
IS(__alignof__(CONTEXT), 16);
AT(CONTEXT, ContextFlags, 48);
AT(CONTEXT, MxCsr, 52);
AT(CONTEXT, SegCs, 56);
AT(CONTEXT, EFlags, 68);
AT(CONTEXT, Dr0, 72);
AT(CONTEXT, Rax, 120);
AT(CONTEXT, Rcx, 128);
AT(CONTEXT, Rdx, 136);
AT(CONTEXT, Rbx, 144);
AT(CONTEXT, Rsp, 152);
AT(CONTEXT, Rbp, 160);
AT(CONTEXT, Rsi, 168);
AT(CONTEXT, Rdi, 176);
AT(CONTEXT, R8, 184);
AT(CONTEXT, R15, 240);
AT(CONTEXT, Rip, 248);
AT(CONTEXT, FltSave, 256);
AT(CONTEXT, Xmm0, 416);
AT(CONTEXT, Xmm15, 656);
AT(CONTEXT, VectorRegister, 768);
AT(CONTEXT, VectorControl, 1184);
AT(CONTEXT, LastExceptionFromRip, 1224);

IS(sizeof(UNICODE_STRING), 16);
AT(UNICODE_STRING, Buffer, 8);
IS(sizeof(OBJECT_ATTRIBUTES), 48);
AT(OBJECT_ATTRIBUTES, ObjectName, 16);
AT(OBJECT_ATTRIBUTES, Attributes, 24);
AT(OBJECT_ATTRIBUTES, SecurityQualityOfService, 40);
IS(sizeof(CLIENT_ID), 16);
IS(sizeof(IO_STATUS_BLOCK), 16);
AT(IO_STATUS_BLOCK, Information, 8);

/* The word of a page with one field set. */
static ULONG_PTR working_set(int which)
{
    PSAPI_WORKING_SET_EX_BLOCK block;
    block.Flags = 0;
    switch (which) {
    case 0: block.Valid = 1; break;
    case 1: block.ShareCount = 7; break;
    case 2: block.Win32Protection = 0x7ff; break;
    case 3: block.Shared = 1; break;
    case 4: block.Node = 0x3f; break;
    case 5: block.Locked = 1; break;
    case 6: block.LargePage = 1; break;
    case 7: block.Bad = 1; break;
    case 8: block.Invalid.Shared = 1; break;
    default: block.Invalid.Bad = 1; break;
    }
    return block.Flags;
}

static void words_of_bits(void)
{
    static const unsigned long long expected[] = {
        0x1, 0xe, 0x7ff0, 0x8000, 0x3f0000, 0x400000, 0x800000, 0x80000000, 0x8000, 0x80000000,
    };
    int which;
    for (which = 0; which < (int)ARRAYSIZE(expected); which++) {
        CHECK_EQUAL(working_set(which), expected[which]);
    }
}

static void parameter_types(void)
{
    MEM_EXTENDED_PARAMETER parameter;
    DWORD64 word;
    ZeroMemory(&parameter, sizeof(parameter));
    parameter.Type = MemExtendedParameterAddressRequirements;
    CopyMemory(&word, &parameter, sizeof(word));
    CHECK_EQUAL(word, 1);
    parameter.Reserved = 1;
    CopyMemory(&word, &parameter, sizeof(word));
    CHECK_EQUAL(word, 0x101);
}

static void region_flags(void)
{
#ifdef __linux__ /* The other compiler's headers may not have this one. */
    WIN32_MEMORY_REGION_INFORMATION region;
    ZeroMemory(&region, sizeof(region));
    region.Private = 1;
    CHECK_EQUAL(region.Flags, 1);
    region.DirectMapped = 1;
    CHECK_EQUAL(region.Flags, 0x21);
    CHECK_EQUAL(sizeof(region), 32);
#endif
}

static void halves(void)
{
    LARGE_INTEGER number;
    number.QuadPart = 0x123456789abcdef0LL;
    CHECK_EQUAL(number.LowPart, 0x9abcdef0u);
    CHECK_EQUAL(number.u.HighPart, 0x12345678);
    CHECK_EQUAL(MAKELONG(0x5678, 0x1234), 0x12345678);
    CHECK_EQUAL(MAKEWORD(0x34, 0x12), 0x1234);
    CHECK_EQUAL(HIWORD(0x12345678), 0x1234);
    CHECK_EQUAL(LOBYTE(0x1234), 0x34);
    CHECK_EQUAL(HRESULT_FROM_WIN32(ERROR_ACCESS_DENIED) == E_ACCESSDENIED, 1);
    CHECK_EQUAL(FIELD_OFFSET(MEMORY_BASIC_INFORMATION, State), 32);
}

int main(void)
{
    words_of_bits();
    parameter_types();
    region_flags();
    halves();
    return 0;
}

/*
 * The Nt layer: what Windows' header of this name has of it. The calls about memory are in winternl_memory.h, which comes
 * along; a source that declares their types itself is compiled with -DPAGEWRIGHT_PLAIN_WINTERNL to be spared them.
 *
 * Nt calls answer an NTSTATUS (ntstatus.h) and do not touch the last error. Any thread may call them.
 */
#ifndef _WINTERNL_
#define _WINTERNL_

#include "windef.h"

PW_C_BEGIN

#ifndef PW_NTSTATUS
#define PW_NTSTATUS
typedef LONG NTSTATUS;
#endif

#ifndef NT_SUCCESS
#define NT_SUCCESS(status) (((NTSTATUS)(status)) >= 0)
#define NT_INFORMATION(status) ((((ULONG)(status)) >> 30) == 1)
#define NT_WARNING(status) ((((ULONG)(status)) >> 30) == 2)
#define NT_ERROR(status) ((((ULONG)(status)) >> 30) == 3)
#endif

typedef struct _UNICODE_STRING {
    USHORT Length; /* in bytes, without a 0 at the end */
    USHORT MaximumLength;
    PWSTR Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;

typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, *PSTRING, ANSI_STRING, *PANSI_STRING;

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;

#define OBJ_INHERIT 0x00000002
#define OBJ_PERMANENT 0x00000010
#define OBJ_EXCLUSIVE 0x00000020
#define OBJ_CASE_INSENSITIVE 0x00000040
#define OBJ_OPENIF 0x00000080
#define OBJ_OPENLINK 0x00000100
#define OBJ_KERNEL_HANDLE 0x00000200
#define OBJ_FORCE_ACCESS_CHECK 0x00000400
#define OBJ_VALID_ATTRIBUTES 0x00001FF2

#define InitializeObjectAttributes(p, name, attributes, root, security) \
    do { \
        (p)->Length = sizeof(OBJECT_ATTRIBUTES); \
        (p)->RootDirectory = (root); \
        (p)->Attributes = (attributes); \
        (p)->ObjectName = (name); \
        (p)->SecurityDescriptor = (security); \
        (p)->SecurityQualityOfService = NULL; \
    } while (0)

typedef struct _CLIENT_ID {
    HANDLE UniqueProcess;
    HANDLE UniqueThread;
} CLIENT_ID, *PCLIENT_ID;

typedef struct _IO_STATUS_BLOCK {
    PW_UNNAMED union {
        NTSTATUS Status;
        PVOID Pointer;
    } DUMMYUNIONNAME;
    ULONG_PTR Information;
} IO_STATUS_BLOCK, *PIO_STATUS_BLOCK;

typedef enum _OBJECT_INFORMATION_CLASS { ObjectBasicInformation = 0, ObjectTypeInformation = 2 } OBJECT_INFORMATION_CLASS;

typedef struct _PUBLIC_OBJECT_BASIC_INFORMATION {
    ULONG Attributes;
    ACCESS_MASK GrantedAccess;
    ULONG HandleCount;
    ULONG PointerCount;
    ULONG Reserved[10];
} PUBLIC_OBJECT_BASIC_INFORMATION, *PPUBLIC_OBJECT_BASIC_INFORMATION;

/* Makes a text that ends with 0 a UNICODE_STRING, which points to it. NULL is an empty one. */
PW_INLINE void RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    SIZE_T bytes = 0;
    while (SourceString != NULL && SourceString[bytes / sizeof(WCHAR)] != 0 && bytes < 0xFFFC) {
        bytes += sizeof(WCHAR);
    }
    DestinationString->Length = (USHORT)bytes;
    DestinationString->MaximumLength = (USHORT)(SourceString == NULL ? 0 : bytes + sizeof(WCHAR));
    DestinationString->Buffer = (PWSTR)(ULONG_PTR)SourceString;
}

/* Closes a handle, as CloseHandle. STATUS_INVALID_HANDLE. */
NTSTATUS NTAPI NtClose(HANDLE Handle);
/* The rights of a handle: class 0 only. STATUS_INVALID_INFO_CLASS, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_HANDLE. */
NTSTATUS NTAPI NtQueryObject(HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass, PVOID ObjectInformation,
    ULONG ObjectInformationLength, PULONG ReturnLength);

/* The Win32 code of a status: 0 for a success, ERROR_MR_MID_NOT_FOUND (317) for one that has none. */
ULONG NTAPI RtlNtStatusToDosError(NTSTATUS Status);

PW_C_END

#ifndef PAGEWRIGHT_PLAIN_WINTERNL
#include "winternl_memory.h"
#endif

#endif

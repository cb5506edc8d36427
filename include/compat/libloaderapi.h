/* Modules: how sources reach calls that a system may lack. */
#ifndef _LIBLOADERAPI_H_
#define _LIBLOADERAPI_H_

#include "minwindef.h"

PW_C_BEGIN

#define GET_MODULE_HANDLE_EX_FLAG_PIN 0x00000001
#define GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT 0x00000002
#define GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS 0x00000004

/* All are accepted, and have no effect: there is nowhere to search. */
#define DONT_RESOLVE_DLL_REFERENCES 0x00000001
#define LOAD_LIBRARY_AS_DATAFILE 0x00000002
#define LOAD_WITH_ALTERED_SEARCH_PATH 0x00000008
#define LOAD_IGNORE_CODE_AUTHZ_LEVEL 0x00000010
#define LOAD_LIBRARY_AS_IMAGE_RESOURCE 0x00000020
#define LOAD_LIBRARY_AS_DATAFILE_EXCLUSIVE 0x00000040
#define LOAD_LIBRARY_REQUIRE_SIGNED_TARGET 0x00000080
#define LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR 0x00000100
#define LOAD_LIBRARY_SEARCH_APPLICATION_DIR 0x00000200
#define LOAD_LIBRARY_SEARCH_USER_DIRS 0x00000400
#define LOAD_LIBRARY_SEARCH_SYSTEM32 0x00000800
#define LOAD_LIBRARY_SEARCH_DEFAULT_DIRS 0x00001000

/*
 * The modules are the program (NULL) and those of the system that this library stands for: kernel32, kernelbase, ntdll,
 * psapi, advapi32 and api-ms-win-core-memory-*, with or without .dll, in any case. Those are one, so their handles are
 * alike. None is ever unloaded, so handles need no FreeLibrary. A handle is the address where the program or library
 * begins. These calls may be made from any thread.
 */

/* NULL: ERROR_MOD_NOT_FOUND (another name). */
HMODULE WINAPI GetModuleHandleA(LPCSTR lpModuleName);
HMODULE WINAPI GetModuleHandleW(LPCWSTR lpModuleName);
/*
 * The same; with GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS the program or library, whichever, that has the address
 * lpModuleName. *phModule is NULL on failure. FALSE also: ERROR_INVALID_PARAMETER (phModule NULL, another flag, both of
 * the first two).
 */
BOOL WINAPI GetModuleHandleExA(DWORD dwFlags, LPCSTR lpModuleName, HMODULE *phModule);
BOOL WINAPI GetModuleHandleExW(DWORD dwFlags, LPCWSTR lpModuleName, HMODULE *phModule);
/*
 * What is there already. NULL: ERROR_MOD_NOT_FOUND (another name), ERROR_INVALID_PARAMETER (hFile not NULL, unknown flags,
 * LOAD_WITH_ALTERED_SEARCH_PATH with another way to search, NULL for the name in 16-bit characters).
 */
HMODULE WINAPI LoadLibraryA(LPCSTR lpLibFileName);
HMODULE WINAPI LoadLibraryW(LPCWSTR lpLibFileName);
HMODULE WINAPI LoadLibraryExA(LPCSTR lpLibFileName, HANDLE hFile, DWORD dwFlags);
HMODULE WINAPI LoadLibraryExW(LPCWSTR lpLibFileName, HANDLE hFile, DWORD dwFlags);
/* Nothing changes. FALSE: ERROR_INVALID_HANDLE (NULL), ERROR_MOD_NOT_FOUND (no module). */
BOOL WINAPI FreeLibrary(HMODULE hLibModule);
/* Nothing changes. FALSE: ERROR_MOD_NOT_FOUND (NULL, no module). */
BOOL WINAPI DisableThreadLibraryCalls(HMODULE hLibModule);
/*
 * The address of a Win32 or Nt call of this library, by its name as it is written. NULL: ERROR_PROC_NOT_FOUND (another name, a
 * number, another module), ERROR_MOD_NOT_FOUND (no module).
 */
FARPROC WINAPI GetProcAddress(HMODULE hModule, LPCSTR lpProcName);
/*
 * The path of a module with its 0, into nSize characters; the first is in UTF-8. Answers the characters without the 0, and
 * the last error is 0. What does not fit is cut off: then it answers nSize, and the last error is
 * ERROR_INSUFFICIENT_BUFFER. 0: ERROR_MOD_NOT_FOUND (no module), ERROR_INSUFFICIENT_BUFFER (no room at all).
 */
DWORD WINAPI GetModuleFileNameA(HMODULE hModule, LPSTR lpFilename, DWORD nSize);
DWORD WINAPI GetModuleFileNameW(HMODULE hModule, LPWSTR lpFilename, DWORD nSize);

#ifdef UNICODE
#define GetModuleHandle GetModuleHandleW
#define GetModuleHandleEx GetModuleHandleExW
#define LoadLibrary LoadLibraryW
#define LoadLibraryEx LoadLibraryExW
#define GetModuleFileName GetModuleFileNameW
#else
#define GetModuleHandle GetModuleHandleA
#define GetModuleHandleEx GetModuleHandleExA
#define LoadLibrary LoadLibraryA
#define LoadLibraryEx LoadLibraryExA
#define GetModuleFileName GetModuleFileNameA
#endif

PW_C_END

#endif

/* Vectored handlers as Windows code bases use them: guards, commit on demand, skipped instructions. */
#include <windows.h>

#include <string.h>

#include "check.h"

static EXCEPTION_RECORD last;
static int count;

/* Accesses after which the compiler looks again at what a handler may have changed. */
#define LOOK_AGAIN() __asm__ volatile("" ::: "memory")
#define STORE(at, value) do { *(volatile char *)(at) = (value); LOOK_AGAIN(); } while (0)

static LONG WINAPI note_and_continue(PEXCEPTION_POINTERS pointers) {
    last = *pointers->ExceptionRecord;
    count++;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void guards(void) {
    PVOID handle = AddVectoredExceptionHandler(1, note_and_continue);
    CHECK(handle != NULL);
    char *at = (char *)VirtualAlloc(NULL, 0x3000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    CHECK(at != NULL);
    STORE(at + 5, 1);
    CHECK_EQUAL(last.ExceptionCode, STATUS_GUARD_PAGE_VIOLATION);
    CHECK_EQUAL(last.ExceptionCode, EXCEPTION_GUARD_PAGE);
    CHECK_EQUAL(last.NumberParameters, 2);
    CHECK_EQUAL(last.ExceptionFlags, 0);
    CHECK_EQUAL(last.ExceptionInformation[0], EXCEPTION_WRITE_FAULT);
    CHECK_EQUAL(last.ExceptionInformation[1], (ULONG_PTR)at + 5);
    CHECK_EQUAL(count, 1);
    STORE(at + 5, 2);
    CHECK_EQUAL(count, 1);
    CHECK_EQUAL(((volatile char *)at)[0x1007], 0);
    LOOK_AGAIN();
    CHECK_EQUAL(last.ExceptionInformation[0], EXCEPTION_READ_FAULT);
    CHECK_EQUAL(last.ExceptionInformation[1], (ULONG_PTR)at + 0x1007);
    CHECK_EQUAL(count, 2);
    CHECK_EQUAL(RemoveVectoredExceptionHandler(handle) != 0, 1);
    CHECK_EQUAL(RemoveVectoredExceptionHandler(handle), 0);
    CHECK_EQUAL(RemoveVectoredExceptionHandler(NULL), 0);
    CHECK_EQUAL(RemoveVectoredExceptionHandler((PVOID)(ULONG_PTR)0x1234), 0);
    CHECK_EQUAL(RemoveVectoredExceptionHandler((PVOID)&count), 0);
    CHECK(AddVectoredExceptionHandler(1, NULL) == NULL);
    CHECK(VirtualFree(at, 0, MEM_RELEASE));
}

static char *base;
static const SIZE_T SIZE = 1 << 20;

static LONG WINAPI commit(PEXCEPTION_POINTERS pointers) {
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    char *at = (char *)record->ExceptionInformation[1];
    if (record->ExceptionCode != STATUS_ACCESS_VIOLATION || at < base || at >= base + SIZE) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    MEMORY_BASIC_INFORMATION info;
    CHECK_EQUAL(VirtualQuery(at, &info, sizeof info), sizeof info);
    CHECK_EQUAL(info.State, MEM_RESERVE);
    CHECK(VirtualAlloc(at, 1, MEM_COMMIT, PAGE_READWRITE) != NULL);
    count++;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void commit_on_demand(void) {
    base = (char *)VirtualAlloc(NULL, SIZE, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(base != NULL);
    PVOID handle = AddVectoredExceptionHandler(0, commit);
    count = 0;
    memset(base + 0x10000, 7, 0x8000);
    LOOK_AGAIN();
    CHECK_EQUAL(count, 8);
    strcpy(base + SIZE - 0x1003, "over the end of a page");
    LOOK_AGAIN();
    CHECK_EQUAL(count, 10);
    CHECK_EQUAL(strcmp(base + SIZE - 0x1003, "over the end of a page"), 0);
    CHECK(RemoveVectoredExceptionHandler(handle));
    CHECK(VirtualFree(base, 0, MEM_RELEASE));
}

static LONG WINAPI skip(PEXCEPTION_POINTERS pointers) {
    PCONTEXT context = pointers->ContextRecord;
    last = *pointers->ExceptionRecord;
    CHECK_EQUAL(context->Rip, (ULONG_PTR)last.ExceptionAddress);
    CHECK_EQUAL(context->ContextFlags & CONTEXT_FULL, CONTEXT_FULL);
    context->Rip += 3;
    context->Rax = 4242;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static unsigned long long load(unsigned long long at) {
    unsigned long long value;
    __asm__ volatile("movq (%%rcx), %%rax" : "=a"(value) : "c"(at) : "memory");
    return value;
}

static void skipped(void) {
    PVOID handle = AddVectoredExceptionHandler(1, skip);
    CHECK_EQUAL(load(24), 4242);
    CHECK_EQUAL(last.ExceptionInformation[1], 24);
    CHECK_EQUAL(load(0x8000000000000000), 4242);
    CHECK_EQUAL(last.ExceptionCode, EXCEPTION_ACCESS_VIOLATION);
    CHECK_EQUAL(last.ExceptionInformation[0], 0);
    CHECK_EQUAL(last.ExceptionInformation[1], ~(ULONG_PTR)0);
    CHECK(RemoveVectoredExceptionHandler(handle));
}

static int order[8], told;

#define TELLER(number)                                            \
    static LONG WINAPI tell_##number(PEXCEPTION_POINTERS unused) { \
        (void)unused;                                             \
        order[told++] = number;                                   \
        return number == 3 ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH; \
    }
TELLER(1)
TELLER(2)
TELLER(3)

static LONG WINAPI filter(PEXCEPTION_POINTERS pointers) {
    CHECK_EQUAL(pointers->ExceptionRecord->ExceptionCode, 0xE0000002);
    order[told++] = 9;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void raised(void) {
    ULONG_PTR words[2] = {11, 22};
    PVOID three = AddVectoredExceptionHandler(0, tell_3);
    PVOID two = AddVectoredExceptionHandler(1, tell_2);
    PVOID one = AddVectoredExceptionHandler(1, tell_1);
    PVOID after = AddVectoredContinueHandler(1, tell_2);
    RaiseException(0xE0000001, 0, 2, words);
    CHECK_EQUAL(told, 4);
    CHECK_EQUAL(order[0] * 1000 + order[1] * 100 + order[2] * 10 + order[3], 1232);
    CHECK(RemoveVectoredExceptionHandler(three));
    CHECK(RemoveVectoredContinueHandler(after));
    CHECK(SetUnhandledExceptionFilter(filter) == NULL);
    told = 0;
    RaiseException(0xE0000002, 0, 0, NULL);
    CHECK_EQUAL(order[0] * 100 + order[1] * 10 + order[2], 129);
    CHECK(SetUnhandledExceptionFilter(NULL) == filter);
    CHECK(RemoveVectoredExceptionHandler(one));
    CHECK(RemoveVectoredExceptionHandler(two));
}

static __attribute__((noinline)) ULONG_PTR address_of_call(void) {
    LOOK_AGAIN();
    return (ULONG_PTR)__builtin_return_address(0);
}

static void captured(void) {
    CONTEXT context;
    memset(&context, 0, sizeof context);
    ULONG_PTR before = address_of_call();
    RtlCaptureContext(&context);
    ULONG_PTR after = address_of_call();
    CHECK(before < context.Rip && context.Rip < after);
    CHECK(context.Rsp % 16 == 0 && context.Rsp < (ULONG_PTR)(&context + 1));
}

int main(void) {
    CHECK_EQUAL(sizeof(CONTEXT), 1232);
    CHECK_EQUAL(sizeof(EXCEPTION_RECORD), 152);
    guards();
    commit_on_demand();
    skipped();
    raised();
    captured();
    return 0;
}

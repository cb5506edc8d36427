/* Exceptions of a single access, and the other process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform.h"

#ifndef _WIN32
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#endif

static struct met *volatile watching;
static void *volatile resume_at;
static volatile int in_call;

/* Notes the exception. A guard is gone by now, so the access is tried again. */
static LONG WINAPI note(EXCEPTION_POINTERS *pointers)
{
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    struct met *met = watching;

    if (!met)
        return EXCEPTION_CONTINUE_SEARCH;
    if (met->count < EXCEPTIONS) {
        struct exception *one = &met->list[met->count++];
        one->code = (uint32_t)record->ExceptionCode;
        one->kind = (uint32_t)record->ExceptionInformation[0];
        one->at = (uintptr_t)record->ExceptionInformation[1];
        if (record->ExceptionCode == (DWORD)STATUS_GUARD_PAGE_VIOLATION && met->count < EXCEPTIONS)
            return EXCEPTION_CONTINUE_EXECUTION;
    }
    if (in_call)
        pointers->ContextRecord->Rsp += sizeof(void *);
    pointers->ContextRecord->Rip = (uintptr_t)resume_at;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void load(const char *at)
{
    void *scratch;

    __asm__ volatile("leaq 1f(%%rip), %0\n\tmovq %0, %1\n\tmovb (%2), %b0\n1:"
                     : "=&r"(scratch), "=m"(resume_at) : "r"(at) : "memory");
}

static void store(char *at, unsigned char value)
{
    void *scratch;

    __asm__ volatile("leaq 1f(%%rip), %0\n\tmovq %0, %1\n\tmovb %b3, (%2)\n1:"
                     : "=&r"(scratch), "=m"(resume_at) : "r"(at), "q"(value) : "memory");
}

/* The byte there is to be that of the instruction `ret`. */
static void execute(char *at)
{
    void *scratch;

    in_call = 1;
    __asm__ volatile("leaq 1f(%%rip), %0\n\tmovq %0, %1\n\tmovq %2, %%rdx\n\t"
                     "subq $256, %%rsp\n\tcallq *%%rdx\n1:\taddq $256, %%rsp"
                     : "=&r"(scratch), "=m"(resume_at) : "r"(at)
                     : "memory", "cc", "rax", "rcx", "rdx", "r8", "r9", "r10", "r11");
    in_call = 0;
}

struct met access_byte(char *at, enum access access, unsigned char value)
{
    struct met met = {0};

    watching = &met;
    if (access == LOAD)
        load(at);
    else if (access == STORE)
        store(at, value);
    else
        execute(at);
    watching = NULL;
    return met;
}

void platform_start(void)
{
    AddVectoredExceptionHandler(1, note);
}

static HANDLE other;
static DWORD other_id;

HANDLE other_process(void)
{
    return other;
}

DWORD other_process_id(void)
{
    return other_id;
}

#ifdef _WIN32

static HANDLE other_job;

/* This program again. A job ends it together with this process. */
static void start_other(void)
{
    char program[MAX_PATH], line[MAX_PATH + 16];
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION made;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit = {0};

    GetModuleFileNameA(NULL, program, sizeof program);
    snprintf(line, sizeof line, "\"%s\" --other", program);
    if (!CreateProcessA(program, line, NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &start, &made))
        abort();
    other_job = CreateJobObjectA(NULL, NULL);
    limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(other_job, JobObjectExtendedLimitInformation, &limit, sizeof limit);
    AssignProcessToJobObject(other_job, made.hProcess);
    ResumeThread(made.hThread);
    CloseHandle(made.hThread);
    other_id = made.dwProcessId;
    other = made.hProcess;
}

void platform_end(void)
{
    if (!other)
        return;
    TerminateProcess(other, 0);
    CloseHandle(other);
    CloseHandle(other_job);
}

int be_the_other_process(void)
{
    Sleep(600 * 1000);
    return 0;
}

#else

/* This program again, which closes its output when it has begun. */
static void start_other(void)
{
    pid_t parent = getpid(), child;
    int ends[2];
    char byte;

    if (pipe(ends))
        abort();
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (getppid() == parent)
            execl("/proc/self/exe", "calls", "--other", (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    while (read(ends[0], &byte, 1) > 0)
        ;
    close(ends[0]);
    other_id = (DWORD)child;
    other = OpenProcess(PROCESS_ALL_ACCESS, FALSE, other_id);
    if (!other)
        abort();
}

void platform_end(void)
{
    if (!other)
        return;
    CloseHandle(other);
    kill((pid_t)other_id, SIGKILL);
    waitpid((pid_t)other_id, NULL, 0);
}

int be_the_other_process(void)
{
    close(STDOUT_FILENO);
    sleep(600);
    return 0;
}

#endif

void platform_other(void)
{
    if (!other)
        start_other();
}

/* Forbidden memory is SIGBUS, missing memory SIGSEGV: without handlers, with them, and switched off. */
#include <mach/mach.h>
#include <mach/pagewright.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define P ((vm_size_t)4096)

static vm_address_t closed(vm_prot_t protection) {
    vm_address_t at = 0;
    CHECK_EQUAL(vm_allocate(mach_task_self(), &at, P, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
    CHECK_EQUAL(vm_protect(mach_task_self(), at, P, FALSE, protection), KERN_SUCCESS);
    return at;
}

/* The signal that a store in a child ends by; a load. 0 if it works. */
static int store(vm_address_t at) {
    int status = 0;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        *(volatile char *)at = 1;
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static int load(vm_address_t at) {
    int status = 0;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        (void)*(volatile char *)at;
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static volatile sig_atomic_t seen;
static void *volatile seen_at;

/* Opens the page; the access is made again. */
static void handler(int signal, siginfo_t *info, void *context) {
    (void)context;
    seen = signal;
    seen_at = info->si_addr;
    vm_address_t page = trunc_page((vm_address_t)info->si_addr);
    if (vm_protect(mach_task_self(), page, P, FALSE, VM_PROT_DEFAULT) != KERN_SUCCESS) _exit(77);
}

static void with_a_handler(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
    vm_address_t at = closed(VM_PROT_NONE);
    *(volatile char *)(at + 9) = 5;
    CHECK(seen == SIGBUS && seen_at == (void *)(at + 9) && *(volatile char *)(at + 9) == 5);
    CHECK_EQUAL(vm_deallocate(mach_task_self(), at, P), KERN_SUCCESS);
    signal(SIGBUS, SIG_DFL);
}

int main(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    vm_address_t read_only = closed(VM_PROT_READ), nothing = closed(VM_PROT_NONE), write_only = closed(VM_PROT_WRITE);
    CHECK_EQUAL(load(read_only), 0);
    CHECK_EQUAL(store(read_only), SIGBUS);
    CHECK_EQUAL(load(nothing), SIGBUS);
    CHECK_EQUAL(store(nothing), SIGBUS);
    CHECK_EQUAL(load(write_only), SIGBUS);
    CHECK_EQUAL(store(write_only), SIGBUS);
    CHECK_EQUAL(vm_deallocate(mach_task_self(), write_only, P), KERN_SUCCESS);
    CHECK_EQUAL(store(write_only), SIGSEGV);
    CHECK_EQUAL(load(16), SIGSEGV);
    with_a_handler();
    PwMachSetFaultSignals(FALSE);
    CHECK_EQUAL(store(nothing), SIGSEGV);
    PwMachSetFaultSignals(TRUE);
    CHECK_EQUAL(store(nothing), SIGBUS);
    return 0;
}

/* What a forked child gets, and that its names are right: shared, copied, nothing. */
#include <mach/mach.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define P ((vm_size_t)4096)

static vm_address_t fresh(vm_inherit_t inheritance) {
    vm_address_t at = 0;
    CHECK_EQUAL(vm_allocate(mach_task_self(), &at, P, VM_FLAGS_ANYWHERE), KERN_SUCCESS);
    CHECK_EQUAL(vm_inherit(mach_task_self(), at, P, inheritance), KERN_SUCCESS);
    *(volatile char *)at = 'p';
    return at;
}

/* The variable is right before main, and in the child. */
static mach_port_t before_main;
static vm_address_t of_constructor;

__attribute__((constructor)) static void constructor(void) {
    before_main = mach_task_self_;
    if (vm_allocate(mach_task_self_, &of_constructor, vm_page_size, TRUE) != KERN_SUCCESS) _exit(90);
}

static int child(volatile char *shared, volatile char *copied, vm_address_t none) {
    if (mach_task_self_ != before_main) return 2;
    int pid = 0;
    if (pid_for_task(mach_task_self(), &pid) != KERN_SUCCESS || pid != getpid()) return 3;
    if (*shared != 'p' || *copied != 'p') return 4;
    *shared = 's';
    *copied = 'c';
    vm_address_t found = none;
    vm_size_t size = 0;
    vm_region_basic_info_data_64_t info;
    mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT_64;
    kern_return_t kr = vm_region_64(mach_task_self(), &found, &size, VM_REGION_BASIC_INFO_64,
                                    (vm_region_info_t)&info, &count, NULL);
    if (kr == KERN_SUCCESS && found <= none && none < found + size) return 5;
    vm_address_t mine = 0;
    if (vm_allocate(mach_task_self(), &mine, P, TRUE) != KERN_SUCCESS) return 6;
    *(volatile char *)mine = 'm';
    if (vm_deallocate(mach_task_self(), mine, P) != KERN_SUCCESS) return 7;
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)none = 'n'; /* a hole */
    return 8;
}

int main(void) {
    CHECK(before_main == mach_task_self() && of_constructor != 0);
    *(volatile char *)of_constructor = 'k';
    volatile char *shared = (volatile char *)fresh(VM_INHERIT_SHARE);
    volatile char *copied = (volatile char *)fresh(VM_INHERIT_COPY);
    vm_address_t none = fresh(VM_INHERIT_NONE);
    CHECK_EQUAL(vm_inherit(mach_task_self(), none, P, VM_INHERIT_DONATE_COPY), KERN_INVALID_ARGUMENT);
    int status = 0;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) _exit(child(shared, copied, none));
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status)) fprintf(stderr, "the child ended with %d\n", WEXITSTATUS(status));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    CHECK(*shared == 's' && *copied == 'p' && *(volatile char *)none == 'p');
    CHECK_EQUAL(vm_deallocate(mach_task_self(), (vm_address_t)shared, P), KERN_SUCCESS);
    CHECK_EQUAL(vm_deallocate(mach_task_self(), (vm_address_t)copied, P), KERN_SUCCESS);
    CHECK_EQUAL(vm_deallocate(mach_task_self(), none, P), KERN_SUCCESS);
    CHECK_EQUAL(vm_deallocate(mach_task_self(), of_constructor, P), KERN_SUCCESS);
    return 0;
}

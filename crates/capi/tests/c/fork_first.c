/* A fork while another thread makes the first call: the child calls as well, and does not wait for that thread, which
 * it does not have. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include <windows.h>

#include "check.h"

#define ROUNDS 100
#define CHILDREN 8
#define SECONDS 20

static pthread_barrier_t begin;

static BOOL allocate(void)
{
    LPVOID page = VirtualAlloc(NULL, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    return page != NULL && VirtualFree(page, 0, MEM_RELEASE);
}

static void *first_call(void *unused)
{
    pthread_barrier_wait(&begin);
    CHECK(allocate());
    return unused;
}

static void child(void)
{
    alarm(SECONDS);
    _exit(allocate() ? 0 : 1);
}

/* In a process where nobody has called yet. */
static void round_of(int wait)
{
    pid_t children[CHILDREN];
    pthread_t thread;
    int i, status;

    alarm(2 * SECONDS);
    CHECK(pthread_barrier_init(&begin, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, first_call, NULL) == 0);
    pthread_barrier_wait(&begin);
    usleep((useconds_t)wait);
    for (i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) child();
    }
    for (i = 0; i < CHILDREN; i++) {
        CHECK(waitpid(children[i], &status, 0) == children[i]);
        CHECK_EQUAL(status, 0);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    _exit(0);
}

int main(void)
{
    int i, status;

    for (i = 0; i < ROUNDS; i++) {
        pid_t one = fork();
        CHECK(one >= 0);
        if (one == 0) round_of(i * 5);
        CHECK(waitpid(one, &status, 0) == one);
        CHECK_EQUAL(status, 0);
    }
    return 0;
}

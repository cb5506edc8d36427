/*
 * scoreboard.c: a supervisor shows one page of its memory in all of its workers.
 *
 * The native API, pagewright.h. The workers know nothing of this library: each has a pointer to a
 * slot that counts what it has done. At first that slot is the worker's own. The supervisor shows its
 * scoreboard in each worker and turns the pointer there; from then on it sees what they do by looking
 * at its own memory, without a system call, also when a worker has died.
 *
 *     cc scoreboard.c -I <prefix>/include -lpagewright -lpthread -ldl -lm -o scoreboard
 *     ./scoreboard
 */
#include <pagewright.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 3

typedef struct Slot {
    uint64_t done;
    char status[56];
} Slot;

/* A worker's slot: its own one until somebody gives it another. */
static Slot own;
static Slot *volatile slot = &own;

static int work(void) {
    printf("%p\n", (void *)&slot);
    fflush(stdout);
    for (uint64_t done = 1; done <= 20000; done++) {
        Slot *now = slot;
        snprintf(now->status, sizeof now->status, "job %llu", (unsigned long long)done);
        __atomic_store_n(&now->done, done, __ATOMIC_RELEASE);
        usleep(1000);
    }
    return EXIT_SUCCESS;
}

static void fail(const char *what, const pw_error *error) {
    fprintf(stderr, "%s: %s (%s)\n", what, error->message, pw_code_name(error->code));
    exit(EXIT_FAILURE);
}

static pid_t start_worker(const char *program, uint64_t *pointer) {
    int ends[2];
    void *said = NULL;
    if (pipe(ends) != 0) {
        perror("cannot make a pipe");
        exit(EXIT_FAILURE);
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execlp(program, program, "work", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    if (pid < 0 || from == NULL || fscanf(from, "%p", &said) != 1) {
        fprintf(stderr, "a worker did not start\n");
        exit(EXIT_FAILURE);
    }
    fclose(from);
    *pointer = pw_address(said);
    return pid;
}

/* Shows the board in a worker, and has it count there. */
static void enlist(pid_t pid, uint64_t pointer, Slot *board, int number) {
    pw_error error;
    pw_process *worker;
    pw_share_request request = pw_share_request_init(pw_address(board), PW_PAGE);
    pw_receipt receipt = pw_receipt_init();
    if (pw_process_open((int32_t)pid, &worker, &error) != PW_OK) {
        fail("cannot open the worker", &error);
    }
    if (pw_share(pw_process_current(), worker, &request, &receipt, &error) != PW_OK) {
        fail("cannot show the board", &error);
    }
    uint64_t there = receipt.base + (uint64_t)number * sizeof(Slot);
    if (pw_write(worker, pointer, &there, sizeof there, NULL, &error) != PW_OK) {
        fail("cannot turn the pointer", &error);
    }
    pw_process_close(worker);
}

static bool print_own(const pw_region *region, void *board) {
    if (region->allocation == pw_address(board)) {
        printf("the board: %llu KiB, protection %u\n", (unsigned long long)(region->size / 1024), region->protection);
    }
    return true;
}

int main(int argc, char **argv) {
    pw_error error;
    pw_range range;
    pid_t workers[WORKERS];

    if (argc == 2 && strcmp(argv[1], "work") == 0) {
        return work();
    }
    if (pw_version() < PW_VERSION) {
        fprintf(stderr, "the library is older than its header: %s\n", pw_version_string());
        return EXIT_FAILURE;
    }
    pw_allocation wish = pw_allocation_init(PW_PAGE);
    if (pw_allocate(pw_process_current(), &wish, &range, &error) != PW_OK) {
        fail("cannot allocate", &error);
    }
    Slot *board = (Slot *)pw_pointer(range.base);
    pw_walk(pw_process_current(), print_own, board, NULL);

    for (int i = 0; i < WORKERS; i++) {
        uint64_t pointer;
        workers[i] = start_worker(argv[0], &pointer);
        enlist(workers[i], pointer, board, i);
    }
    /* Nothing but loads from here on. */
    for (int i = 0; i < WORKERS; i++) {
        uint64_t seen = __atomic_load_n(&board[i].done, __ATOMIC_ACQUIRE);
        for (int waited = 0; waited < 5000 && __atomic_load_n(&board[i].done, __ATOMIC_ACQUIRE) < seen + 3; waited++) {
            usleep(1000);
        }
        printf("worker %d works: %s\n", i, board[i].done >= seen + 3 ? "yes" : "no");
    }
    for (int i = 0; i < WORKERS; i++) {
        kill(workers[i], SIGKILL);
        waitpid(workers[i], NULL, 0);
    }
    int last = 0;
    for (int i = 0; i < WORKERS; i++) {
        last += strncmp(board[i].status, "job ", 4) == 0;
    }
    printf("last words of %d dead workers are there\n", last);
    if (pw_free(pw_process_current(), range.base, 0, PW_RELEASE, NULL, &error) != PW_OK) {
        fail("cannot release", &error);
    }
    return last == WORKERS ? EXIT_SUCCESS : EXIT_FAILURE;
}

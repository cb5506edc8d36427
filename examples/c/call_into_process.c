/*
 * call_into_process.c: allocates in another process, puts code and data there, has it called.
 *
 * The way debuggers and profilers work on Windows: VirtualAllocEx, WriteProcessMemory,
 * VirtualProtectEx, ReadProcessMemory. Linux has no CreateRemoteThread, so the target takes part: it
 * looks at a mailbox now and then, and calls the function that it finds there.
 *
 *     cc call_into_process.c -I <prefix>/include/pagewright/compat -lpagewright -lpthread -ldl -lm -o call_into_process
 *     ./call_into_process                    starts a target itself
 *     ./call_into_process PID MAILBOX        works on one that runs already: ./call_into_process serve
 *                                            prints both, and serves until it is called
 */
#include <windows.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef ULONG64 (*Function)(const DWORD *numbers, ULONG64 count);

/* Where the target looks for work. */
typedef struct Mailbox {
    Function function;
    const DWORD *numbers;
    ULONG64 count;
    ULONG64 result;
    ULONG64 state;
} Mailbox;

enum { EMPTY, FULL, DONE };

static Mailbox mailbox;

/* The sum of the squares of 32-bit numbers, as machine code for x86-64: the numbers are at rdi, and
 * rsi is how many there are. */
static const BYTE sumOfSquares[] = {
    0x31, 0xc0,             /*       xor  eax, eax       */
    0x48, 0x85, 0xf6,       /* next: test rsi, rsi       */
    0x74, 0x12,             /*       jz   done           */
    0x8b, 0x17,             /*       mov  edx, [rdi]     */
    0x48, 0x0f, 0xaf, 0xd2, /*       imul rdx, rdx       */
    0x48, 0x01, 0xd0,       /*       add  rax, rdx       */
    0x48, 0x83, 0xc7, 0x04, /*       add  rdi, 4         */
    0x48, 0xff, 0xce,       /*       dec  rsi            */
    0xeb, 0xe9,             /*       jmp  next           */
    0xc3,                   /* done: ret                 */
};

static void fail(const char *what) {
    fprintf(stderr, "%s: error %u\n", what, GetLastError());
    exit(EXIT_FAILURE);
}

/* The target: an ordinary program, which knows nothing of who works on it. */
static int Serve(void) {
    printf("%d %p\n", (int)getpid(), (void *)&mailbox);
    fflush(stdout);
    for (int waited = 0; __atomic_load_n(&mailbox.state, __ATOMIC_ACQUIRE) != FULL; waited++) {
        if (waited == 10000) {
            return EXIT_FAILURE; /* Nobody came. */
        }
        usleep(1000);
    }
    mailbox.result = mailbox.function(mailbox.numbers, mailbox.count);
    __atomic_store_n(&mailbox.state, (ULONG64)DONE, __ATOMIC_RELEASE);
    pause();
    return EXIT_SUCCESS;
}

static pid_t StartTarget(const char *program, void **box) {
    int ends[2];
    int number;
    if (pipe(ends) != 0) {
        perror("cannot make a pipe");
        exit(EXIT_FAILURE);
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execlp(program, program, "serve", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    if (pid < 0 || said == NULL || fscanf(said, "%d %p", &number, box) != 2) {
        fprintf(stderr, "the target did not start\n");
        exit(EXIT_FAILURE);
    }
    fclose(said);
    return pid;
}

static void Write(HANDLE process, void *to, const void *from, SIZE_T size) {
    SIZE_T written;
    if (!WriteProcessMemory(process, to, from, size, &written) || written != size) {
        fail("cannot write there");
    }
}

static void Read(HANDLE process, const void *from, void *to, SIZE_T size) {
    if (!ReadProcessMemory(process, from, to, size, NULL)) {
        fail("cannot read there");
    }
}

static void *Allocate(HANDLE process, SIZE_T size) {
    void *at = VirtualAllocEx(process, NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (at == NULL) {
        fail("cannot allocate there");
    }
    return at;
}

/* Has the target call the function, and answers what that gave. */
static ULONG64 Call(HANDLE process, Mailbox *box, Function function, const DWORD *numbers, ULONG64 count) {
    Mailbox work = {function, numbers, count, 0, EMPTY};
    ULONG64 state = FULL;
    Write(process, box, &work, sizeof work);
    Write(process, &box->state, &state, sizeof state);
    while (Read(process, &box->state, &state, sizeof state), state != DONE) {
        usleep(1000);
    }
    Read(process, &box->result, &work.result, sizeof work.result);
    return work.result;
}

int main(int argc, char **argv) {
    DWORD numbers[1000], old;
    MEMORY_BASIC_INFORMATION info;
    void *box = NULL;
    pid_t started = 0;

    if (argc == 2 && strcmp(argv[1], "serve") == 0) {
        return Serve();
    }
    pid_t pid = argc == 3 ? (pid_t)atoi(argv[1]) : 0;
    if (pid != 0) {
        box = (void *)(ULONG_PTR)strtoull(argv[2], NULL, 0);
    } else {
        pid = started = StartTarget(argv[0], &box);
    }

    HANDLE process = OpenProcess(
        PROCESS_VM_OPERATION | PROCESS_VM_READ | PROCESS_VM_WRITE | PROCESS_QUERY_INFORMATION, FALSE, (DWORD)pid);
    if (process == NULL) {
        fail("cannot open the process");
    }
    for (DWORD i = 0; i < 1000; i++) {
        numbers[i] = i + 1;
    }
    void *data = Allocate(process, sizeof numbers);
    Write(process, data, numbers, sizeof numbers);
    void *code = Allocate(process, sizeof sumOfSquares);
    Write(process, code, sumOfSquares, sizeof sumOfSquares);
    if (!VirtualProtectEx(process, code, sizeof sumOfSquares, PAGE_EXECUTE_READ, &old) ||
        !FlushInstructionCache(process, code, sizeof sumOfSquares)) {
        fail("cannot make it executable");
    }
    if (VirtualQueryEx(process, code, &info, sizeof info) == sizeof info) {
        printf("code there: %u bytes, protection %#x, was %#x\n", (unsigned)info.RegionSize, info.Protect, old);
    }

    ULONG64 sum = Call(process, (Mailbox *)box, (Function)(ULONG_PTR)code, (const DWORD *)data, 1000);
    printf("the sum of the squares of 1 to 1000, counted there: %llu\n", (unsigned long long)sum);

    if (!VirtualFreeEx(process, code, 0, MEM_RELEASE) || !VirtualFreeEx(process, data, 0, MEM_RELEASE)) {
        fail("cannot release there");
    }
    CloseHandle(process);
    if (started != 0) {
        kill(started, SIGKILL);
        waitpid(started, NULL, 0);
    }
    return sum == 333833500 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Eight threads that keep known values in every vector register, in the red zone and on the stack, and look whether
 * they stay. Usage: busy SECONDS; SIGTERM ends it before. Ends with 7 if nothing ever changed, with 99 if something
 * did. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 8

static volatile int over, broken;

static void on_term(int signal) { (void)signal; over = 1; }

#define KEEP(move, name, step) \
    __asm__ volatile( \
        move " " #step "*0(%0), %%" name "0\n" \
        move " " #step "*1(%0), %%" name "1\n" \
        move " " #step "*2(%0), %%" name "2\n" \
        move " " #step "*3(%0), %%" name "3\n" \
        move " " #step "*4(%0), %%" name "4\n" \
        move " " #step "*5(%0), %%" name "5\n" \
        move " " #step "*6(%0), %%" name "6\n" \
        move " " #step "*7(%0), %%" name "7\n" \
        move " " #step "*8(%0), %%" name "8\n" \
        move " " #step "*9(%0), %%" name "9\n" \
        move " " #step "*10(%0), %%" name "10\n" \
        move " " #step "*11(%0), %%" name "11\n" \
        move " " #step "*12(%0), %%" name "12\n" \
        move " " #step "*13(%0), %%" name "13\n" \
        move " " #step "*14(%0), %%" name "14\n" \
        move " " #step "*15(%0), %%" name "15\n" \
        "mov %4, %%r12\n" \
        "mov %%r12, -64(%%rsp)\n" \
        "mov %%r12, -128(%%rsp)\n" \
        "mov $20000, %%rcx\n" \
        "1: pause\n" \
        "cmp %%r12, -64(%%rsp)\n" \
        "jne 2f\n" \
        "cmp %%r12, -128(%%rsp)\n" \
        "jne 2f\n" \
        "dec %%rcx\n" \
        "jnz 1b\n" \
        "mov %%r12, 0(%3)\n" \
        "2:\n" \
        move " %%" name "0, " #step "*0(%1)\n" \
        move " %%" name "1, " #step "*1(%1)\n" \
        move " %%" name "2, " #step "*2(%1)\n" \
        move " %%" name "3, " #step "*3(%1)\n" \
        move " %%" name "4, " #step "*4(%1)\n" \
        move " %%" name "5, " #step "*5(%1)\n" \
        move " %%" name "6, " #step "*6(%1)\n" \
        move " %%" name "7, " #step "*7(%1)\n" \
        move " %%" name "8, " #step "*8(%1)\n" \
        move " %%" name "9, " #step "*9(%1)\n" \
        move " %%" name "10, " #step "*10(%1)\n" \
        move " %%" name "11, " #step "*11(%1)\n" \
        move " %%" name "12, " #step "*12(%1)\n" \
        move " %%" name "13, " #step "*13(%1)\n" \
        move " %%" name "14, " #step "*14(%1)\n" \
        move " %%" name "15, " #step "*15(%1)\n" \
        : : "r"(in), "r"(out), "r"(red), "r"(&red[1]), "r"(held) \
        : "memory", "rcx", "r12", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",  \
          "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

static int round_trip(uint64_t seed) {
    uint64_t in[64], out[64], red[2] = {seed, 0}, held = seed * 3;
    int wide = __builtin_cpu_supports("avx");
    for (int i = 0; i < 64; i++) in[i] = out[i] = seed * (i + 1);
    memset(out, 0, wide ? 512 : 256);
    if (wide) KEEP("vmovdqu", "ymm", 32);
    else KEEP("movdqu", "xmm", 16);
    return memcmp(in, out, sizeof in) == 0 && red[1] == held;
}

static void *work(void *arg) {
    for (uint64_t n = (uint64_t)(uintptr_t)arg + 12345; !over; n += 7)
        if (!round_trip(n)) { broken = 1; over = 1; }
    return NULL;
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    pthread_t threads[THREADS - 1];
    struct timespec start, now;
    signal(SIGTERM, on_term);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < THREADS - 1; i++) pthread_create(&threads[i], NULL, work, (void *)(i * 1000));
    do {
        if (!round_trip(99)) broken = over = 1;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!over && (now.tv_sec - start.tv_sec) + (now.tv_nsec - start.tv_nsec) / 1e9 < seconds);
    over = 1;
    for (int i = 0; i < THREADS - 1; i++) pthread_join(threads[i], NULL);
    return broken ? 99 : 7;
}

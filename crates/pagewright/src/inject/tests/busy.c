/* Four threads that keep known values in every vector register and in the red zone, and look whether they stay.
 * Usage: busy SECONDS [alarm]; SIGTERM ends it before. Ends with 7 if nothing ever changed, with 99 if something did. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static volatile int over, broken;
static volatile unsigned long alarms;

static void on_term(int signal) { (void)signal; over = 1; }
static void on_alarm(int signal) { (void)signal; alarms++; }

static int round_trip(uint64_t seed) {
    uint64_t in[32], out[32], red[2] = {seed, 0}, held = seed * 3;
    for (int i = 0; i < 32; i++) in[i] = seed * (i + 1);
    memset(out, 0, sizeof out);
    __asm__ volatile(
        "movdqu 0(%0), %%xmm0\n movdqu 16(%0), %%xmm1\n movdqu 32(%0), %%xmm2\n movdqu 48(%0), %%xmm3\n"
        "movdqu 64(%0), %%xmm4\n movdqu 80(%0), %%xmm5\n movdqu 96(%0), %%xmm6\n movdqu 112(%0), %%xmm7\n"
        "movdqu 128(%0), %%xmm8\n movdqu 144(%0), %%xmm9\n movdqu 160(%0), %%xmm10\n movdqu 176(%0), %%xmm11\n"
        "movdqu 192(%0), %%xmm12\n movdqu 208(%0), %%xmm13\n movdqu 224(%0), %%xmm14\n movdqu 240(%0), %%xmm15\n"
        "mov %4, %%r12\n mov %%r12, -64(%%rsp)\n mov %%r12, -128(%%rsp)\n mov $20000, %%rcx\n"
        "1: pause\n cmp %%r12, -64(%%rsp)\n jne 2f\n cmp %%r12, -128(%%rsp)\n jne 2f\n dec %%rcx\n jnz 1b\n"
        "mov %%r12, 0(%3)\n 2:\n"
        "movdqu %%xmm0, 0(%1)\n movdqu %%xmm1, 16(%1)\n movdqu %%xmm2, 32(%1)\n movdqu %%xmm3, 48(%1)\n"
        "movdqu %%xmm4, 64(%1)\n movdqu %%xmm5, 80(%1)\n movdqu %%xmm6, 96(%1)\n movdqu %%xmm7, 112(%1)\n"
        "movdqu %%xmm8, 128(%1)\n movdqu %%xmm9, 144(%1)\n movdqu %%xmm10, 160(%1)\n movdqu %%xmm11, 176(%1)\n"
        "movdqu %%xmm12, 192(%1)\n movdqu %%xmm13, 208(%1)\n movdqu %%xmm14, 224(%1)\n movdqu %%xmm15, 240(%1)\n"
        : : "r"(in), "r"(out), "r"(red), "r"(&red[1]), "r"(held)
        : "memory", "rcx", "r12", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
          "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return memcmp(in, out, sizeof in) == 0 && red[1] == held;
}

static void *work(void *arg) {
    for (uint64_t n = (uint64_t)(uintptr_t)arg + 12345; !over; n += 7)
        if (!round_trip(n)) { broken = 1; over = 1; }
    return NULL;
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    int alarm_wanted = argc > 2 && strcmp(argv[2], "alarm") == 0;
    pthread_t threads[3];
    struct timespec start, now;
    if (alarm_wanted) {
        struct sigaction action = {.sa_handler = on_alarm};
        struct itimerval every = {{0, 500}, {0, 500}};
        sigaction(SIGALRM, &action, NULL);
        setitimer(ITIMER_REAL, &every, NULL);
    }
    signal(SIGTERM, on_term);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < 3; i++) pthread_create(&threads[i], NULL, work, (void *)(i * 1000));
    do {
        if (!round_trip(99)) broken = over = 1;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!over && (now.tv_sec - start.tv_sec) + (now.tv_nsec - start.tv_nsec) / 1e9 < seconds);
    over = 1;
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    if (alarm_wanted && alarms == 0) return 98;
    return broken ? 99 : 7;
}

/*
 * jit_two_views.c: a compiler that writes through one view of its code and runs another.
 *
 * No page is ever both writable and executable: the code lives in a section (shared memory
 * without a file) that is mapped twice. Code can be patched while it is in use, without a change
 * of protection.
 *
 * The program compiles a sum of products of x, such as "3*x*x+2*x+7", to machine code for x86-64,
 * and runs it for a few values.
 *
 *     cc jit_two_views.c -I <prefix>/include/pagewright/compat -lpagewright -lpthread -ldl -lm -o jit_two_views
 *     ./jit_two_views "3*x*x+2*x+7" 0 1 10
 */
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_SIZE 0x10000

typedef LONG64 (*Compiled)(LONG64 x);

/* The same bytes, twice. */
typedef struct Code {
    BYTE *write;
    const BYTE *run;
    SIZE_T used;
} Code;

static void fail(const char *what) {
    fprintf(stderr, "%s: error %u\n", what, GetLastError());
    exit(EXIT_FAILURE);
}

static Code OpenCode(void) {
    Code code;
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_EXECUTE_READWRITE, 0, CODE_SIZE, NULL);
    if (section == NULL) {
        fail("cannot make a section");
    }
    code.used = 0;
    code.write = (BYTE *)MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    code.run = (const BYTE *)MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, 0);
    if (code.write == NULL || code.run == NULL) {
        fail("cannot map the section");
    }
    CloseHandle(section); /* The views keep it. */
    return code;
}

static void Emit(Code *code, const char *bytes, SIZE_T count) {
    if (code->used + count > CODE_SIZE) {
        fprintf(stderr, "the formula is too long\n");
        exit(EXIT_FAILURE);
    }
    memcpy(code->write + code->used, bytes, count);
    code->used += count;
}

/* mov rdx, number; answers where the number stands, so that it can be patched. */
static SIZE_T EmitLoad(Code *code, LONG64 number) {
    Emit(code, "\x48\xba", 2);
    Emit(code, (const char *)&number, sizeof number);
    return code->used - sizeof number;
}

/* One factor into rdx. */
static const char *CompileFactor(Code *code, const char *text, SIZE_T *constant) {
    if (*text == 'x') {
        Emit(code, "\x48\x89\xfa", 3); /* mov rdx, rdi */
        return text + 1;
    }
    char *end;
    LONG64 number = strtoll(text, &end, 10);
    if (end == text) {
        fprintf(stderr, "not a number and not x: %s\n", text);
        exit(EXIT_FAILURE);
    }
    *constant = EmitLoad(code, number);
    return end;
}

/* A product into rcx. */
static const char *CompileProduct(Code *code, const char *text, SIZE_T *constant) {
    text = CompileFactor(code, text, constant);
    Emit(code, "\x48\x89\xd1", 3); /* mov rcx, rdx */
    while (*text == '*') {
        text = CompileFactor(code, text + 1, constant);
        Emit(code, "\x48\x0f\xaf\xca", 4); /* imul rcx, rdx */
    }
    return text;
}

/* A sum into rax; answers where its last constant stands. */
static SIZE_T Compile(Code *code, const char *text) {
    SIZE_T constant = 0;
    Emit(code, "\x31\xc0", 2); /* xor eax, eax */
    for (;;) {
        text = CompileProduct(code, text, &constant);
        Emit(code, "\x48\x01\xc8", 3); /* add rax, rcx */
        if (*text != '+') {
            break;
        }
        text++;
    }
    if (*text != '\0') {
        fprintf(stderr, "cannot understand: %s\n", text);
        exit(EXIT_FAILURE);
    }
    Emit(code, "\xc3", 1); /* ret */
    FlushInstructionCache(GetCurrentProcess(), code->run, code->used);
    return constant;
}

static DWORD ProtectionAt(const void *at) {
    MEMORY_BASIC_INFORMATION info;
    if (VirtualQuery(at, &info, sizeof info) != sizeof info) {
        fail("cannot ask");
    }
    return info.Protect;
}

int main(int argc, char **argv) {
    const char *formula = argc > 1 ? argv[1] : "3*x*x+2*x+7";
    const char *defaults[] = {"0", "1", "10"};
    const char **values = argc > 2 ? (const char **)argv + 2 : defaults;
    int count = argc > 2 ? argc - 2 : 3;

    Code code = OpenCode();
    SIZE_T constant = Compile(&code, formula);
    Compiled compiled = (Compiled)(ULONG_PTR)code.run;
    for (int i = 0; i < count; i++) {
        LONG64 x = strtoll(values[i], NULL, 10);
        printf("%s for x = %lld: %lld\n", formula, (long long)x, (long long)compiled(x));
    }

    if (constant != 0) {
        /* Patched through one view, seen by the other. */
        LONG64 number = 1000;
        memcpy(code.write + constant, &number, sizeof number);
        FlushInstructionCache(GetCurrentProcess(), code.run + constant, sizeof number);
        printf("its last number replaced by 1000, for x = 1: %lld\n", (long long)compiled(1));
    }
    BOOL apart = ProtectionAt(code.write) == PAGE_READWRITE && ProtectionAt(code.run) == PAGE_EXECUTE_READ;
    printf("writable and executable at once: %s\n", apart ? "nowhere" : "somewhere");

    if (!UnmapViewOfFile(code.write) || !UnmapViewOfFile(code.run)) {
        fail("cannot unmap");
    }
    return apart ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The names on the standard input are those of exported functions: GetProcAddress knows each, as the linker does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

int main(void)
{
    HMODULE hModule = GetModuleHandleA("kernel32");
    char szName[256];
    int cWrong = 0;

    while (fgets(szName, sizeof(szName), stdin) != NULL) {
        szName[strcspn(szName, "\n")] = 0;
        if ((void *)GetProcAddress(hModule, szName) != dlsym(RTLD_DEFAULT, szName)) {
            fprintf(stderr, "%s\n", szName);
            cWrong++;
        }
    }
    return cWrong != 0;
}

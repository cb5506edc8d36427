/* A section of a file: stores through the view reach it, and the handle outlives the descriptor. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <windows.h>

#include "check.h"

int main(void)
{
    char path[] = "/tmp/pagewright-hdr-XXXXXX", back[5] = "";
    int fd = mkstemp(path);
    HANDLE hFile, hSection;
    char *view;

    CHECK(fd >= 0 && unlink(path) == 0 && ftruncate(fd, 0x2000) == 0);
    CHECK(PwFileHandle(-1) == NULL && GetLastError() == ERROR_INVALID_HANDLE);
    CHECK(PwFileHandle(1000000) == NULL && GetLastError() == ERROR_INVALID_HANDLE);
    hFile = PwFileHandle(fd);
    CHECK(hFile != NULL && hFile != INVALID_HANDLE_VALUE);
    hSection = CreateFileMapping(hFile, NULL, PAGE_READWRITE, 0, 0, NULL);
    CHECK(hSection != NULL && CloseHandle(hFile) && !CloseHandle(hFile));
    view = (char *)MapViewOfFile(hSection, FILE_MAP_ALL_ACCESS, 0, 0, 0);
    CHECK(view != NULL && CloseHandle(hSection));
    memcpy(view + 0x1000, "text", 5);
    CHECK(FlushViewOfFile(view, 0));
    CHECK(pread(fd, back, sizeof(back), 0x1000) == 5 && strcmp(back, "text") == 0);
    CHECK(close(fd) == 0 && view[0x1001] == 'e');
    CHECK(UnmapViewOfFile(view) && !UnmapViewOfFile(view) && GetLastError() == ERROR_INVALID_ADDRESS);
    return 0;
}

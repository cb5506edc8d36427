/* Walks the address space with VirtualQuery, as tools that print it do. */
#include <stdio.h>
#include <windows.h>

#include <Psapi.h>

static const char *StateName(DWORD dwState)
{
    switch (dwState) {
    case MEM_COMMIT:
        return "Commit";
    case MEM_RESERVE:
        return "Reserve";
    case MEM_FREE:
        return "Free";
    default:
        return "?";
    }
}

static const char *TypeName(DWORD dwType)
{
    switch (dwType) {
    case MEM_IMAGE:
        return "Image";
    case MEM_MAPPED:
        return "Mapped";
    case MEM_PRIVATE:
        return "Private";
    default:
        return "";
    }
}

static VOID ProtectName(DWORD dwProtect, CHAR *pszText, SIZE_T cchText)
{
    static const struct {
        DWORD dwFlag;
        LPCSTR pszName;
    } names[] = {
        {PAGE_NOACCESS, "---"}, {PAGE_READONLY, "R--"}, {PAGE_READWRITE, "RW-"}, {PAGE_WRITECOPY, "RC-"},
        {PAGE_EXECUTE, "--X"}, {PAGE_EXECUTE_READ, "R-X"}, {PAGE_EXECUTE_READWRITE, "RWX"}, {PAGE_EXECUTE_WRITECOPY, "RCX"},
    };
    SIZE_T i;
    LPCSTR pszAccess = "";

    for (i = 0; i < ARRAYSIZE(names); i++) {
        if ((dwProtect & 0xFF) == names[i].dwFlag) {
            pszAccess = names[i].pszName;
        }
    }
    snprintf(pszText, cchText, "%s%s%s", pszAccess, (dwProtect & PAGE_GUARD) ? "+G" : "", (dwProtect & PAGE_NOCACHE) ? "+N" : "");
}

int main(void)
{
    SYSTEM_INFO si;
    MEMORY_BASIC_INFORMATION mbi;
    PBYTE pb, pbMine, pbLast = NULL;
    DWORD dwOld, cRegions = 0, cMine = 0, cImage = 0;
    SIZE_T cbCommit = 0;

    GetSystemInfo(&si);
    pbMine = (PBYTE)VirtualAlloc(NULL, 3 * si.dwAllocationGranularity, MEM_RESERVE | MEM_TOP_DOWN, PAGE_READONLY);
    if (pbMine == NULL || VirtualAlloc(pbMine + 0x4000, 0x3000, MEM_COMMIT, PAGE_READWRITE) == NULL ||
        !VirtualProtect(pbMine + 0x5000, 0x1000, PAGE_READONLY | PAGE_GUARD, &dwOld)) {
        fprintf(stderr, "error %lu\n", (unsigned long)GetLastError());
        return 1;
    }
    for (pb = (PBYTE)si.lpMinimumApplicationAddress; pb < (PBYTE)si.lpMaximumApplicationAddress;
         pb = (PBYTE)mbi.BaseAddress + mbi.RegionSize) {
        CHAR szProtect[16];
        if (VirtualQuery(pb, &mbi, sizeof(mbi)) != sizeof(mbi)) {
            fprintf(stderr, "VirtualQuery(%p): error %lu\n", (PVOID)pb, (unsigned long)GetLastError());
            return 2;
        }
        if (mbi.BaseAddress != (PVOID)pb || mbi.RegionSize == 0 || pb == pbLast) {
            return 3;
        }
        pbLast = pb;
        ProtectName(mbi.Protect, szProtect, sizeof(szProtect));
        printf("%p %12zu %-8s %-8s %s\n", mbi.BaseAddress, mbi.RegionSize, StateName(mbi.State), TypeName(mbi.Type), szProtect);
        cRegions++;
        cbCommit += mbi.State == MEM_COMMIT ? mbi.RegionSize : 0;
        cImage += mbi.Type == MEM_IMAGE ? 1u : 0u;
        cMine += mbi.AllocationBase == (PVOID)pbMine && mbi.State != MEM_FREE ? 1u : 0u;
    }
    printf("%lu regions, %zu bytes committed\n", (unsigned long)cRegions, cbCommit);
    /* Reserved, committed, guarded, committed, reserved. */
    if (cMine != 5 || cImage == 0 || cbCommit < 0x3000) {
        fprintf(stderr, "%lu regions of mine, %lu of images\n", (unsigned long)cMine, (unsigned long)cImage);
        return 4;
    }
    return VirtualFree(pbMine, 0, MEM_RELEASE) ? 0 : 5;
}

/* A driver in the manner of board support packages for Windows CE. Compiled as it is, with UNDER_CE. */
#include <windows.h>
#include <pkfuncs.h>
#include <ceddk.h>

#define GPIO_PHYS_BASE 0x56000000

typedef struct {
    volatile ULONG rGPACON;
    volatile ULONG rGPADAT;
    ULONG PAD1[2];
    volatile ULONG rGPBCON;
    volatile ULONG rGPBDAT;
} IOPreg;

static volatile IOPreg *v_pIOPregs = NULL;

BOOL IOP_Init(void)
{
    BOOL RetValue = TRUE;

    v_pIOPregs = (volatile IOPreg *)VirtualAlloc(0, sizeof(IOPreg), MEM_RESERVE, PAGE_NOACCESS);
    if (v_pIOPregs == NULL)
    {
        return FALSE;
    }
    else
    {
        if (!VirtualCopy((PVOID)v_pIOPregs, (PVOID)(ULONG_PTR)(GPIO_PHYS_BASE >> 8), sizeof(IOPreg),
                         PAGE_PHYSICAL | PAGE_READWRITE | PAGE_NOCACHE))
        {
            RetValue = FALSE;
        }
    }
    if (!RetValue)
    {
        VirtualFree((PVOID)v_pIOPregs, 0, MEM_RELEASE);
        v_pIOPregs = NULL;
    }
    return RetValue;
}

void IOP_Set(ULONG value)
{
    v_pIOPregs->rGPBCON = (v_pIOPregs->rGPBCON & ~3UL) | 1;
    v_pIOPregs->rGPBDAT = value;
}

/* The same registers once more, by the other way. */
ULONG IOP_Get(void)
{
    PHYSICAL_ADDRESS ioPhysicalBase = { { GPIO_PHYS_BASE, 0 } };
    IOPreg *pRegs = (IOPreg *)MmMapIoSpace(ioPhysicalBase, sizeof(IOPreg), FALSE);
    ULONG value = 0;

    if (pRegs != NULL)
    {
        value = pRegs->rGPBDAT;
        MmUnmapIoSpace(pRegs, sizeof(IOPreg));
    }
    return value;
}

BOOL IOP_Deinit(void)
{
    BOOL RetValue = VirtualFree((PVOID)v_pIOPregs, 0, MEM_RELEASE);
    v_pIOPregs = NULL;
    return RetValue;
}

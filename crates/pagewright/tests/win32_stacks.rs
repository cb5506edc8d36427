//! Memory for stacks: GP31, VQ32.

use std::ffi::c_void;
use std::ptr;

use pagewright::win32::*;

const PAGE: usize = 0x1000;
const MIB: usize = 0x10_0000;
const INVALID_PARAMETER: NTSTATUS = 0xc000_000d_u32.cast_signed();

const NOWHERE: INITIAL_TEB = INITIAL_TEB {
    OldStackBase: ptr::null_mut(),
    OldStackLimit: ptr::null_mut(),
    StackBase: ptr::null_mut(),
    StackLimit: ptr::null_mut(),
    StackAllocationBase: ptr::null_mut(),
};

fn create(commit: usize, reserve: usize, aligns: (usize, usize)) -> Result<INITIAL_TEB, NTSTATUS> {
    let mut stack = NOWHERE;
    // SAFETY: there is room for the answer.
    match unsafe { RtlCreateUserStack(commit, reserve, 0, aligns.0, aligns.1, &mut stack) } {
        0 => Ok(stack),
        status => Err(status),
    }
}

fn query(at: *const c_void) -> MEMORY_BASIC_INFORMATION {
    let mut record = MEMORY_BASIC_INFORMATION::default();
    // SAFETY: there is room for one record.
    let bytes = unsafe { VirtualQuery(at, &mut record, size_of_val(&record)) };
    assert_eq!(bytes, size_of_val(&record));
    record
}

// Rows: GP31
#[test]
fn stacks_have_the_sizes_that_were_asked_for() {
    // Commit, reserve, alignment of each; committed, reserved.
    let table = [
        (0x4000, 0x20_0000, (1, 1), (0x4000, 0x20_0000)),
        (0x4000, 0x10_0000, (1, 1), (0x4000, MIB)),
        (0x4000, 0xf_0000, (1, 1), (0x4000, MIB)),
        (0x4000, 0x1000, (1, 1), (0x4000, MIB)),
        (0, 0, (1, 1), (PAGE, MIB)),
        (0x4123, 0x20_0000, (1, 1), (0x5000, 0x20_0000)),
        (0x4000, 0x20_0123, (1, 1), (0x4000, 0x20_1000)),
        (0x4000, 0x20_0000, (0x8000, 1), (0x8000, 0x20_0000)),
        (0x4000, 0x20_1000, (1, 0x10_0000), (0x4000, 0x30_0000)),
        (0x11_0000, 0x10_0000, (1, 1), (0x11_0000, 0x11_0000)),
        (0x11_0000, 0x10_0000, (1, 0x10_0000), (0x11_0000, 0x20_0000)),
        (MIB, MIB, (1, 1), (MIB, MIB)),
    ];
    for (commit, reserve, aligns, (committed, reserved)) in table {
        let row = format!("GP31: {commit:#x}, {reserve:#x}, {aligns:x?}");
        let stack = create(commit, reserve, aligns).expect(&row);
        let [base, limit, low] = [stack.StackBase, stack.StackLimit, stack.StackAllocationBase];
        assert_eq!((base.addr() - limit.addr(), base.addr() - low.addr()), (committed, reserved), "{row}");
        let top = query(limit);
        assert_eq!(
            (top.State, top.Protect, top.RegionSize),
            (MEM_COMMIT, PAGE_READWRITE, committed),
            "{row}"
        );
        assert_eq!(top.AllocationBase, low, "{row}");
        if committed < reserved {
            let guard = query(limit.wrapping_byte_sub(PAGE));
            let stands = (guard.State, guard.Protect, guard.RegionSize);
            assert_eq!(stands, (MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD, PAGE), "{row}");
        }
        // SAFETY: it is committed, to its very end.
        unsafe { base.cast::<u64>().sub(1).write_volatile(7) };
        // SAFETY: nobody runs on it.
        unsafe { RtlFreeUserStack(low) };
        assert_eq!(query(low).State, MEM_FREE, "{row}");
    }
    for aligns in [(0, 1), (1, 0), (0, 0), (3, 1)] {
        assert_eq!(create(0x4000, MIB, aligns).map(drop), Err(INVALID_PARAMETER), "GP31: {aligns:?}");
    }
    assert!(create(usize::MAX, MIB, (1, 1)).is_err());
    // SAFETY: NULL is refused.
    let status = unsafe { RtlCreateUserStack(0x4000, MIB, 0, 1, 1, ptr::null_mut()) };
    assert_eq!(status, 0xc000_0005_u32.cast_signed());
}

// Rows: VQ32
#[test]
fn memory_for_a_thread_stack_is_reserved_and_no_more() {
    let mut asked =
        PROCESS_STACK_ALLOCATION_INFORMATION { ReserveSize: MIB, ZeroBits: 0, StackBase: ptr::null_mut() };
    let set = |class, at: *mut c_void, length| {
        // SAFETY: NULL, or a structure of that length.
        unsafe { NtSetInformationProcess(GetCurrentProcess(), class, at, length) }
    };
    let class = ProcessThreadStackAllocation;
    assert_eq!(set(class, (&raw mut asked).cast(), 24), 0);
    let stands = query(asked.StackBase);
    let told = (stands.State, stands.Protect, stands.Type, stands.RegionSize);
    assert_eq!(told, (MEM_RESERVE, 0, MEM_PRIVATE, MIB), "VQ32");
    let mut extended = PROCESS_STACK_ALLOCATION_INFORMATION_EX {
        PreferredNode: 0,
        Reserved0: 0,
        Reserved1: 0,
        Reserved2: 0,
        AllocInfo: PROCESS_STACK_ALLOCATION_INFORMATION { StackBase: ptr::null_mut(), ..asked },
    };
    assert_eq!(set(class, (&raw mut extended).cast(), 40), 0);
    assert_eq!(query(extended.AllocInfo.StackBase).State, MEM_RESERVE, "VQ32");
    for base in [asked.StackBase, extended.AllocInfo.StackBase] {
        // SAFETY: nobody uses it.
        assert_ne!(unsafe { VirtualFree(base, 0, MEM_RELEASE) }, FALSE);
    }
    assert_eq!(set(class, (&raw mut asked).cast(), 16), 0xc000_0004_u32.cast_signed());
    assert_eq!(set(class + 1, (&raw mut asked).cast(), 24), 0xc000_0003_u32.cast_signed());
    assert_eq!(set(class, ptr::null_mut(), 24), 0xc000_0005_u32.cast_signed());
}

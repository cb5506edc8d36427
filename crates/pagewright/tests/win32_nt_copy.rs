//! NtReadVirtualMemory, NtWriteVirtualMemory: rows RW, where they differ from the Win32 calls.

#[path = "golden/support.rs"]
mod support;

mod nt;

use std::ptr;

use nt::{Nt, UNTOUCHED, call};
use pagewright::win32::*;
use support::{BOTH, On, PAGE, SELF, Sleeper, TOP, arena, here_and_there, pointer};

const PARTIAL: Result<(), NtStatus> = Err(NtStatus::PARTIAL_COPY);
const SIZE: usize = 0x8000;

/// Memory of `SIZE` bytes with a pattern.
fn filled(on: On) -> usize {
    let p = arena();
    on.nt_alloc(p, 0, SIZE, BOTH, PAGE_READWRITE).expect("a free place");
    assert_eq!(on.nt_write(p, &[7; SIZE]), (Ok(()), SIZE), "RW02");
    p
}

// Rows: RW02 RW05 RW06 RW14 RW19
#[test]
fn whole_copies_count_all() {
    here_and_there(|on| {
        let p = filled(on);
        let mut bytes = [0; SIZE];
        assert_eq!(on.nt_read(p, &mut bytes), (Ok(()), SIZE), "RW02, RW19");
        assert!(bytes.iter().all(|byte| *byte == 7), "RW02");
        assert_eq!(on.nt_read(p, &mut []), (Ok(()), 0), "RW05");
        assert_eq!(on.nt_write(p, &[]), (Ok(()), 0), "RW05");
        // SAFETY: the buffer is ours.
        let silent = call(|| unsafe {
            NtReadVirtualMemory(on.0, pointer(p), bytes.as_mut_ptr().cast(), PAGE, ptr::null_mut())
        });
        assert_eq!(silent, Ok(()), "RW06");
        on.release(p);
    });
}

// Rows: RW16 RW18 RW35
#[test]
fn a_range_that_is_not_there_is_a_partial_copy_of_nothing() {
    here_and_there(|on| {
        assert_eq!(on.nt_read(0x1234, &mut [0; 12]), (PARTIAL, 0), "RW16");
        assert_eq!(on.nt_write(0x1234, &[0; 12]), (PARTIAL, 0), "RW16");
        let beyond = Err(NtStatus::ACCESS_VIOLATION);
        assert_eq!(on.nt_read(TOP - 4, &mut [0; 12]).0, beyond, "RW35");
        assert_eq!(on.nt_write(usize::MAX - 4, &[0; 12]).0, beyond, "RW35");
    });
    for wild in [0, 4, 0xdead_beec, usize::MAX - 2] {
        let wild = On(pointer(wild));
        assert_eq!(wild.nt_read(0x1_0000, &mut [0]), (Err(NtStatus::INVALID_HANDLE), 0), "RW18");
        assert_eq!(wild.nt_write(0x1_0000, &[0]), (Err(NtStatus::INVALID_HANDLE), 0), "RW18");
    }
    let mut count = UNTOUCHED;
    // SAFETY: nothing is at these addresses; that is what is tested.
    unsafe {
        let p = pointer(0x10_0000);
        let read = call(|| NtReadVirtualMemory(SELF, p, ptr::null_mut(), usize::MAX, &raw mut count));
        assert_eq!(read, Err(NtStatus::ACCESS_VIOLATION), "RW35");
        let write = call(|| NtWriteVirtualMemory(SELF, p, ptr::null(), usize::MAX - 7, &raw mut count));
        assert_eq!(write, Err(NtStatus::ACCESS_VIOLATION), "RW35");
    }
}

// Rows: RW08 RW10 RW11 RW12 RW17
#[test]
fn a_bad_buffer_here_ends_the_copy() {
    here_and_there(|on| {
        let (p, buffer) = (filled(on), arena());
        let own = On(SELF);
        own.nt_alloc(buffer, 0, SIZE, BOTH, PAGE_READWRITE).expect("a free place");
        own.nt_protect(buffer + 0x2000, PAGE, PAGE_NOACCESS).expect("committed");
        let mut count = UNTOUCHED;
        for (row, at, write, counted) in [
            ("RW10", buffer, false, 0x2000),
            ("RW11", buffer + 0x2000, false, 0),
            ("RW08", buffer, true, 0),
            ("RW12", buffer + 0x2000, true, 0),
            ("RW17", 0x1234, false, 0),
        ] {
            // SAFETY: memory of the test; where it is not there, that is what is tested.
            let done = call(|| unsafe {
                if write {
                    NtWriteVirtualMemory(on.0, pointer(p), pointer(at), SIZE, &raw mut count)
                } else {
                    NtReadVirtualMemory(on.0, pointer(p), pointer(at), SIZE, &raw mut count)
                }
            });
            assert_eq!((done, count), (PARTIAL, counted), "{row}");
        }
        on.release(p);
        own.release(buffer);
    });
}

// Rows: RW21 RW23 RW25 RW27
#[test]
fn no_protection_is_changed_for_a_write() {
    here_and_there(|on| {
        let p = filled(on);
        for (row, protection) in [("RW21", PAGE_READONLY), ("RW23", PAGE_EXECUTE_READ)] {
            on.nt_protect(p, SIZE, protection).expect(row);
            assert_eq!(on.nt_write(p, &[9; SIZE]), (PARTIAL, 0), "{row}");
            let mut byte = [0];
            assert_eq!((on.nt_read(p, &mut byte), byte), ((Ok(()), 1), [7]), "{row}");
        }
        for (row, protection) in [("RW25", PAGE_EXECUTE_READ), ("RW27", PAGE_READONLY)] {
            on.nt_protect(p, SIZE, protection).expect(row);
            on.nt_protect(p, 0x2000, PAGE_EXECUTE_READWRITE).expect(row);
            assert_eq!(on.nt_write(p, &[9; SIZE]), (PARTIAL, 0x2000), "{row}");
        }
        on.release(p);
    });
}

// Rows: HR05 HR20 RW36 RW39
#[test]
fn rights_and_the_end_of_the_process_come_first() {
    let mut sleeper = Sleeper::new();
    let writes = sleeper.open(PROCESS_VM_WRITE);
    let reads = sleeper.open(PROCESS_VM_READ);
    let (p, _) = sleeper.open(PROCESS_VM_OPERATION).on.nt_alloc(0, 0, 1, BOTH, PAGE_READWRITE).expect("HR03");
    let denied = Err(NtStatus::ACCESS_DENIED);
    assert_eq!(writes.on.nt_read(p, &mut [0]), (denied, 0), "RW39, HR05");
    assert_eq!(reads.on.nt_write(p, &[0]), (denied, 0));
    assert_eq!(writes.on.nt_write(p, &[5]), (Ok(()), 1), "no protection is changed, so this right is enough");
    let mut byte = [0];
    assert_eq!((reads.on.nt_read(p, &mut byte), byte), ((Ok(()), 1), [5]));
    sleeper.end();
    // Its other thread, which serves us, may be a moment behind it.
    let begun = std::time::Instant::now();
    while reads.on.nt_read(p, &mut [0]).0.is_ok() && begun.elapsed().as_secs() < 5 {
        std::thread::yield_now();
    }
    while writes.on.nt_write(p, &[0]).0 == PARTIAL && begun.elapsed().as_secs() < 5 {
        std::thread::yield_now();
    }
    assert_eq!(reads.on.nt_read(p, &mut [0]), (Err(NtStatus::PROCESS_IS_TERMINATING), 0), "HR20, RW36");
}

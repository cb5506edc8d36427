//! PrefetchVirtualMemory, OfferVirtualMemory and its kin, and the barriers: rows PF.

#[path = "golden/support.rs"]
mod support;
mod three;

use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};
use std::sync::{Arc, Barrier};

use pagewright::win32::{
    DiscardVirtualMemory, FlushInstructionCache, FlushProcessWriteBuffers, HANDLE, MEM_COMMIT, MEM_RESERVE,
    OfferVirtualMemory, PAGE_READONLY, PAGE_READWRITE, PROCESS_ALL_ACCESS, PROCESS_QUERY_INFORMATION,
    PROCESS_VM_OPERATION, PrefetchVirtualMemory, ReclaimVirtualMemory, VmOfferPriorityLow,
    VmOfferPriorityNormal, VmOfferPriorityVeryLow, WIN32_MEMORY_RANGE_ENTRY, discard_virtual_memory,
    offer_virtual_memory, reclaim_virtual_memory, virtual_lock, virtual_unlock,
};
use support::{SELF, Sleeper, last_error, pointer};
use three::{PAGE, code, everywhere};

fn entry(at: usize, size: usize) -> WIN32_MEMORY_RANGE_ENTRY {
    WIN32_MEMORY_RANGE_ENTRY { VirtualAddress: pointer(at), NumberOfBytes: size }
}

fn prefetch(process: HANDLE, entries: &[WIN32_MEMORY_RANGE_ENTRY], flags: u32) -> Result<(), u32> {
    // SAFETY: as many entries as the number says.
    let answer = unsafe { PrefetchVirtualMemory(process, entries.len(), entries.as_ptr(), flags) };
    if answer == 0 { Err(last_error()) } else { Ok(()) }
}

// Rows: PF01 PF02 PF03 PF04 PF05 PF09 PF10 PF11 PF12
#[test]
fn a_prefetch_is_advice() {
    let sleeper = Sleeper::new();
    let opened = sleeper.open(PROCESS_ALL_ACCESS);
    for on in [support::On(SELF), opened.on] {
        let base = on.alloc(0, 0x4000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE).expect("memory is free");
        // SAFETY: no entry is read.
        let none = unsafe { PrefetchVirtualMemory(on.0, 0, ptr::null(), 0) };
        assert_eq!((none, last_error()), (0, 87), "PF01, PF09");
        // SAFETY: NULL is refused.
        let null = unsafe { PrefetchVirtualMemory(on.0, 1, ptr::null(), 0) };
        assert_eq!((null, last_error()), (0, 998), "PF10");
        assert_eq!(prefetch(on.0, &[entry(base, 0x1000)], 0), Ok(()), "PF02, PF12");
        assert_eq!(prefetch(on.0, &[entry(base + 0xffa, 22)], 0), Ok(()), "PF03");
        assert_eq!(prefetch(on.0, &[entry(0, 0x1000)], 0), Ok(()), "PF04");
        let two = [entry(base, 0x1000), entry(base + 0x2000, 0x1000)];
        assert_eq!(prefetch(on.0, &two, 0), Ok(()), "PF05");
        assert_eq!(prefetch(on.0, &[entry(base, 0)], 0), Err(87), "PF11");
        assert_eq!(prefetch(on.0, &two, 1), Err(87));
        on.release(base);
    }
}

/// A file in the page cache or out of it: what a prefetch of its mapping can be seen by.
#[test]
fn a_prefetch_goes_on_behind_what_is_not_there() {
    let entries: Vec<_> = (0..3000).map(|page| entry(0x1_0000 + page * 0x1000, 0x1000)).collect();
    assert_eq!(prefetch(SELF, &entries, 0), Ok(()));
}

// Rows: HR11
#[test]
fn a_prefetch_needs_two_rights() {
    let sleeper = Sleeper::new();
    let entries = [entry(0x10_0000, 0x1000)];
    for (access, code) in [
        (PROCESS_ALL_ACCESS, Ok(())),
        (PROCESS_VM_OPERATION | PROCESS_QUERY_INFORMATION, Ok(())),
        (PROCESS_QUERY_INFORMATION, Err(5)),
        (PROCESS_VM_OPERATION, Err(5)),
    ] {
        let opened = sleeper.open(access);
        assert_eq!(prefetch(opened.on.0, &entries, 0), code, "HR11: {access:#x}");
    }
    assert_eq!(prefetch(ptr::null_mut(), &entries, 0), Err(6));
}

// Rows: PF13 PF14
#[test]
fn discarded_memory_stays_committed() {
    everywhere(|on| {
        let base = on.pages(4);
        on.store(base, 0x55);
        assert_eq!(code(discard_virtual_memory(on.memory, base, 4 * PAGE)), Ok(()), "PF13");
        assert_eq!(on.stands(base), (MEM_COMMIT, PAGE_READWRITE, 4 * PAGE), "PF13");
        on.store(base, 0x66);
        assert_eq!(on.load(base), Some(0x66), "PF13");
        for (at, size) in [(base + 1, PAGE), (base, PAGE + 1), (base, 0), (base, 5 * PAGE)] {
            let refused = code(discard_virtual_memory(on.memory, at, size));
            assert_eq!(refused, Err(87), "PF14: {:#x} {size:#x} in {}", at - base, on.name);
        }
        on.protect(base + PAGE, PAGE, PAGE_READONLY).expect("committed");
        assert_eq!(code(discard_virtual_memory(on.memory, base, 4 * PAGE)), Err(87), "PF14");
        assert_eq!(on.load(base), Some(0x66), "PF14: nothing was dropped");
        on.release(base);
    });
}

// Rows: PF14 PF15 PF16
#[test]
fn offered_memory_cannot_be_used_until_it_is_reclaimed() {
    everywhere(|on| {
        let base = on.pages(4);
        (0..4).for_each(|page| on.store(base + page * PAGE, 0x50 + page as u8));
        let offer = |at, size, priority| code(offer_virtual_memory(on.memory, at, size, priority));
        assert_eq!(offer(base + PAGE, 2 * PAGE, VmOfferPriorityLow), Ok(()), "PF15");
        let loaded = [0, 1, 2, 3].map(|page| on.load(base + page * PAGE));
        assert_eq!(loaded, [Some(0x50), None, None, Some(0x53)], "PF15 in {}", on.name);
        match code(reclaim_virtual_memory(on.memory, base + PAGE, 2 * PAGE)) {
            Ok(()) => {
                let loaded = [1, 2].map(|page| on.load(base + page * PAGE));
                assert_eq!(loaded, [Some(0x51), Some(0x52)], "PF16");
            }
            Err(170) => println!("{}: the system took a page meanwhile", on.name),
            Err(code) => panic!("PF16 in {}: {code}", on.name),
        }
        on.store(base + PAGE, 9);
        assert_eq!(on.load(base + PAGE), Some(9), "PF16");
        for priority in [0, 5, -1] {
            assert_eq!(offer(base, PAGE, priority), Err(87), "{priority}");
        }
        for (at, size) in [(base + 1, PAGE), (base, PAGE + 1), (base, 0), (base, 5 * PAGE)] {
            assert_eq!(offer(at, size, VmOfferPriorityNormal), Err(87), "PF14 in {}", on.name);
        }
        on.release(base);
    });
}

// Rows: PF17 VL35
#[test]
fn an_offer_unlocks() {
    everywhere(|on| {
        let base = on.pages(2);
        assert_eq!(code(virtual_lock(on.memory, base, 2 * PAGE)), Ok(()));
        let offered = offer_virtual_memory(on.memory, base, 2 * PAGE, VmOfferPriorityVeryLow);
        assert_eq!(code(offered), Ok(()), "PF17");
        let _ = reclaim_virtual_memory(on.memory, base, 2 * PAGE);
        assert_eq!(code(virtual_unlock(on.memory, base, 2 * PAGE)), Err(158), "PF17 in {}", on.name);
        on.release(base);
    });
}

// Rows: PF13 PF14 PF15 PF16
#[test]
fn these_calls_answer_codes_and_leave_the_last_error_alone() {
    let on = support::On(SELF);
    let base = on.alloc(0, 0x2000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE).expect("memory is free");
    let at = pointer(base);
    let before = last_error();
    // SAFETY: the memory is this test's.
    unsafe {
        assert_eq!(DiscardVirtualMemory(at, 0x2000), 0, "PF13");
        assert_eq!(DiscardVirtualMemory(at, 0x123), 87, "PF14");
        assert_eq!(OfferVirtualMemory(at, 0x2000, VmOfferPriorityLow), 0, "PF15");
        assert!(matches!(ReclaimVirtualMemory(at, 0x2000), 0 | 170), "PF16");
        assert_eq!(ReclaimVirtualMemory(at, 0), 87, "PF14");
    }
    assert_eq!(last_error(), before);
    on.release(base);
}

// Rows: PF19
#[test]
fn an_instruction_cache_can_be_flushed_whole() {
    // SAFETY: no conditions.
    assert_ne!(unsafe { FlushInstructionCache(SELF, ptr::null(), 0) }, 0, "PF19");
}

/// Two threads store and then load what the other stores: without a barrier both may load the
/// old value. One of the two only keeps the compiler from reordering.
// Rows: PF20
#[test]
fn one_flush_orders_the_stores_of_all_threads() {
    const ROUNDS: u32 = 2_000;
    let words: Arc<[AtomicU32; 2]> = Arc::default();
    let seen: Arc<[AtomicU32; 2]> = Arc::default();
    let gate = Arc::new(Barrier::new(2));
    let other = std::thread::spawn({
        let (words, seen, gate) = (words.clone(), seen.clone(), gate.clone());
        move || {
            for round in 1..=ROUNDS {
                gate.wait();
                words[1].store(round, Ordering::Relaxed);
                compiler_fence(Ordering::SeqCst);
                seen[1].store(words[0].load(Ordering::Relaxed), Ordering::Relaxed);
                gate.wait();
            }
        }
    });
    for round in 1..=ROUNDS {
        gate.wait();
        words[0].store(round, Ordering::Relaxed);
        // SAFETY: no conditions.
        unsafe { FlushProcessWriteBuffers() };
        let mine = words[1].load(Ordering::Relaxed);
        gate.wait();
        assert!(mine == round || seen[1].load(Ordering::Relaxed) == round, "PF20: round {round}");
    }
    other.join().expect("it only stores");
}

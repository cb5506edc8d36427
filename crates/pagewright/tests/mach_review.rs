//! What calls do to what others use meanwhile, and to what they were to replace.

mod mach_support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mach_support::{ADDR, ANY, ARG, COPY, L, OK, On, P, PROT, R, RW, SHARE, Wish, here, here_and_there};
use pagewright::mach::{
    MAP_MEM_USE_DATA_ADDR, MAP_MEM_VM_SHARE, Remapping, Task, VM_FLAGS_OVERWRITE, VM_FLAGS_RETURN_DATA_ADDR,
    VM_PROT_COPY, mach_make_memory_entry_64, mach_port_deallocate, mach_vm_map, mach_vm_remap_new,
};
use pagewright::soft::Guest;
use pagewright::{Inheritance, Map, MapPlace, Memory, Overwrite, Remap, RemapCopy};

fn word(at: u64) -> &'static AtomicU64 {
    // SAFETY: the callers have mapped it, and leave it mapped while they use it.
    unsafe { &*(at as *const AtomicU64) }
}

/// What a child of `fork` stores at `at` as the first thing, as the parent then sees it.
fn after_a_child_stored(at: u64) -> u64 {
    // SAFETY: the child stores and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        word(at).store(7, Ordering::Relaxed);
        // SAFETY: nothing is to be cleaned up.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: it is a child of ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    word(at).load(Ordering::Relaxed)
}

fn increments_lost(on: &On, at: u64, rounds: u32) -> u64 {
    let stop = AtomicBool::new(false);
    let begun = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let counter = scope.spawn(|| {
            let (mut made, mut lost) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                let old = word(at + 8).fetch_add(1, Ordering::Relaxed);
                lost += made - old;
                made = old + 1;
                begun.store(true, Ordering::Relaxed);
            }
            lost
        });
        while !begun.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        for _ in 0..rounds {
            let shown = on.again(at, L, false);
            assert_eq!(on.protect(at, L, RW | VM_PROT_COPY), Ok(()));
            on.free(shown, L);
        }
        stop.store(true, Ordering::Relaxed);
        counter.join().expect("it only counts")
    })
}

// Rows: P10
#[test]
fn p10_a_copy_in_place_loses_no_store_that_is_made_meanwhile() {
    here(|on| {
        let at = on.fresh(L);
        assert_eq!(increments_lost(on, at, 200), 0);
        on.free(at, L);
    });
}

// Rows: P10
#[test]
fn p10_a_copy_in_place_is_seen_nowhere_else() {
    here_and_there(|on| {
        let at = on.fresh(L);
        on.fill(at, L, 1);
        let shown = on.again(at, L, false);
        assert_eq!(on.protect(at, L, R | VM_PROT_COPY), Ok(()));
        assert_eq!(on.at(at).cur, R);
        assert_eq!(on.protect(at, L, RW), Ok(()));
        on.store(at, b"here");
        on.store(shown + P, b"there");
        assert_ne!(on.bytes(shown, 4), b"here");
        assert_ne!(on.bytes(at + P, 5), b"there");
        on.free(shown, L);
        on.free(at, L);
    });
    let guest = Guest::new();
    let task = Task::new(&guest);
    let at = task.allocate(0, L, ANY).expect("there is room");
    let again =
        Remapping { at: 0, size: L, mask: 0, flags: ANY, source: at, copy: RemapCopy::Share, inherit: COPY };
    let (shown, ..) = task.remap(&again).expect("there is room");
    task.protect(at, L, pagewright::Limit::Current, RW | VM_PROT_COPY).expect("it is there");
    guest.write(at, b"here").expect("it is there");
    let mut bytes = [0; 4];
    guest.read(shown, &mut bytes).expect("it is there");
    assert_eq!(bytes, [0; 4]);
}

// Rows: M4
#[test]
fn m4_what_is_to_be_replaced_stays_when_a_call_is_refused() {
    here(|on| {
        let at = on.fresh(L);
        let bytes = on.fill(at, L, 1);
        // Of the program's own, and a file's: never shared.
        let file = std::fs::File::open("/proc/self/exe").expect("it runs");
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&file);
        // SAFETY: a new mapping.
        let own = unsafe {
            libc::mmap(std::ptr::null_mut(), L as usize, libc::PROT_READ, libc::MAP_PRIVATE, descriptor, 0)
        };
        assert_ne!(own, libc::MAP_FAILED);
        let wish = Wish { flags: VM_FLAGS_OVERWRITE, ..Wish::new(L).at(at) };
        let wish = Wish { flags: wish.flags | VM_FLAGS_OVERWRITE, ..wish };
        pagewright::mach::set_consent(pagewright::Consent::Foreign);
        let refused = on.remap_from(on, own as u64, false, wish).map(|made| made.at);
        pagewright::mach::set_consent(pagewright::Consent::OwnOnly);
        assert_eq!(refused, Err(PROT));
        on.reads(at, &bytes);
        assert_eq!(on.remap_from(on, own as u64, true, wish).map(|made| made.at), Ok(at));
        // SAFETY: mapped above.
        assert_eq!(unsafe { libc::munmap(own, L as usize) }, 0);
        on.free(at, L);
    });
}

// Rows: M4
#[test]
fn m4_a_replacement_shows_what_it_is_to() {
    here(|on| {
        for copy in [false, true] {
            let (from, at) = (on.fresh(L), on.fresh(L));
            let bytes = on.fill(from, L, 1);
            on.fill(at, L, 2);
            let (mut to, mut cur, mut max) = (at, R, RW);
            // SAFETY: all pointers are valid.
            let code = unsafe {
                mach_vm_remap_new(
                    on.task,
                    &raw mut to,
                    L,
                    0,
                    VM_FLAGS_OVERWRITE,
                    on.task,
                    from,
                    u32::from(copy),
                    &raw mut cur,
                    &raw mut max,
                    COPY,
                )
            };
            assert_eq!((code, to), (OK, at));
            on.reads(at, &bytes);
            assert_eq!((on.at(at).cur, on.at(at).max), (R, RW));
            on.store(from, b"through");
            assert_eq!(on.bytes(at, 7) == b"through", !copy);
            on.free(from, L);
            on.free(at, L);
        }
    });
}

// Rows: I6
#[test]
fn i2_what_a_child_shall_share_it_shares_although_it_was_copied() {
    here(|on| {
        let at = on.fresh(L);
        let copy =
            on.remap_from(on, at, true, Wish { inherit: SHARE, ..Wish::new(L) }).expect("there is room").at;
        assert_eq!(after_a_child_stored(copy), 7);
        let born =
            on.process.map(&Map { inheritance: Inheritance::Share, ..Map::new(L) }).expect("there is room");
        assert_eq!(after_a_child_stored(born.start().get()), 7);
        let again = Remap {
            source: at,
            size: L,
            place: MapPlace::Above(0),
            mask: 0,
            copy: RemapCopy::Snapshot,
            inheritance: Inheritance::Share,
            overwrite: Overwrite::Refuse,
        };
        let again = on.process.remap(&again).expect("there is room").0.start().get();
        assert_eq!(on.protect(again, L, RW | VM_PROT_COPY), Ok(()));
        assert_eq!(after_a_child_stored(again), 7);
        for at in [at, copy, born.start().get(), again] {
            on.free(at, L);
        }
    });
}

// Rows: V12
#[test]
fn v12_an_offset_that_is_too_large_is_refused() {
    here(|on| {
        let at = on.fresh(4 * P);
        let (mut size, mut name) = (P, 0);
        let wanted = RW | MAP_MEM_VM_SHARE | MAP_MEM_USE_DATA_ADDR;
        // SAFETY: all pointers are valid.
        let made =
            unsafe { mach_make_memory_entry_64(on.task, &raw mut size, at + 0x10, wanted, &raw mut name, 0) };
        assert_eq!(made, OK);
        for offset in [u64::MAX, u64::MAX - 0xf, u64::MAX - 0xfff, 1 << 63] {
            let mut to = 0;
            // SAFETY: all pointers are valid.
            let code = unsafe {
                mach_vm_map(
                    on.task,
                    &raw mut to,
                    P,
                    0,
                    ANY | VM_FLAGS_RETURN_DATA_ADDR,
                    name,
                    offset,
                    0,
                    RW,
                    RW,
                    COPY,
                )
            };
            assert_eq!((code, to), (ARG, 0), "{offset:#x}");
        }
        // SAFETY: it is a name of ours.
        assert_eq!(unsafe { mach_port_deallocate(on.task, name) }, OK);
        on.free(at, 4 * P);
    });
}

#[test]
fn words_at_the_end_of_their_range_are_answered() {
    let guest = Guest::new();
    let task = Task::new(&guest);
    let base = task.allocate(0, 2 * P, ANY).expect("there is room");
    let words = [0, 1, 0xfff, P, base, base + 1, 1 << 47, 1 << 63, u64::MAX - P, u64::MAX - 0xffe, u64::MAX];
    for at in words {
        for size in words {
            for flags in [0, ANY, VM_FLAGS_OVERWRITE] {
                // Only that it comes back is asked.
                for source in [base, u64::MAX, u64::MAX - P] {
                    for copy in [RemapCopy::Share, RemapCopy::Snapshot] {
                        let again =
                            Remapping { at, size, mask: u64::MAX, flags, source, copy, inherit: COPY };
                        let _ = task.remap(&again);
                        let _ = task.remap_new(&again, R, R);
                    }
                    let _ = task.copy(source, size, at);
                }
            }
            let _ = task.protect(at, size, pagewright::Limit::Current, RW | VM_PROT_COPY);
            let _ = task.inherit(at, size, COPY);
            let _ = task.read(at, size);
            let _ = task.write_own(at, base, size);
        }
    }
    assert_eq!(task.protect(u64::MAX, P, pagewright::Limit::Current, R).map_err(|code| code.0), Err(ARG));
    assert_eq!(task.copy(base, u64::MAX, base).map_err(|code| code.0), Err(ADDR));
}

#[test]
fn a_child_finds_the_names_free_whoever_used_them_when_it_was_forked() {
    here(|on| {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        // SAFETY: no name is ever this.
                        assert_ne!(unsafe { mach_port_deallocate(on.task, 0x7777) }, OK);
                    }
                });
            }
            for _ in 0..200 {
                // SAFETY: the child makes one call and ends, at the latest when its time is up.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    // SAFETY: as above.
                    unsafe {
                        libc::alarm(5);
                        libc::_exit(i32::from(mach_port_deallocate(on.task, 0x7777) == OK));
                    }
                }
                let mut status = 0;
                // SAFETY: it is a child of ours.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                if status != 0 {
                    stop.store(true, Ordering::Relaxed);
                }
                assert_eq!(status, 0, "the child waited for ever");
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}

//! The other calls that come with the family: section 7 of the facts.

mod wince_support;

use std::ptr;

use pagewright::win32::{
    MEM_COMMIT, MEM_RESERVE, PAGE_EXECUTE_READ, PAGE_GUARD, PAGE_NOACCESS, PAGE_NOCACHE, PAGE_READONLY,
    PAGE_READWRITE, PAGE_WRITECOMBINE,
};
use pagewright::wince::{
    self, ATTRIBUTE_EXECUTABLE, ATTRIBUTE_GUARD, ATTRIBUTE_NO_CACHE, ATTRIBUTE_PRESENT, ATTRIBUTE_USER,
    ATTRIBUTE_WRITABLE, ATTRIBUTE_WRITE_COMBINE, LOCKFLAG_QUERY_ONLY, LOCKFLAG_READ, LOCKFLAG_WRITE,
};

use wince_support::{HERE, On, PAGE, Sleeper, kernel, pointer, said};

const BOTH: u32 = MEM_RESERVE | MEM_COMMIT;

/// The word of the first page, by a mask of 0 or another one.
fn attributes(on: On, at: usize, size: usize, new: u32, mask: u32) -> Result<u32, u32> {
    let mut old = 0;
    // SAFETY: `old` is valid.
    said(|| unsafe { wince::VirtualSetAttributesEx(on.0, pointer(at), size as u32, new, mask, &raw mut old) })
        .map(|()| old)
}

#[test]
fn s7_1_a_mask_of_0_asks_for_the_first_page() {
    let _mode = kernel();
    let sleeper = Sleeper::new();
    for on in [HERE, On::id(sleeper.pid())] {
        let words = [
            (PAGE_READWRITE, ATTRIBUTE_PRESENT | ATTRIBUTE_WRITABLE),
            (PAGE_READONLY | PAGE_NOCACHE, ATTRIBUTE_PRESENT | ATTRIBUTE_NO_CACHE),
            (PAGE_READONLY | PAGE_WRITECOMBINE, ATTRIBUTE_PRESENT | ATTRIBUTE_WRITE_COMBINE),
            (PAGE_EXECUTE_READ, ATTRIBUTE_PRESENT | ATTRIBUTE_EXECUTABLE),
            (PAGE_READWRITE | PAGE_GUARD, ATTRIBUTE_GUARD),
            (PAGE_NOACCESS, 0),
        ];
        for (protect, word) in words {
            let base = on.alloc(0, 2 * PAGE, BOTH, protect).expect("there is room");
            assert_eq!(attributes(on, base, 2 * PAGE, 0, 0), Ok(word | ATTRIBUTE_USER), "{protect:#x}");
            on.release(base);
        }
        let base = on.memory(2 * PAGE);
        on.protect(base + PAGE, 1, PAGE_READONLY).expect("committed");
        assert_ne!(attributes(on, base, 2 * PAGE, 0, 0), attributes(on, base + PAGE, 1, 0, 0));
        on.release(base);
    }
}

#[test]
fn s7_1_a_change_is_not_supported_unless_it_is_none() {
    let _mode = kernel();
    let base = HERE.memory(PAGE);
    let word = attributes(HERE, base, 1, 0, 0).expect("committed");
    assert_eq!(attributes(HERE, base, 1, ATTRIBUTE_NO_CACHE, ATTRIBUTE_NO_CACHE), Err(50));
    assert_eq!(attributes(HERE, base, 1, word, !0), Ok(word), "as it is already");
    assert_eq!(attributes(HERE, base, 0, 0, 0), Err(87));
    assert_eq!(attributes(HERE, base, PAGE + 1, 0, 0), Err(87), "no memory there");
    HERE.release(base);
}

#[test]
fn s7_1_kernel_mode_only() {
    let base = HERE.memory(PAGE);
    assert_eq!(attributes(HERE, base, 1, 0, 0), Err(5));
    assert_eq!(attributes(On(ptr::null_mut()), base, 1, 0, 0), Err(6));
    HERE.release(base);
}

#[test]
fn s7_2_write_combining_is_not_supported_and_checks_its_arguments() {
    let base = HERE.memory(PAGE);
    let set = |at: usize, size: usize, what| {
        let unknown = ptr::without_provenance_mut(wince::PHYSICAL_ADDRESS_UNKNOWN);
        // SAFETY: nothing is changed.
        said(|| unsafe { wince::CeSetMemoryAttributes(pointer(at), unknown, size as u32, what) })
    };
    assert_eq!(set(base, PAGE, PAGE_WRITECOMBINE), Err(50));
    assert_eq!(set(base + 1, PAGE, PAGE_WRITECOMBINE), Err(87));
    assert_eq!(set(base, PAGE + 1, PAGE_WRITECOMBINE), Err(87));
    assert_eq!(set(base, 0, PAGE_WRITECOMBINE), Err(87));
    assert_eq!(set(base, PAGE, PAGE_NOCACHE), Err(87));
    HERE.release(base);
}

#[test]
fn s7_3_page_flags_are_not_supported() {
    // SAFETY: nothing is looked at.
    let call = || unsafe { wince::VirtualSetPageFlags(ptr::null_mut(), 0, 0, ptr::null_mut()) };
    assert_eq!(said(call), Err(50));
}

fn lock(on: On, at: usize, size: usize, options: u32) -> Result<(), u32> {
    // SAFETY: no conditions.
    said(|| unsafe { wince::LockPagesEx(on.0, pointer(at), size as u32, ptr::null_mut(), options) })
}

fn unlock(on: On, at: usize, size: usize) -> Result<(), u32> {
    // SAFETY: tests keep nothing there.
    said(|| unsafe { wince::UnlockPagesEx(on.0, pointer(at), size as u32) })
}

/// Kilobytes of the mapping at `at` that are locked, by the kernel's account.
fn locked(pid: u32, at: usize) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).expect("it lives");
    let mut inside = false;
    let mut sum = 0;
    for line in maps.lines() {
        let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
        let number = |text| usize::from_str_radix(text, 16);
        if let Some((Ok(low), Ok(high))) = range.map(|(low, high)| (number(low), number(high))) {
            inside = low <= at && at < high;
        } else if let Some(rest) = line.strip_prefix("Locked:").filter(|_| inside) {
            sum += rest.trim().trim_end_matches(" kB").parse::<usize>().expect("a number");
        }
    }
    sum
}

#[test]
fn s7_5_locks_are_counted() {
    let _mode = kernel();
    let sleeper = Sleeper::new();
    for (on, pid) in [(HERE, std::process::id()), (On::id(sleeper.pid()), sleeper.pid())] {
        let base = on.memory(4 * PAGE);
        assert_eq!(lock(on, base, 4 * PAGE, 0), Ok(()));
        assert_eq!(lock(on, base + PAGE, 1, LOCKFLAG_READ), Ok(()));
        assert!(locked(pid, base) > 0);
        assert_eq!(unlock(on, base, 4 * PAGE), Ok(()));
        assert!(locked(pid, base + PAGE) > 0, "locked twice, unlocked once");
        assert_eq!(unlock(on, base, 4 * PAGE), Err(87), "three of them have no lock left");
        assert!(locked(pid, base + PAGE) > 0, "and nothing has changed");
        assert_eq!(unlock(on, base + PAGE, 1), Ok(()));
        assert_eq!(locked(pid, base + PAGE), 0);
        assert_eq!(unlock(on, base + PAGE, 1), Err(87));
        on.release(base);
    }
}

#[test]
fn s7_5_a_lock_ends_with_its_memory() {
    let _mode = kernel();
    let base = HERE.memory(PAGE);
    assert_eq!(lock(HERE, base, 1, 0), Ok(()));
    HERE.decommit(base, PAGE);
    assert_eq!(unlock(HERE, base, 1), Err(87));
    HERE.alloc(base, PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
    assert_eq!(unlock(HERE, base, 1), Err(87), "a fresh page has no lock");
    HERE.release(base);
}

#[test]
fn s7_5_options_are_conditions() {
    let _mode = kernel();
    let base = HERE.memory(2 * PAGE);
    HERE.protect(base, 1, PAGE_READONLY).expect("committed");
    assert_eq!(lock(HERE, base, 1, LOCKFLAG_WRITE), Err(5));
    assert_eq!(lock(HERE, base, 1, LOCKFLAG_READ | LOCKFLAG_QUERY_ONLY), Ok(()));
    assert_eq!(unlock(HERE, base, 1), Err(87), "a query locks nothing");
    assert_eq!(lock(HERE, base + PAGE, 1, LOCKFLAG_WRITE), Ok(()));
    assert_eq!(unlock(HERE, base + PAGE, 1), Ok(()));
    HERE.protect(base, 1, PAGE_NOACCESS).expect("committed");
    assert_eq!(lock(HERE, base, 1, LOCKFLAG_QUERY_ONLY), Ok(()), "present is enough");
    assert_eq!(lock(HERE, base, 1, LOCKFLAG_READ | LOCKFLAG_QUERY_ONLY), Err(5));
    assert_eq!(lock(HERE, base, 1, 0), Err(5), "Linux cannot lock what cannot be read");
    HERE.release(base);
}

#[test]
fn s7_5_bad_arguments_and_user_mode_are_refused() {
    let base = HERE.memory(PAGE);
    assert_eq!(lock(HERE, base, 1, 0), Err(5));
    assert_eq!(unlock(HERE, base, 1), Err(5));
    let _mode = kernel();
    assert_eq!(lock(HERE, base, 0, 0), Err(87));
    assert_eq!(lock(HERE, base, PAGE + 1, 0), Err(87), "not committed");
    assert_eq!(lock(HERE, base, 1, 8), Err(87));
    assert_eq!(lock(On(ptr::null_mut()), base, 1, 0), Err(6));
    let mut frames = [0; 1];
    // SAFETY: the array is valid.
    let call = || unsafe { wince::LockPages(pointer(base), 1, frames.as_mut_ptr(), 0) };
    assert_eq!(said(call), Err(50), "page frames have no numbers here");
    assert_eq!(unlock(HERE, base, 1), Err(87), "nothing was locked by any of these");
    HERE.release(base);
}

#[test]
fn s7_9_copies_are_all_or_nothing() {
    let sleeper = Sleeper::new();
    for on in [HERE, On::id(sleeper.pid())] {
        let base = on.alloc(0, 3 * PAGE, MEM_RESERVE, PAGE_NOACCESS).expect("there is room");
        on.alloc(base, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
        on.write(base + PAGE - 2, b"abcd");
        assert_eq!(on.read::<4>(base + PAGE - 2), *b"abcd");
        let mut buffer = [0_u8; 64];
        let (size, mut count) = (64, 9);
        // SAFETY: the buffer is ours, the count valid.
        let read = || unsafe {
            wince::ReadProcessMemory(
                on.0,
                pointer(base + 2 * PAGE - 32),
                buffer.as_mut_ptr().cast(),
                size,
                &raw mut count,
            )
        };
        assert_eq!((said(read), count), (Err(87), 0), "its end has no memory");
        let text = [b'x'; 64];
        let mut write = |at: usize| {
            count = 9;
            // SAFETY: the buffer is ours, the count valid.
            let call = || unsafe {
                wince::WriteProcessMemory(on.0, pointer(at), text.as_ptr().cast(), size, &raw mut count)
            };
            (said(call), count)
        };
        assert_eq!(write(base + 2 * PAGE - 32), (Err(87), 0));
        on.protect(base + PAGE, 1, PAGE_READONLY).expect("committed");
        assert_eq!(write(base + PAGE - 32), (Err(5), 0));
        assert_eq!(on.read::<4>(base + PAGE - 4), *b"\0\0ab", "nothing is written");
        assert_eq!(on.read::<4>(base + 2 * PAGE - 32), [0; 4], "nothing is written");
        on.release(base);
    }
}

#[test]
fn s7_9_bad_buffers_are_errors() {
    let base = HERE.memory(PAGE);
    // SAFETY: what is not there is an error of the call.
    let read =
        || unsafe { wince::ReadProcessMemory(HERE.0, pointer(base), pointer(0x10), 8, ptr::null_mut()) };
    assert_eq!(said(read), Err(87));
    // SAFETY: the same.
    let write =
        || unsafe { wince::WriteProcessMemory(HERE.0, pointer(base), pointer(0x10), 8, ptr::null_mut()) };
    assert_eq!(said(write), Err(87));
    assert_eq!(HERE.read::<8>(base), [0; 8]);
    // SAFETY: nothing is copied.
    let nothing =
        || unsafe { wince::ReadProcessMemory(HERE.0, pointer(base), ptr::null_mut(), 0, ptr::null_mut()) };
    assert_eq!(said(nothing), Ok(()));
    HERE.release(base);
}

#[test]
fn s7_10_open_process_takes_no_flags() {
    let sleeper = Sleeper::new();
    let open = |access, inherit, pid| {
        // SAFETY: no conditions.
        said(|| i32::from(!unsafe { wince::OpenProcess(access, inherit, pid) }.is_null()))
    };
    assert_eq!(open(0, 0, sleeper.pid()), Ok(()));
    assert_eq!(open(1, 0, sleeper.pid()), Err(87));
    assert_eq!(open(0, 1, sleeper.pid()), Err(87));
    assert_eq!(open(0, 0, 0), Err(87));
}

#[test]
fn s3_1_16_the_pseudo_handle_is_0x42() {
    // SAFETY: no conditions.
    assert_eq!(unsafe { wince::GetCurrentProcess() }.addr(), 0x42);
}

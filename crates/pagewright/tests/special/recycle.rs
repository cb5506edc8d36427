//! Content that may go, and its coming back.

use pagewright::{
    Alias, Allocate, Consent, Fate, Free, Kind, Lock, Memory, Onto, Place, Process, Protect, Protection,
    Recycle, Survival, Window, Wiring,
};

use super::{PAGE, RW, allocate, get, is_committed, is_reserved, put, release};

const PAGES: u64 = 8;
const SIZE: u64 = PAGES * PAGE;

/// How often the kernel is told to take memory: it passes over pages that a processor has aside at that moment.
const TRIES: u32 = 5;

/// Makes the kernel take the memory of a range, as it does when memory is short: what it may drop is gone afterwards.
/// Whether it can be told to.
pub(crate) fn reap(process: &Process, at: u64, size: u64) -> bool {
    // SAFETY: a new descriptor of a process; no memory of ours is touched.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, process.pid(), 0) } as libc::c_int;
    assert!(pidfd >= 0, "the process lives");
    let range = libc::iovec { iov_base: at as *mut libc::c_void, iov_len: size as usize };
    let mut done = -1;
    for _ in 0..TRIES {
        // SAFETY: paging out changes no content but that which was given up.
        done = unsafe { libc::syscall(libc::SYS_process_madvise, pidfd, &range, 1, libc::MADV_PAGEOUT, 0) };
        if !has_memory(process.pid(), at, size) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    // SAFETY: opened above.
    unsafe { libc::close(pidfd) };
    done == size as i64
}

/// Whether a page of the range is in memory.
fn has_memory(pid: u32, at: u64, size: u64) -> bool {
    use std::os::unix::fs::FileExt;
    let mut words = vec![0; (size / PAGE) as usize * 8];
    let file = std::fs::File::open(format!("/proc/{pid}/pagemap")).expect("it runs");
    file.read_exact_at(&mut words, at / PAGE * 8).expect("its pages");
    words.chunks_exact(8).any(|word| word[7] & 0x80 != 0)
}

pub(crate) fn recycle(process: &Process, at: u64, size: u64, fate: Fate) -> Result<Survival, Kind> {
    process.recycle(&Recycle { at, size, fate }).map_err(|error| error.kind())
}

fn pattern(page: u64) -> Vec<u8> {
    (0..PAGE).map(|byte| (byte % 251 + page + 1) as u8).collect()
}

/// Pages that each hold their own pattern.
fn filled(process: &Process) -> u64 {
    let base = allocate(process, Allocate::new(SIZE));
    (0..PAGES).for_each(|page| put(process, base + page * PAGE, &pattern(page)));
    base
}

fn holds(process: &Process, base: u64, page: u64) {
    assert!(get(process, base + page * PAGE, PAGE as usize) == pattern(page), "page {page}");
}

fn is_zero(process: &Process, at: u64) -> bool {
    get(process, at, PAGE as usize) == vec![0; PAGE as usize]
}

/// Everything, if the kernel can be made to drop what it may.
pub(crate) fn everything(process: &Process) -> Result<(), &'static str> {
    let probe = filled(process);
    assert_eq!(recycle(process, probe, SIZE, Fate::Reset), Ok(Survival::Intact));
    let dropped = reap(process, probe, SIZE) && is_zero(process, probe);
    release(process, probe);
    if !dropped {
        return Err("this kernel cannot be told to take memory (before 5.10)");
    }
    // The kernel may drop such pages, and need not: it keeps some now and then, however often it is told. A round in
    // which it kept one proves nothing, so there is another.
    for _ in 1..ROUNDS {
        let round = std::panic::AssertUnwindSafe(|| all_of_it(process));
        if std::panic::catch_unwind(round).is_ok() {
            return Ok(());
        }
    }
    all_of_it(process);
    Ok(())
}

/// How often everything is tried until the kernel drops what it may.
const ROUNDS: u32 = 10;

fn all_of_it(process: &Process) {
    a_reset_takes_nothing_but_content(process);
    an_undo_tells_what_is_left(process);
    a_store_takes_a_page_back(process);
    a_second_reset_forgives_nothing(process);
    what_is_not_alone_or_not_pageable_stays(process);
    protection_takes_pages_back(process);
    offered_pages_cannot_be_accessed(process);
    offered_pages_stay_so_whatever_is_done(process);
    discarded_pages_stay_committed(process);
    nonsense_is_refused(process);
}

fn a_reset_takes_nothing_but_content(process: &Process) {
    let base = filled(process);
    assert_eq!(recycle(process, base, SIZE, Fate::Reset), Ok(Survival::Intact), "RS01");
    is_committed(process, base, RW);
    (0..PAGES).for_each(|page| holds(process, base, page));
    assert!(reap(process, base, SIZE));
    is_committed(process, base, RW);
    assert!((0..PAGES).all(|page| is_zero(process, base + page * PAGE)), "it was dropped");
    put(process, base, b"again");
    assert!(reap(process, base, SIZE));
    assert_eq!(get(process, base, 5), b"again", "a store ends it");
    release(process, base);
    let base = allocate(process, Allocate::new(0x1_0000).reserve());
    allocate(process, Allocate::new(PAGE).commit().at(base));
    assert_eq!(recycle(process, base + PAGE, PAGE, Fate::Reset), Ok(Survival::Intact), "RS02");
    is_reserved(process, base + PAGE);
    release(process, base);
}

fn an_undo_tells_what_is_left(process: &Process) {
    let base = filled(process);
    recycle(process, base, SIZE, Fate::Reset).expect("ours");
    assert_eq!(recycle(process, base, SIZE, Fate::UndoReset), Ok(Survival::Intact), "RS14");
    assert!(reap(process, base, SIZE));
    (0..PAGES).for_each(|page| holds(process, base, page));
    recycle(process, base, SIZE, Fate::Reset).expect("ours");
    // One half comes back in time.
    let half = SIZE / 2;
    assert_eq!(recycle(process, base, half, Fate::UndoReset), Ok(Survival::Intact));
    assert!(reap(process, base, SIZE));
    (0..PAGES / 2).for_each(|page| holds(process, base, page));
    assert!(is_zero(process, base + half));
    assert_eq!(recycle(process, base, SIZE, Fate::UndoReset), Ok(Survival::Lost), "RS15");
    is_committed(process, base, RW);
    (0..PAGES / 2).for_each(|page| holds(process, base, page));
    assert_eq!(recycle(process, base, SIZE, Fate::UndoReset), Ok(Survival::Intact), "nothing new was lost");
    release(process, base);
}

fn a_store_takes_a_page_back(process: &Process) {
    let base = filled(process);
    recycle(process, base, SIZE, Fate::Reset).expect("ours");
    put(process, base + 2 * PAGE + 100, b"kept");
    assert!(reap(process, base, SIZE));
    assert_eq!(get(process, base + 2 * PAGE + 100, 4), b"kept");
    assert_eq!(recycle(process, base + 2 * PAGE, PAGE, Fate::UndoReset), Ok(Survival::Intact));
    // A page that is gone and was stored to since is not the one that was yielded.
    put(process, base + 3 * PAGE, b"new");
    assert_eq!(recycle(process, base + 3 * PAGE, PAGE, Fate::UndoReset), Ok(Survival::Lost));
    // One that was made anew as a whole has lost nothing.
    put(process, base + 4 * PAGE, &pattern(9));
    assert_eq!(recycle(process, base + 4 * PAGE, PAGE, Fate::UndoReset), Ok(Survival::Intact));
    release(process, base);
}

fn a_second_reset_forgives_nothing(process: &Process) {
    let base = filled(process);
    recycle(process, base, SIZE, Fate::Reset).expect("ours");
    assert!(reap(process, base, PAGE));
    put(process, base, b"new");
    recycle(process, base, SIZE, Fate::Reset).expect("ours");
    assert_eq!(recycle(process, base, SIZE, Fate::UndoReset), Ok(Survival::Lost));
    assert!(reap(process, base, SIZE));
    assert_eq!(get(process, base, 3), b"new", "what is left of it was taken back");
    // Fresh pages have nothing to lose.
    recycle(process, base, SIZE, Fate::Reset).expect("ours");
    assert!(reap(process, base, SIZE));
    process.free(&Free::decommit(base, SIZE)).expect("ours");
    allocate(process, Allocate::new(SIZE).commit().at(base));
    assert_eq!(recycle(process, base, SIZE, Fate::UndoReset), Ok(Survival::Intact), "RS16");
    release(process, base);
}

fn what_is_not_alone_or_not_pageable_stays(process: &Process) {
    let base = filled(process);
    let lock = |wiring| process.lock(&Lock { at: base, size: PAGE, wiring, quota: None });
    lock(Wiring::Wired).expect("one page can be locked");
    recycle(process, base, SIZE, Fate::Reset).expect("RS13");
    assert!(reap(process, base + PAGE, SIZE - PAGE));
    holds(process, base, 0);
    assert_eq!(recycle(process, base, PAGE, Fate::UndoReset), Ok(Survival::Intact), "RS13");
    lock(Wiring::Pageable).expect("it is locked still");
    release(process, base);
    let base = filled(process);
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let alias = Alias { source: base, size: SIZE, onto, protection: RW, consent: Consent::OwnOnly };
    let other = process.alias(&alias).expect("ours").start().get();
    recycle(process, base, SIZE, Fate::Reset).expect("ours");
    reap(process, base, SIZE);
    (0..PAGES).for_each(|page| holds(process, other, page));
    release(process, base);
    release(process, other);
}

fn protection_takes_pages_back(process: &Process) {
    let base = filled(process);
    let protect = |page: u64, protection| {
        process.protect(&Protect { at: base + page * PAGE, size: PAGE, protection }).expect("committed")
    };
    recycle(process, base, SIZE, Fate::Reset).expect("ours");
    protect(0, Protection::READ);
    protect(1, Protection::NONE);
    assert!(reap(process, base, SIZE));
    protect(2, Protection::READ);
    protect(1, RW);
    holds(process, base, 0);
    holds(process, base, 1);
    assert_eq!(recycle(process, base, 2 * PAGE, Fate::UndoReset), Ok(Survival::Intact));
    assert_eq!(recycle(process, base + 2 * PAGE, PAGE, Fate::UndoReset), Ok(Survival::Lost));
    release(process, base);
}

fn offered_pages_cannot_be_accessed(process: &Process) {
    let base = filled(process);
    assert_eq!(recycle(process, base, SIZE, Fate::Offer), Ok(Survival::Intact), "PF15");
    is_committed(process, base, RW);
    assert_eq!(get(process, base, 1), [], "PF15");
    assert_eq!(process.write(base, b"x"), Ok(0), "PF15");
    assert_eq!(recycle(process, base, SIZE, Fate::Reclaim), Ok(Survival::Intact), "PF16");
    (0..PAGES).for_each(|page| holds(process, base, page));
    recycle(process, base + PAGE, SIZE - PAGE, Fate::Offer).expect("ours");
    assert!(reap(process, base, SIZE));
    holds(process, base, 0);
    assert_eq!(recycle(process, base, SIZE, Fate::Reclaim), Ok(Survival::Lost), "PF16");
    holds(process, base, 0);
    assert!(is_zero(process, base + PAGE));
    put(process, base + PAGE, b"usable");
    assert!(reap(process, base, SIZE));
    assert_eq!(get(process, base + PAGE, 6), b"usable");
    let lock = |wiring| process.lock(&Lock { at: base, size: PAGE, wiring, quota: None }).map(drop);
    lock(Wiring::Wired).expect("one page can be locked");
    recycle(process, base, PAGE, Fate::Offer).expect("PF17");
    assert_eq!(recycle(process, base, PAGE, Fate::Reclaim), Ok(Survival::Intact));
    let not_locked = lock(Wiring::Pageable).map_err(|error| error.kind());
    assert_eq!(not_locked, Err(Kind::NotLocked), "PF17, VL35");
    release(process, base);
}

fn offered_pages_stay_so_whatever_is_done(process: &Process) {
    let base = filled(process);
    recycle(process, base, SIZE, Fate::Offer).expect("ours");
    let kind = |error: pagewright::Error| error.kind();
    let protect = |protection| process.protect(&Protect { at: base, size: SIZE, protection });
    assert_eq!(protect(Protection::READ).map_err(kind), Ok(RW));
    assert_eq!(get(process, base, 1), []);
    allocate(process, Allocate::new(PAGE).commit().at(base));
    assert_eq!(get(process, base, 1), []);
    let lock = Lock { at: base, size: PAGE, wiring: Wiring::Wired, quota: None };
    assert_eq!(process.lock(&lock).map_err(kind), Err(Kind::NoAccess));
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    let alias = Alias { source: base, size: PAGE, onto, protection: RW, consent: Consent::OwnOnly };
    assert_eq!(process.alias(&alias).map_err(kind), Err(Kind::NoAccess));
    let copy = pagewright::CopyRange { source: base, size: PAGE, target: base + PAGE };
    assert_eq!(process.copy(&copy).map_err(kind), Err(Kind::NoAccess));
    assert_eq!(recycle(process, base, SIZE, Fate::Reclaim), Ok(Survival::Intact));
    (0..PAGES).for_each(|page| holds(process, base, page));
    is_committed(process, base, RW);
    is_committed(process, base + PAGE, Protection::READ);
    assert_eq!(process.write(base + PAGE, b"x"), Ok(0));
    // Dropped while nobody can store to it: that is noticed, too.
    recycle(process, base, SIZE, Fate::Offer).expect("ours");
    protect(RW).expect("committed");
    recycle(process, base, SIZE, Fate::Reclaim).expect("ours");
    recycle(process, base, SIZE, Fate::Offer).expect("ours");
    protect(Protection::READ).expect("committed");
    assert!(reap(process, base, SIZE));
    assert_eq!(recycle(process, base, SIZE, Fate::Reclaim), Ok(Survival::Lost));
    is_committed(process, base, Protection::READ);
    recycle(process, base, PAGE, Fate::Offer).expect("ours");
    process.free(&Free::decommit(base, PAGE)).expect("ours");
    allocate(process, Allocate::new(PAGE).commit().at(base));
    put(process, base, b"fresh");
    release(process, base);
}

fn discarded_pages_stay_committed(process: &Process) {
    let base = filled(process);
    assert_eq!(recycle(process, base, SIZE, Fate::Discard), Ok(Survival::Intact), "PF13");
    is_committed(process, base, RW);
    put(process, base, b"usable");
    assert!(reap(process, base, SIZE));
    assert_eq!(get(process, base, 6), b"usable", "PF13");
    assert_eq!(recycle(process, base + 1, PAGE, Fate::Discard), Err(Kind::Misaligned), "PF14");
    assert_eq!(recycle(process, base, PAGE - 1, Fate::Discard), Err(Kind::Misaligned), "PF14");
    process.protect(&Protect { at: base, size: PAGE, protection: Protection::READ }).expect("committed");
    assert_eq!(recycle(process, base, SIZE, Fate::Discard), Err(Kind::BadProtection), "PF14");
    release(process, base);
}

fn nonsense_is_refused(process: &Process) {
    let base = allocate(process, Allocate::new(0x1_0000));
    let beyond = recycle(process, base + 0xf000, 0x2000, Fate::Reset);
    assert_eq!(beyond, Err(Kind::NotReserved), "RS03");
    for fate in [Fate::Reset, Fate::UndoReset, Fate::Offer, Fate::Reclaim, Fate::Discard] {
        assert_eq!(recycle(process, base, 0, fate), Err(Kind::ZeroSize));
        assert_eq!(recycle(process, u64::MAX - PAGE + 1, PAGE, fate), Err(Kind::BadAddress));
    }
    process.free(&Free::decommit(base, PAGE)).expect("ours");
    for fate in [Fate::Offer, Fate::Reclaim, Fate::Discard] {
        assert_eq!(recycle(process, base, 2 * PAGE, fate), Err(Kind::NotCommitted));
    }
    release(process, base);
    assert_eq!(recycle(process, base, PAGE, Fate::Reset), Err(Kind::NotReserved), "RS04");
}

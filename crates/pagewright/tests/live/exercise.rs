//! Everything that can be done to the memory of a process, each step checked against the kernel.

use pagewright::{
    Action, Allocate, Backing, Disposal, Free, Geometry, Info, Kind, Leftovers, Lock, Memory, Owner, Process,
    Protect, Protection, State, Wiring,
};

use super::kernel::{self, Allocates, PAGE, faults, is_mapped, peek, perms, traces};

const RW: Protection = Protection::READ_WRITE;
const MIB: u64 = 1 << 20;

/// Opens the process, does everything, and leaves without a trace.
pub(crate) fn visit(process: &Process, allocates: Allocates) {
    let pid = process.pid();
    let before = traces(pid, allocates);
    assert!(!process.status().expect("it lives").attached, "opening alone does not attach");
    assert!(!process.attach().expect("it may be traced").found);
    uses_the_forced_strategy(process);
    everything(process);
    assert_eq!(process.status().expect("it lives").regions, 0);
    process.detach(Leftovers::Keep).expect("attached");
    assert_eq!(traces(pid, allocates), before);
    assert!(!process.status().expect("it lives").attached);
}

/// All verbs, each of which gives back what it took.
pub(crate) fn everything(process: &Process) {
    reserve_then_commit(process);
    commit_everywhere_at_once(process);
    near_the_code(process);
    as_high_as_possible(process);
    protect_every_way(process);
    lock_and_unlock(process);
    decommit_and_commit_again(process);
    release_a_part(process);
}

fn uses_the_forced_strategy(process: &Process) {
    let strategy = process.status().expect("it lives").strategy;
    match std::env::var("PAGEWRIGHT_COMMIT") {
        Ok(forced) => assert_eq!(strategy, forced),
        Err(_) => assert!(strategy == "markers" || strategy == "mprotect", "{strategy}"),
    }
}

pub(crate) fn allocate(process: &Process, request: Allocate) -> u64 {
    process.allocate(&request).unwrap_or_else(|error| panic!("{error}")).start().get()
}

pub(crate) fn release(process: &Process, base: u64) {
    let size = process.free(&Free::release(base)).unwrap_or_else(|error| panic!("{error}")).bytes();
    assert!(!is_mapped(process.pid(), base, base + size), "the kernel still maps {base:#x}");
    assert_eq!(info(process, base).state, State::Free);
}

pub(crate) fn info(process: &Process, at: u64) -> Info {
    process.query(at).unwrap_or_else(|error| panic!("{error}"))
}

/// The bytes can be stored and loaded, and the kernel sees the same.
pub(crate) fn holds_bytes(process: &Process, at: u64, length: usize) {
    let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + 13) as u8).collect();
    assert_eq!(process.write(at, &bytes), Ok(length));
    let mut back = vec![0; length];
    assert_eq!(process.read(at, &mut back), Ok(length));
    assert_eq!(back, bytes);
    assert_eq!(peek(process.pid(), at, length), Some(bytes));
}

/// Neither the library nor the kernel can load a byte there.
pub(crate) fn is_inaccessible(process: &Process, at: u64) {
    let mut byte = [0];
    assert_eq!(process.read(at, &mut byte), Ok(0), "at {at:#x}");
    assert_eq!(process.write(at, &byte), Ok(0), "at {at:#x}");
    assert!(faults(process.pid(), at), "at {at:#x}");
}

fn reserve_then_commit(process: &Process) {
    let base = allocate(process, Allocate::new(5 * MIB).reserve());
    assert_eq!(base % 0x1_0000, 0);
    let promised = info(process, base);
    assert_eq!((promised.base, promised.size), (base, 5 * MIB));
    assert_eq!(promised.state, State::Reserved { allocation: base, initial: RW, backing: Backing::Private });
    is_inaccessible(process, base);
    assert_eq!(perms(process.pid(), base).as_deref(), Some("---p"));

    // Two lone pages, and a stretch over the border of a chunk.
    for (at, size) in [(base + PAGE, PAGE), (base + 3 * PAGE, PAGE), (base + MIB, 3 * MIB)] {
        assert_eq!(allocate(process, Allocate::new(size).commit().at(at)), at);
        holds_bytes(process, at, 3000);
        holds_bytes(process, at + size - 100, 100);
        assert_eq!(info(process, at).size, size);
    }
    for at in [base, base + 2 * PAGE, base + 4 * PAGE, base + MIB - PAGE, base + 4 * MIB] {
        is_inaccessible(process, at);
    }
    stops_at_the_first_hole(process, base + PAGE);
    release(process, base);
}

fn stops_at_the_first_hole(process: &Process, at: u64) {
    let mut bytes = vec![0; 2 * PAGE as usize];
    assert_eq!(process.read(at, &mut bytes), Ok(PAGE as usize));
    assert_eq!(process.write(at, &bytes), Ok(PAGE as usize));
}

fn commit_everywhere_at_once(process: &Process) {
    let base = allocate(process, Allocate::new(200_000));
    let size = 200_000_u64.next_multiple_of(PAGE);
    let whole = info(process, base);
    assert_eq!((whole.base, whole.size), (base, size));
    let State::Committed { owner, protection, .. } = whole.state else { panic!("{whole:x?}") };
    assert_eq!((owner, protection), (Owner::Own, RW));
    assert_eq!(perms(process.pid(), base).as_deref(), Some("rw-p"));
    assert_eq!(peek(process.pid(), base, size as usize), Some(vec![0; size as usize]), "fresh memory");
    holds_bytes(process, base, size as usize);
    release(process, base);
}

fn near_the_code(process: &Process) {
    let code = kernel::code_of(process.pid());
    let base = allocate(process, Allocate::new(MIB).near(code).protection(Protection::READ_WRITE_EXECUTE));
    assert!(base.abs_diff(code) < (1 << 31) - MIB, "{base:#x} is not near {code:#x}");
    assert_eq!(perms(process.pid(), base).as_deref(), Some("rwxp"));
    holds_bytes(process, base + MIB / 2, 64);
    release(process, base);
}

fn as_high_as_possible(process: &Process) {
    let size = 0x2_0000;
    let base = allocate(process, Allocate::new(size).top_down());
    holds_bytes(process, base, 64);
    release(process, base);
    let mut highest = (Geometry::X86_64.user_end() - size) / 0x1_0000 * 0x1_0000;
    while is_mapped(process.pid(), highest, highest + size) {
        highest -= 0x1_0000;
    }
    assert_eq!(base, highest, "the kernel has a higher place");
}

fn protect_every_way(process: &Process) {
    let base = allocate(process, Allocate::new(8 * PAGE));
    holds_bytes(process, base, 8 * PAGE as usize);
    let page = base + 2 * PAGE;
    let protect = |protection| process.protect(&Protect { at: page, size: 1, protection });
    let steps = [
        (Protection::READ, "r--p"),
        (Protection::NONE, "---p"),
        (Protection::READ_EXECUTE, "r-xp"),
        (Protection::READ_WRITE_EXECUTE, "rwxp"),
        (RW, "rw-p"),
    ];
    let mut old = RW;
    for (protection, kernel) in steps {
        assert_eq!(protect(protection), Ok(old));
        assert_eq!(perms(process.pid(), page).as_deref(), Some(kernel));
        assert_eq!(perms(process.pid(), page + PAGE).as_deref(), Some("rw-p"), "its neighbour");
        let writable = protection.effective().contains(pagewright::Access::WRITE);
        assert_eq!(process.write(page, &[1]), Ok(usize::from(writable)), "{kernel}");
        assert_eq!(faults(process.pid(), page), protection == Protection::NONE, "{kernel}");
        old = protection;
    }
    assert_eq!(process.poke(page, b"xyz"), Ok(3));
    assert_eq!(peek(process.pid(), page, 3).as_deref(), Some(&b"xyz"[..]));
    release(process, base);
}

fn lock_and_unlock(process: &Process) {
    let base = allocate(process, Allocate::new(16 * PAGE));
    let before = kernel::status(process.pid(), "VmLck");
    let lock = |wiring| {
        process
            .lock(&Lock { at: base + PAGE, size: 4 * PAGE, wiring, quota: None })
            .map(|range| range.bytes())
    };
    assert_eq!(lock(Wiring::Wired), Ok(4 * PAGE));
    assert_eq!(kernel::status(process.pid(), "VmLck"), before + 16);
    assert_eq!(lock(Wiring::Pageable), Ok(4 * PAGE));
    assert_eq!(kernel::status(process.pid(), "VmLck"), before);
    assert_eq!(lock(Wiring::Pageable).map_err(|error| error.kind()), Err(Kind::NotLocked));
    // Wired pages can be decommitted and released like others.
    assert_eq!(lock(Wiring::Wired), Ok(4 * PAGE));
    process.free(&Free::decommit(base + PAGE, PAGE)).expect("it is ours");
    is_inaccessible(process, base + PAGE);
    release(process, base);
    assert_eq!(kernel::status(process.pid(), "VmLck"), before);
}

fn decommit_and_commit_again(process: &Process) {
    let base = allocate(process, Allocate::new(4 * MIB));
    for (at, size) in [(base + PAGE, PAGE), (base + MIB, 2 * MIB), (base, 4 * MIB)] {
        holds_bytes(process, at, PAGE as usize);
        holds_bytes(process, at + size - PAGE, PAGE as usize);
        process.free(&Free::decommit(at, size)).expect("it is ours");
        is_inaccessible(process, at);
        is_inaccessible(process, at + size - 1);
        assert!(matches!(info(process, at).state, State::Reserved { .. }));
        allocate(process, Allocate::new(size).commit().at(at));
        let zeroes = Some(vec![0; PAGE as usize]);
        assert_eq!(peek(process.pid(), at, PAGE as usize), zeroes, "memory comes back as zeroes");
        assert_eq!(peek(process.pid(), at + size - PAGE, PAGE as usize), zeroes);
    }
    release(process, base);
}

fn release_a_part(process: &Process) {
    let base = allocate(process, Allocate::new(16 * PAGE));
    holds_bytes(process, base, 16 * PAGE as usize);
    let (hole, rest) = (base + 4 * PAGE, base + 8 * PAGE);
    process
        .free(&Free { at: hole, size: 4 * PAGE, disposal: Disposal::Release })
        .expect("a part may be released");
    assert!(!is_mapped(process.pid(), hole, rest));
    assert_eq!(info(process, hole).state, State::Free);
    assert_eq!((info(process, base).size, info(process, rest).size), (4 * PAGE, 8 * PAGE));
    let State::Committed { allocation, .. } = info(process, rest).state else { panic!("it stays") };
    assert_eq!(allocation, rest, "the rest is an allocation of its own");
    assert!(!faults(process.pid(), hole - 1) && !faults(process.pid(), rest));
    // The hole can be had again; a reservation begins at a granule, so it is asked for from there.
    let again = process.allocate(&Allocate { action: Action::Reserve, ..Allocate::new(PAGE).at(hole) });
    assert_eq!(again.map_err(|error| error.kind()), Err(Kind::Conflict), "its granule is in use");
    release(process, rest);
    release(process, base);
}

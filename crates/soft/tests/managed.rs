//! The usual sequences of a program, through the address space.

use pagewright_core::{
    Action, Allocate, Disposal, Free, Geometry, Kind, Lock, Managed, Order, Place, Protect, Protection,
    State, Window, Wiring, check,
};
use pagewright_soft::{FaultKind, Mmu, Reason};

const PAGE: u64 = 0x1000;
const RW: Protection = Protection::READ_WRITE;

fn guest() -> Managed<Mmu> {
    Managed::new(Mmu::new(Geometry::X86_64), 1 << 30)
}

fn allocate(guest: &mut Managed<Mmu>, place: Place, size: u64, action: Action) -> Result<u64, Kind> {
    let request = Allocate { place, size, action, protection: RW, traits: pagewright_core::Traits::PLAIN };
    guest.allocate(&request).map(|range| range.start().get()).map_err(|error| error.kind)
}

fn reserve(guest: &mut Managed<Mmu>, size: u64) -> u64 {
    allocate(guest, Place::Window(Window::ANYWHERE), size, Action::Reserve).expect("there is room")
}

fn free(guest: &mut Managed<Mmu>, at: u64, size: u64, disposal: Disposal) -> Result<(), Kind> {
    guest.free(&Free { at, size, disposal }).map(|_| ()).map_err(|error| error.kind)
}

fn consistent(guest: &Managed<Mmu>) {
    assert_eq!(check::check(guest.space()), Ok(()));
    assert_eq!(guest.machine().check(), Ok(()));
}

#[test]
fn a_page_is_reserved_committed_protected_decommitted_and_comes_back_as_zeros() {
    let mut guest = guest();
    let base = reserve(&mut guest, 1 << 40);
    let load = |guest: &mut Managed<Mmu>| guest.machine_mut().load::<u64>(base + PAGE).map_err(|f| f.reason);
    assert_eq!(load(&mut guest), Err(Reason::Reserved));
    assert_eq!(allocate(&mut guest, Place::At(base + PAGE), 1, Action::Commit), Ok(base + PAGE));
    assert_eq!(load(&mut guest), Ok(0));
    guest.machine_mut().store(base + PAGE, 42_u64).expect("committed");

    let protect = Protect { at: base + PAGE, size: 1, protection: Protection::READ };
    assert_eq!(guest.protect(&protect), Ok(RW));
    let fault = guest.machine_mut().store(base + PAGE, 43_u64).expect_err("read only now");
    assert_eq!((fault.kind, fault.reason), (FaultKind::Store, Reason::Access));
    assert_eq!(load(&mut guest), Ok(42));
    assert_eq!(allocate(&mut guest, Place::At(base), 3 * PAGE, Action::Commit), Ok(base));
    assert_eq!(load(&mut guest), Ok(42), "committing again keeps the content");
    guest.machine_mut().store(base + PAGE, 44_u64).expect("and gives the new protection");
    consistent(&guest);

    assert_eq!(free(&mut guest, base, 3 * PAGE, Disposal::Decommit), Ok(()));
    assert_eq!(load(&mut guest), Err(Reason::Reserved));
    assert_eq!(guest.machine().frames_used(), 0);
    assert_eq!(allocate(&mut guest, Place::At(base + PAGE), 1, Action::Commit), Ok(base + PAGE));
    assert_eq!(load(&mut guest), Ok(0), "memory comes back as zeros");
    assert_eq!(free(&mut guest, base, 0, Disposal::Release), Ok(()));
    assert_eq!(load(&mut guest), Err(Reason::Unmapped));
    consistent(&guest);
}

#[test]
fn a_partial_release_leaves_the_rest_with_its_content() {
    let mut guest = guest();
    let place = Place::Window(Window::ANYWHERE);
    let base = allocate(&mut guest, place, 8 * PAGE, Action::ReserveCommit).expect("there is room");
    for page in 0..8 {
        guest.machine_mut().store(base + page * PAGE, page + 100).expect("committed");
    }
    assert_eq!(free(&mut guest, base + 2 * PAGE, 3 * PAGE, Disposal::Release), Ok(()));
    for page in 0..8 {
        let loaded = guest.machine_mut().load::<u64>(base + page * PAGE).map_err(|fault| fault.reason);
        assert_eq!(loaded, if (2..5).contains(&page) { Err(Reason::Unmapped) } else { Ok(page + 100) });
    }
    let hole = guest.query(base + 3 * PAGE).expect("in the user range");
    assert_eq!((hole.base, hole.size, hole.state), (base + 3 * PAGE, 2 * PAGE, State::Free));
    assert_eq!(free(&mut guest, base + 5 * PAGE, 0, Disposal::Release), Ok(()));
    let rest = guest.query(base + 2 * PAGE).expect("in the user range");
    assert_eq!(rest.base + rest.size, Geometry::X86_64.user_end(), "free up to the end");
    consistent(&guest);
    guest.release_all().expect("nothing refuses");
    assert_eq!(guest.machine().frames_used(), 0);
}

#[test]
fn memory_of_the_embedder_is_foreign_to_the_address_space() {
    use pagewright_core::{Access, Machine, PageRange};
    let mut mmu = Mmu::new(Geometry::X86_64);
    let rom = PageRange::between(0x7000_0000, 0x7001_0000).expect("64 KiB");
    mmu.reserve(rom, Some(Access::READ)).expect("nothing is mapped yet");
    let mut guest = Managed::new(mmu, 1 << 30);
    let at = rom.start().get();
    assert_eq!(allocate(&mut guest, Place::At(at), PAGE, Action::Reserve), Err(Kind::Conflict));
    assert_eq!(free(&mut guest, at, 0, Disposal::Release), Err(Kind::NotAllocated));
    let window = Window { highest: rom.end().get() - 1, order: Order::TopDown, ..Window::ANYWHERE };
    let below = allocate(&mut guest, Place::Window(window), 0x1_0000, Action::Reserve);
    assert_eq!(below, Ok(at - 0x1_0000), "the search sees it");
    let info = guest.query(at + PAGE).expect("in the user range");
    assert_eq!(info.size, 0xf000);
    assert!(matches!(info.state, State::Committed { protection: Protection::READ, .. }));
    consistent(&guest);
}

#[test]
fn guards_and_locks_work_as_on_any_machine() {
    let mut guest = guest();
    let place = Place::Window(Window::ANYWHERE);
    let base = allocate(&mut guest, place, 4 * PAGE, Action::ReserveCommit).expect("there is room");
    let protect = Protect { at: base, size: PAGE, protection: RW.guarded() };
    guest.protect(&protect).expect("committed");
    assert_eq!(guest.machine_mut().load::<u8>(base).map_err(|fault| fault.reason), Err(Reason::Guard));
    let lock = |wiring| Lock { at: base, size: 4 * PAGE, wiring, quota: None };
    assert_eq!(guest.lock(&lock(Wiring::Wired)).map_err(|error| error.kind), Err(Kind::GuardHit));
    guest.machine_mut().set_frame_limit(Some(3));
    assert_eq!(guest.lock(&lock(Wiring::Wired)).map_err(|error| error.kind), Err(Kind::OutOfMemory));
    guest.machine_mut().set_frame_limit(Some(4));
    guest.lock(&lock(Wiring::Wired)).expect("there are frames");
    assert_eq!(guest.machine().frames_used(), 4);
    consistent(&guest);
    guest.lock(&lock(Wiring::Pageable)).expect("locked");
    assert_eq!(free(&mut guest, base, 0, Disposal::Decommit), Ok(()));
    assert_eq!(guest.machine().frames_used(), 0);
    consistent(&guest);
}

//! An emulated guest: guards, write watch, content that may go, frames, large pages, nodes.

use pagewright::core::{After, Fate, FrameCall, PageKind, Recycle, Survival, Traits, Watch, Written};
use pagewright::soft::{Fault, Guest, Reason};
use pagewright::{Action, Allocate, Free, Kind, Memory, PageRange, Protect, Protection, State};

const PAGE: u64 = 0x1000;
const RW: Protection = Protection::READ_WRITE;

fn of(traits: Traits, pages: u64) -> Allocate {
    Allocate { traits, ..Allocate::new(pages * PAGE) }
}

fn allocate(guest: &Guest, request: &Allocate) -> u64 {
    guest.allocate(request).expect("there is room").start().get()
}

fn protect(guest: &Guest, at: u64, protection: Protection) {
    guest.protect(&Protect { at, size: PAGE, protection }).expect("committed");
}

fn protection(guest: &Guest, at: u64) -> Protection {
    match guest.query(at).expect("a user address").state {
        State::Committed { protection, .. } => protection,
        state => panic!("{at:#x} is {state:?}"),
    }
}

fn reason<T>(said: Result<T, Fault>) -> Option<Reason> {
    said.err().map(|fault| fault.reason)
}

// Rows: GP01 GP02 GP03 GP05 GP16
#[test]
fn a_guard_goes_off_once_and_then_the_page_is_what_it_was_to_be() {
    type Access = fn(&mut Guest, u64) -> Option<Reason>;
    let accesses: [Access; 3] = [
        |guest, at| reason(guest.load::<u32>(at)),
        |guest, at| reason(guest.store(at, 7_u32)),
        |guest, at| reason(guest.fetch(at, &mut [0; 4])),
    ];
    for (index, access) in accesses.into_iter().enumerate() {
        let mut guest = Guest::new();
        let at = allocate(&guest, &Allocate::new(2 * PAGE));
        guest.store(at, 42_u32).expect("committed");
        let open = if index == 1 { Protection::READ } else { Protection::READ_EXECUTE };
        protect(&guest, at, open.guarded());
        assert_eq!(access(&mut guest, at), Some(Reason::Guard));
        assert_eq!(protection(&guest, at), open, "the guard is gone before anybody is told");
        let again = (index == 1).then_some(Reason::Access);
        assert_eq!(access(&mut guest, at), again, "the access is made again");
        assert_eq!(guest.load::<u32>(at), Ok(42), "the content is kept");
    }
}

// Rows: GP09 GP10
#[test]
fn a_copy_stops_at_a_guard_and_takes_it_away() {
    let mut guest = Guest::new();
    let at = allocate(&guest, &Allocate::new(3 * PAGE));
    guest.store(at + PAGE, 9_u8).expect("committed");
    let mut bytes = vec![0; 3 * PAGE as usize];
    for wanted in [PAGE as usize, bytes.len()] {
        protect(&guest, at + PAGE, RW.guarded());
        assert_eq!(guest.read(at, &mut bytes).expect("alive"), PAGE as usize);
        assert_eq!(guest.read(at, &mut bytes).expect("alive"), bytes.len());
        protect(&guest, at + PAGE, RW.guarded());
        assert_eq!(guest.write(at, &bytes[..wanted]).expect("alive"), PAGE as usize);
        let left = if wanted == bytes.len() { RW } else { RW.guarded() };
        assert_eq!(protection(&guest, at + PAGE), left, "only what is met goes off");
    }
    assert_eq!(guest.load::<u8>(at + PAGE), Ok(9));
}

/// A stack as emulators make it: one guard below what is committed; each time it goes off,
/// the next page gets memory and the guard.
// Rows: GP30
#[test]
fn a_stack_grows_page_by_page_under_its_guard() {
    let mut guest = Guest::new();
    let reserve = Allocate { action: Action::Reserve, ..Allocate::new(16 * PAGE) };
    let base = allocate(&guest, &reserve);
    let commit = |guest: &Guest, page: u64, protection| {
        let request =
            Allocate { action: Action::Commit, protection, ..Allocate::new(PAGE).at(base + page * PAGE) };
        guest.allocate(&request).expect("reserved");
    };
    commit(&guest, 15, RW);
    commit(&guest, 14, RW.guarded());
    let mut alarms = 0;
    for top in (1..16 * PAGE / 8).rev().map(|word| base + word * 8) {
        while let Err(fault) = guest.store(top, top) {
            assert_eq!((fault.reason, alarms < 14), (Reason::Guard, true), "{fault}");
            alarms += 1;
            let page = (fault.at - base) / PAGE;
            if page > 0 {
                commit(&guest, page - 1, RW.guarded());
            }
        }
        if top < base + PAGE + 8 {
            break;
        }
    }
    assert_eq!(alarms, 14);
    assert_eq!(protection(&guest, base), RW.guarded(), "the last page was not needed yet");
}

// Rows: WW05 WW06 WW11 WW17 WW40
#[test]
fn stores_of_the_guest_of_calls_and_of_devices_are_seen() {
    let mut guest = Guest::new();
    let watch = Traits { watch: Watch::On, ..Traits::PLAIN };
    let at = allocate(&guest, &of(watch, 8));
    let page = |first: u64, count: u64| {
        PageRange::between(at + first * PAGE, at + (first + count) * PAGE).expect("pages")
    };
    let asked = |guest: &Guest, limit, after| {
        guest.written(&Written { at, size: 8 * PAGE, limit, after }).expect("watched")
    };
    assert_eq!(asked(&guest, 8, After::Keep), []);
    guest.store(at, 1_u8).expect("committed");
    guest.store(at + PAGE - 4, u64::MAX).expect("across a border");
    assert_eq!(guest.write(at + 3 * PAGE, &[1]).expect("alive"), 1);
    guest.note_device_write(at + 5 * PAGE + 10, PAGE).expect("watched");
    assert_eq!(asked(&guest, 1, After::Forget), [page(0, 1)]);
    let rest: Vec<u64> = asked(&guest, 8, After::Forget).iter().map(|run| run.bytes()).collect();
    assert_eq!(rest.iter().sum::<u64>(), 4 * PAGE, "pages 1, 3, 5 and 6");
    assert_eq!(asked(&guest, 8, After::Keep), []);

    guest.store(at, 2_u8).expect("committed");
    protect(&guest, at, RW);
    guest.store(at + PAGE, 2_u8).expect("committed");
    guest.free(&Free::decommit(at, 2 * PAGE)).expect("committed");
    assert_eq!(asked(&guest, 8, After::Keep), [page(0, 1)], "latched by the change of protection");

    let plain = allocate(&guest, &Allocate::new(PAGE));
    let refused = guest.note_device_write(plain, 1).map_err(|error| error.kind());
    assert_eq!(refused, Err(Kind::NotWatched));
}

// Rows: RS01 RS14 RS15 PF15 PF16
#[test]
fn content_that_may_go_goes_when_the_machine_is_short_of_memory() {
    let mut guest = Guest::new();
    guest.set_frame_limit(Some(4));
    let at = allocate(&guest, &Allocate::new(8 * PAGE));
    let recycle = |guest: &Guest, page: u64, fate| {
        guest.recycle(&Recycle { at: at + page * PAGE, size: PAGE, fate }).map_err(|error| error.kind())
    };
    (0..4).for_each(|page| guest.store(at + page * PAGE, page + 10).expect("there are frames"));
    assert_eq!(recycle(&guest, 0, Fate::Reset), Ok(Survival::Intact));
    assert_eq!(recycle(&guest, 1, Fate::Offer), Ok(Survival::Intact));
    assert_eq!(reason(guest.load::<u64>(at + PAGE)), Some(Reason::Access), "until it is reclaimed");
    assert_eq!(recycle(&guest, 0, Fate::UndoReset), Ok(Survival::Intact));
    assert_eq!(recycle(&guest, 1, Fate::Reclaim), Ok(Survival::Intact));
    assert_eq!([0, 1].map(|page| guest.load::<u64>(at + page * PAGE)), [Ok(10), Ok(11)]);

    assert_eq!(recycle(&guest, 0, Fate::Reset), Ok(Survival::Intact));
    assert_eq!(recycle(&guest, 1, Fate::Offer), Ok(Survival::Intact));
    guest.store(at + 4 * PAGE, 14_u64).expect("what may go makes room");
    assert_eq!(recycle(&guest, 0, Fate::UndoReset), Ok(Survival::Lost));
    assert_eq!(recycle(&guest, 1, Fate::Reclaim), Ok(Survival::Lost));
    let left = [0, 1, 2, 3, 4].map(|page| guest.load::<u64>(at + page * PAGE).expect("readable"));
    assert_eq!(left, [0, 0, 12, 13, 14]);
    assert_eq!(guest.drop_yielded(), 0);
}

// Rows: LP25
#[test]
fn whoever_asks_for_more_frames_than_there_can_be_gets_fewer() {
    let guest = Guest::new();
    guest.set_frame_limit(Some(1000));
    for count in [u64::MAX, 1 << 52, 1001] {
        let frames = guest.frames(FrameCall::Allocate { count, node: None }).expect("there is memory");
        assert!((500..=1000).contains(&frames.len()), "{count}: {}", frames.len());
        assert_eq!(guest.frames(FrameCall::Free(&frames)).expect("owned"), frames);
    }
    let none = guest.frames(FrameCall::Allocate { count: 1, node: Some(7) });
    assert_eq!(none.map_err(|error| error.kind()), Err(Kind::NoNode));
}

// Rows: LP16 LP23 LP26 LP27 LP28 LP29 LP30
#[test]
fn a_window_is_smaller_than_what_it_shows() {
    let mut guest = Guest::new();
    let window = Traits { pages: PageKind::Window, ..Traits::PLAIN };
    let at = allocate(&guest, &Allocate { action: Action::Reserve, ..of(window, 2) });
    let frames = guest.frames(FrameCall::Allocate { count: 6, node: None }).expect("there is memory");
    assert_eq!(reason(guest.load::<u64>(at)), Some(Reason::Reserved));
    for pair in frames.chunks(2) {
        guest.frames(FrameCall::Map { at, frames: pair }).expect("owned");
        guest.store(at, pair[0] + 100).expect("mapped");
        guest.store(at + PAGE, pair[1] + 100).expect("mapped");
    }
    let scattered = [(at, Some(frames[1])), (at + PAGE, Some(frames[2]))];
    guest.frames(FrameCall::Scatter(&scattered)).expect("owned");
    assert_eq!(guest.load::<u64>(at), Ok(frames[1] + 100));
    assert_eq!(guest.load::<u64>(at + PAGE), Ok(frames[2] + 100));

    let twice = guest.frames(FrameCall::Map { at, frames: &[frames[3], frames[3]] });
    assert_eq!(twice.map_err(|error| error.kind()), Err(Kind::BadFrame));
    assert_eq!(guest.load::<u64>(at), Ok(frames[1] + 100), "nothing changed");
    guest.frames(FrameCall::Free(&frames[1..2])).expect("owned");
    assert_eq!(reason(guest.load::<u64>(at)), Some(Reason::Reserved), "unmapped first");
    guest.free(&Free::release(at)).expect("a base");
    let at = allocate(&guest, &Allocate { action: Action::Reserve, ..of(window, 1) });
    guest.frames(FrameCall::Map { at, frames: &frames[2..3] }).expect("still owned");
    assert_eq!(guest.load::<u64>(at), Ok(frames[2] + 100), "frames outlive windows");
}

// Rows: LP34 LP36
#[test]
fn large_pages_and_nodes_are_those_of_the_guests_machine() {
    let mut guest = Guest::new();
    guest.set_frame_limit(Some(1000));
    let large = Traits { pages: PageKind::Large, ..Traits::PLAIN };
    let at = allocate(&guest, &of(large, 512));
    let refused = guest.allocate(&of(large, 512)).map_err(|error| error.kind());
    assert_eq!((at % (512 * PAGE), refused), (0, Err(Kind::NoLargePages)));
    guest.store(at + 511 * PAGE, 7_u8).expect("committed");
    guest.free(&Free::release(at)).expect("a base");
    allocate(&guest, &of(large, 512));

    let far = Traits { node: Some(1), ..Traits::PLAIN };
    assert_eq!(guest.allocate(&of(far, 1)).map_err(|error| error.kind()), Err(Kind::NoNode));
    guest.set_nodes(2);
    assert_eq!(guest.nodes(), 2);
    allocate(&guest, &of(far, 1));
}

/// What the embedder does between a guard and the access that is made again counts, and nothing else.
// Rows: GP04 GP12 GP13 WW14
#[test]
fn an_access_is_made_again_and_sees_what_was_stored_meanwhile() {
    let mut guest = Guest::new();
    let at = allocate(&guest, &of(Traits { watch: Watch::On, ..Traits::PLAIN }, 1));
    let written = |guest: &Guest| {
        let request = Written { at, size: PAGE, limit: 8, after: After::Forget };
        guest.written(&request).expect("watched").len()
    };
    guest.store(at, 1_u32).expect("committed");
    assert_eq!((written(&guest), written(&guest)), (1, 0));
    protect(&guest, at, RW.guarded());
    assert_eq!(reason(guest.load::<u32>(at)), Some(Reason::Guard));
    assert_eq!(written(&guest), 0, "a load is no store, met or not");
    guest.store(at, 0x101_u32).expect("the guard is gone");
    let value = guest.load::<u32>(at).expect("made again");
    guest.store(at, value + 1).expect("committed");
    assert_eq!((guest.load::<u32>(at), written(&guest)), (Ok(0x102), 1));
}

//! Aliases between real processes, each proven by bytes that are seen on the other side.

mod live;

use std::os::unix::process::CommandExt;
use std::process::Command;

use pagewright::{
    Allocate, Consent, CopyRange, Edges, Free, Kind, Leftovers, Memory, Onto, Place, Process, Protect,
    Protection, Receipt, Share, State, Window,
};

use live::exercise::{allocate, info};
use live::guest::{Guest, python};
use live::kernel::{Allocates, PAGE, traces};
use live::skipped;

const ANYWHERE: Onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
const NOBODY: u32 = 65534;

fn wish(source: u64, size: u64) -> Share {
    Share {
        source,
        size,
        onto: ANYWHERE,
        protection: Protection::READ_WRITE,
        edges: Edges::Strict,
        consent: Consent::OwnOnly,
    }
}

fn share(from: &Process, into: &Process, request: &Share) -> Receipt {
    from.share(into, request).unwrap_or_else(|error| panic!("{error}"))
}

/// Without a look at the place afterwards: in this process, other tests allocate meanwhile.
fn release(process: &Process, base: u64) {
    process.free(&Free::release(base)).unwrap_or_else(|error| panic!("{error}"));
}

fn put(process: &Process, at: u64, bytes: &[u8]) {
    assert_eq!(process.write(at, bytes).expect("it lives"), bytes.len(), "at {at:#x}");
}

fn get(process: &Process, at: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let count = process.read(at, &mut bytes).expect("it lives");
    bytes.truncate(count);
    bytes
}

/// A store on either side is seen on the other one.
fn see_each_other(a: (&Process, u64), b: (&Process, u64), word: u64) {
    put(a.0, a.1, &word.to_le_bytes());
    assert_eq!(get(b.0, b.1, 8), word.to_le_bytes(), "written at the source");
    put(b.0, b.1 + 8, &(!word).to_le_bytes());
    assert_eq!(get(a.0, a.1 + 8, 8), (!word).to_le_bytes(), "written at the alias");
}

fn filled(process: &Process, size: u64) -> u64 {
    let base = allocate(process, Allocate::new(size));
    put(process, base + size - 5, b"hello");
    base
}

/// Everything between two processes, in one direction.
fn alias_there_and_back(from: &Process, into: &Process) {
    let base = filled(from, 4 * PAGE);
    let receipt = share(from, into, &wish(base, 4 * PAGE));
    assert_eq!((receipt.size, receipt.shared, receipt.copied, receipt.exposed), (4 * PAGE, 4 * PAGE, 0, 0));
    assert_eq!(get(into, receipt.base + 4 * PAGE - 5, 5), b"hello", "what was there before");
    see_each_other((from, base), (into, receipt.base), 0x1234);
    // Again, now that it is an object: the same bytes in a third place.
    let again = share(from, into, &wish(base + PAGE, PAGE));
    see_each_other((from, base + PAGE), (into, again.base), 0x5678);
    assert_eq!(get(into, receipt.base + PAGE, 8), 0x5678_u64.to_le_bytes(), "all three are one");
    // And on, from the alias, back to where it came from.
    let back = share(into, from, &wish(receipt.base + PAGE, PAGE));
    see_each_other((from, back.base), (into, again.base), 0x9abc);
    // The source goes; the bytes stay, and what is committed there anew is fresh.
    from.free(&Free::decommit(base, 4 * PAGE)).expect("committed");
    assert_eq!(get(into, receipt.base + 4 * PAGE - 5, 5), b"hello");
    from.allocate(&Allocate::new(4 * PAGE).commit().at(base)).expect("reserved");
    assert_eq!(get(from, base + 4 * PAGE - 5, 5), [0; 5], "fresh pages are zero");
    put(from, base, b"other");
    assert_eq!(get(into, receipt.base, 8), 0x1234_u64.to_le_bytes(), "and nobody else's");
    release(from, base);
    release(from, back.range.start().get());
    release(into, receipt.range.start().get());
    release(into, again.range.start().get());
}

#[test]
fn own_memory_is_seen_by_another_process_and_the_other_way_round() {
    let guest = Guest::sleeper("100");
    let before = traces(guest.pid(), Allocates::Nothing);
    let (me, other) = (Process::current(), guest.process());
    alias_there_and_back(&me, &other);
    alias_there_and_back(&other, &me);
    other.detach(Leftovers::Release).expect("attached");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
}

#[test]
fn two_other_processes_share_memory() {
    let (one, two) = (Guest::sleeper("100"), Guest::sleeper("100"));
    let (one, two) = (one.process(), two.process());
    alias_there_and_back(&one, &two);
}

#[test]
fn memory_within_another_process_is_aliased_and_copied() {
    let guest = Guest::sleeper("100");
    let other = guest.process();
    alias_there_and_back(&other, &other);
    let base = filled(&other, 64 * PAGE);
    let target = allocate(&other, Allocate::new(64 * PAGE));
    for round in 0..3_u8 {
        put(&other, base + 7 * PAGE, &[round; 3]);
        let copied = other.copy(&CopyRange { source: base, size: 64 * PAGE, target });
        assert_eq!(copied.expect("both are committed"), 64 * PAGE);
        put(&other, base + 7 * PAGE, b"new");
        assert_eq!(get(&other, target + 7 * PAGE, 3), [round; 3], "the copy does not follow");
        assert_eq!(get(&other, target + 64 * PAGE - 5, 5), b"hello");
    }
}

#[test]
fn the_bytes_outlive_the_process_that_they_came_from() {
    let (source, target) = (Guest::sleeper("100"), Guest::sleeper("100"));
    let base = filled(&source.process(), 2 * PAGE);
    let receipt = share(&source.process(), &target.process(), &wish(base, 2 * PAGE));
    drop(source);
    assert_eq!(get(&target.process(), receipt.base + 2 * PAGE - 5, 5), b"hello");
}

#[test]
fn a_view_for_reading_cannot_be_made_writable_by_its_process() {
    let guest = Guest::sleeper("100");
    let (me, other) = (Process::current(), guest.process());
    let base = filled(&me, PAGE);
    let receipt = share(&me, &other, &Share { protection: Protection::READ, ..wish(base, PAGE) });
    assert_eq!(get(&other, receipt.base + PAGE - 5, 5), b"hello");
    assert_eq!(other.write(receipt.base, b"x").expect("it lives"), 0, "the page is read-only");
    let more = Protect { at: receipt.base, size: PAGE, protection: Protection::READ_WRITE };
    let error = other.protect(&more).expect_err("the file was opened for reading");
    assert!(matches!(error.kind(), Kind::AccessDenied | Kind::AboveCeiling), "{error}");
    let State::Committed { protection, .. } = info(&other, receipt.base).state else { panic!("committed") };
    assert_eq!(protection, Protection::READ);
    release(&me, base);
}

#[test]
fn a_view_for_reading_cannot_be_passed_on_for_writing() {
    let (guest, third) = (Guest::sleeper("100"), Guest::sleeper("100"));
    let (me, other, third) = (Process::current(), guest.process(), third.process());
    let base = filled(&me, PAGE);
    let reading = Share { protection: Protection::READ, ..wish(base, PAGE) };
    let view = share(&me, &other, &reading);
    for into in [&third, &me] {
        let error = other.share(into, &wish(view.base, PAGE)).expect_err("it may only be read there");
        assert_eq!(error.kind(), Kind::AboveCeiling, "{error}");
    }
    let onwards = share(&other, &third, &Share { source: view.base, ..reading });
    assert_eq!(get(&third, onwards.base + PAGE - 5, 5), b"hello");
    release(&me, base);
}

#[test]
fn what_a_program_forbids_itself_is_not_permitted_by_an_alias() {
    let script = "import mmap,ctypes,sys\n\
        m=mmap.mmap(-1,16384,flags=mmap.MAP_PRIVATE|mmap.MAP_ANONYMOUS)\n\
        a=ctypes.addressof(ctypes.c_char.from_buffer(m))\n\
        ctypes.CDLL(None).mprotect(ctypes.c_void_p(a),16384,1)\n\
        print(a,flush=True)\n\
        sys.stdin.readline()";
    let Some(mut command) = python("memory for reading", script) else { return };
    let mut guest = Guest::start(&mut command);
    let source: u64 = guest.hear().parse().expect("a number");
    let (me, other) = (Process::current(), guest.process());
    let request = Share { consent: Consent::Foreign, ..wish(source, PAGE) };
    let error = other.share(&me, &request).expect_err("the program may only read it");
    assert_eq!(error.kind(), Kind::AboveCeiling, "{error}");
    let reading = share(&other, &me, &Share { protection: Protection::READ, ..request });
    release(&me, reading.range.start().get());
    guest.tell("");
    assert_eq!(guest.finish().code, Some(0));
}

#[test]
fn edges_are_refused_split_or_exposed() {
    let guest = Guest::sleeper("100");
    let (me, other) = (Process::current(), guest.process());
    let base = filled(&me, 3 * PAGE);
    put(&me, base, &vec![0xee; 3 * PAGE as usize]);
    let (source, size) = (base + 100, 2 * PAGE);
    let request = |edges| Share { edges, ..wish(source, size) };
    let error = me.share(&other, &request(Edges::Strict)).expect_err("not whole pages");
    assert_eq!(error.kind(), Kind::Misaligned, "{error}");
    let split = share(&me, &other, &request(Edges::Split));
    assert_eq!((split.shared, split.copied, split.exposed), (PAGE, PAGE, 0));
    let seen = get(&other, split.range.start().get(), 3 * PAGE as usize);
    let wanted = [vec![0; 100], vec![0xee; 2 * PAGE as usize], vec![0; PAGE as usize - 100]].concat();
    assert!(seen == wanted, "the edges show what was asked for, and zeros");
    put(&other, split.base, b"edge");
    assert_eq!(get(&me, source, 4), [0xee; 4], "an edge is a copy");
    see_each_other((&me, base + PAGE), (&other, split.base + PAGE - 100), 77);
    let whole = share(&me, &other, &request(Edges::Whole));
    assert_eq!((whole.shared, whole.copied, whole.exposed), (2 * PAGE, 0, PAGE));
    assert_eq!(whole.base % PAGE, 100);
    assert_eq!(get(&other, whole.base - 100, 1), [0xee], "the bytes before the range are exposed");
    release(&me, base);
}

#[test]
fn a_target_that_may_not_look_into_the_source_gets_a_file_of_its_own() {
    let mut command = Command::new("sleep");
    let guest = Guest::start(command.arg("100").uid(NOBODY).gid(NOBODY));
    let me = Process::current();
    let other = guest.process();
    if other.check_access().is_err() {
        return skipped("a process of another user", "this user may not trace it");
    }
    guest.wait_for_call(libc::SYS_clock_nanosleep);
    alias_there_and_back(&me, &other);
    // What others show already cannot move into the target's file.
    let third = Guest::sleeper("100");
    let base = filled(&me, PAGE);
    share(&me, &third.process(), &wish(base, PAGE));
    let error =
        me.share(&other, &wish(base, PAGE)).expect_err("it lies in a file that the target may not open");
    assert_eq!(error.kind(), Kind::AccessDenied, "{error}");
    assert_eq!(get(&me, base + PAGE - 5, 5), b"hello");
    release(&me, base);
}

#[test]
fn memory_of_the_program_itself_is_shared_only_if_the_call_says_so() {
    let script = "import mmap,ctypes,sys\n\
        m=mmap.mmap(-1,16384,flags=mmap.MAP_PRIVATE|mmap.MAP_ANONYMOUS)\n\
        m[:5]=b'begin'\n\
        print(ctypes.addressof(ctypes.c_char.from_buffer(m)),flush=True)\n\
        sys.stdin.readline()\n\
        print(bytes(m[100:105]).decode(),flush=True)";
    let Some(mut command) = python("memory of the program's own", script) else { return };
    let mut guest = Guest::start(&mut command);
    let source: u64 = guest.hear().parse().expect("a number");
    let (me, other) = (Process::current(), guest.process());
    let error = other.share(&me, &wish(source, 2 * PAGE)).expect_err("it is not ours");
    assert_eq!(error.kind(), Kind::NoConsent, "{error}");
    let request = Share { consent: Consent::Foreign, ..wish(source, 2 * PAGE) };
    let receipt = share(&other, &me, &request);
    assert_eq!(get(&me, receipt.base, 5), b"begin");
    put(&me, receipt.base + 100, b"taken");
    // A second alias of the same memory shows the same bytes.
    let again = share(&other, &me, &request);
    assert_eq!(get(&me, again.base + 100, 5), b"taken");
    guest.tell("");
    assert_eq!(guest.hear(), "taken", "the program sees what was stored through the alias");
    assert_eq!(guest.finish().code, Some(0));
    assert_eq!(get(&me, receipt.base, 5), b"begin", "and its end takes nothing away");
    release(&me, receipt.range.start().get());
    release(&me, again.range.start().get());
}

#[test]
fn stacks_and_the_pages_of_the_kernel_are_refused() {
    let guest = Guest::sleeper("100");
    let (me, other) = (Process::current(), guest.process());
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", guest.pid())).expect("it lives");
    for name in ["[stack]", "[vdso]", "[vvar]"] {
        let Some(line) = maps.lines().find(|line| line.ends_with(name)) else { continue };
        let (start, rest) = line.split_once('-').expect("a range");
        let end = rest.split_once(' ').expect("a range").0;
        let number = |text| u64::from_str_radix(text, 16).expect("a number");
        let at = number(start).max(number(end) - PAGE);
        let request = Share { consent: Consent::Foreign, protection: Protection::READ, ..wish(at, PAGE) };
        let error = other.share(&me, &request).expect_err(name);
        assert_eq!(error.kind(), Kind::Special, "{name}: {error}");
    }
}

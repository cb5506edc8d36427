//! What an alias exposes, byte by byte: canaries around a buffer of any place and length of
//! one to three pages, for each choice of edges, for reading and for writing. What the
//! receiver can reach is exactly what the receipt says.
//!
//! `PAGEWRIGHT_CANARY=full` tries every offset, with some forty lengths each.

mod wince_support;

use pagewright::win32::PAGE_READWRITE;
use pagewright::wince::{Source, View, last_receipt, virtual_alloc_copy_ex, virtual_copy};
use pagewright::{Edges, Geometry, Memory, Process, Protection, Receipt};

use wince_support::{HERE, On, PAGE, Sleeper, alloc_copy, arena, copy, golden::BOTH, kernel};

/// Pages of the source, and a reserved one on either side of the target.
const PAGES: usize = 6;
const SIZE: usize = PAGES * PAGE;
/// The first page of the source that a buffer begins in.
const FIRST: usize = PAGE;

/// A byte that tells where it is; never 0.
fn canary(at: usize) -> u8 {
    (at.wrapping_mul(31).wrapping_add(at >> 8) % 251 + 1) as u8
}

/// What the receiver stores; no canary.
const STORED: u8 = 0xff;

fn pattern() -> Vec<u8> {
    (0..SIZE).map(canary).collect()
}

fn is_full() -> bool {
    std::env::var("PAGEWRIGHT_CANARY").is_ok_and(|value| value == "full")
}

/// Offsets in a page: every class, and in the full run every one.
fn offsets() -> Vec<usize> {
    if is_full() {
        return (0..PAGE).collect();
    }
    let near = |at: usize| [at.wrapping_sub(1) % PAGE, at % PAGE, (at + 1) % PAGE];
    let mut all: Vec<usize> = [0, 8, 2048, 3001].into_iter().flat_map(near).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Lengths of a buffer that begins at `offset`: around every end of a page, and between.
fn lengths(offset: usize) -> Vec<usize> {
    let ends = (1..=4).map(|page| page * PAGE - offset);
    let whole = (1..=3).map(|page| page * PAGE);
    let mut all: Vec<usize> = ends.chain(whole).flat_map(|end| [end - 1, end, end + 1]).collect();
    let step = if is_full() { 509 } else { 5479 };
    all.extend((1..=3 * PAGE).step_by(step));
    all.retain(|length| (1..=3 * PAGE).contains(length));
    all.sort_unstable();
    all.dedup();
    all
}

/// What a case is about.
#[derive(Clone, Copy, Debug)]
struct Case {
    offset: usize,
    length: usize,
    edges: Edges,
}

impl Case {
    fn start(&self) -> usize {
        FIRST + self.offset
    }

    fn end(&self) -> usize {
        self.start() + self.length
    }

    /// The pages touched, as offsets in the source.
    fn pages(&self) -> (usize, usize) {
        (self.start() & !(PAGE - 1), self.end().next_multiple_of(PAGE))
    }

    /// The bytes that are the same memory on both sides.
    fn shared(&self) -> (usize, usize) {
        match self.edges {
            Edges::Strict => (self.start(), self.end()),
            Edges::Whole => self.pages(),
            Edges::Split => {
                let (low, high) = (self.start().next_multiple_of(PAGE), self.end() & !(PAGE - 1));
                if low < high { (low, high) } else { (low, low) }
            }
        }
    }

    /// What the receiver sees at first in the pages of the view.
    fn seen(&self) -> Vec<u8> {
        let (low, high) = self.pages();
        let shows = |at: usize| match self.edges {
            Edges::Strict | Edges::Split => (self.start()..self.end()).contains(&at),
            Edges::Whole => true,
        };
        (low..high).map(|at| if shows(at) { canary(at) } else { 0 }).collect()
    }

    fn is_aligned(&self) -> bool {
        self.offset == 0 && self.length.is_multiple_of(PAGE)
    }

    /// The receipt counts what was worked out here from the definition.
    fn agrees(&self, receipt: &Receipt) {
        let (low, high) = self.shared();
        let asked = high.min(self.end()).saturating_sub(low.max(self.start()));
        let (shared, copied) = (asked as u64, (self.length - asked) as u64);
        let exposed = (high - low) as u64 - shared;
        assert_eq!((receipt.size, receipt.shared), (self.length as u64, shared), "{self:?}");
        assert_eq!((receipt.copied, receipt.exposed), (copied, exposed), "{self:?}");
        let (first, last) = self.pages();
        assert_eq!(receipt.range.bytes(), (last - first) as u64, "{self:?}");
        assert_eq!(receipt.base, receipt.range.start().get() + self.offset as u64, "{self:?}");
    }
}

fn cases(offsets: &[usize]) -> impl Iterator<Item = Case> + '_ {
    [Edges::Strict, Edges::Split, Edges::Whole].into_iter().flat_map(move |edges| {
        offsets.iter().flat_map(move |offset| {
            lengths(*offset).into_iter().map(move |length| Case { offset: *offset, length, edges })
        })
    })
}

/// Reads all of `size` bytes; what cannot be read is not there.
fn read(process: &Process, at: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let count = process.read(at, &mut bytes).expect("it lives");
    bytes.truncate(count);
    bytes
}

fn write(process: &Process, at: u64, bytes: &[u8]) {
    assert_eq!(process.write(at, bytes).expect("it lives"), bytes.len());
}

/// Everything about one view that was made: reading, writing, and the bytes around it.
fn is_exactly(case: &Case, receipt: &Receipt, source: (&Process, u64), view: &Process) {
    case.agrees(receipt);
    let (low, high) = case.pages();
    let at = receipt.range.start().get();
    assert_eq!(read(view, at, high - low), case.seen(), "{case:?}: what the receiver can read");
    assert!(read(view, at + (high - low) as u64, 1).is_empty(), "{case:?}: the page behind");
    assert!(read(view, at - 1, 1).is_empty(), "{case:?}: the page before");
    // The receiver stores wherever it can.
    write(view, at, &vec![STORED; high - low]);
    let (first, last) = case.shared();
    let expected: Vec<u8> =
        (0..SIZE).map(|at| if (first..last).contains(&at) { STORED } else { canary(at) }).collect();
    let now = read(source.0, source.1, SIZE);
    assert!(now == expected, "{case:?}: what the receiver could write");
    let reached = now.iter().zip(pattern()).filter(|(now, then)| **now != *then).count() as u64;
    assert_eq!(reached, receipt.shared + receipt.exposed, "{case:?}: as many as the receipt says");
    // And the owner stores, which is seen where the memory is the same, and only there.
    write(source.0, source.1, &pattern());
    let seen = read(view, at, high - low);
    let expected: Vec<u8> =
        (low..high).map(|at| if (first..last).contains(&at) { canary(at) } else { STORED }).collect();
    assert!(seen == expected, "{case:?}: what the receiver sees of later stores");
}

fn view(source: u64, case: &Case) -> View {
    View {
        source: Source::Virtual(source + case.start() as u64),
        size: case.length as u64,
        protection: Protection::READ_WRITE,
        edges: case.edges,
    }
}

#[test]
fn within_a_process_an_alias_exposes_what_its_receipt_says() {
    let here = Process::current();
    let mut source = 0;
    let target = HERE.reserved(SIZE);
    let mut count = 0;
    for (number, case) in cases(&offsets()).enumerate() {
        // Now and then memory that was never shared before.
        if number % 64 == 0 {
            if source != 0 {
                HERE.release(source);
            }
            source = HERE.memory(SIZE);
            write(&here, source as u64, &pattern());
        }
        let at = (target + FIRST + case.offset) as u64;
        let made = virtual_copy(at, &view(source as u64, &case));
        if case.edges == Edges::Strict && !case.is_aligned() {
            assert_eq!(made.map_err(|failure| failure.code()), Err(87), "{case:?}");
            continue;
        }
        let receipt = made.unwrap_or_else(|failure| panic!("{case:?}: {failure}"));
        is_exactly(&case, &receipt, (&here, source as u64), &here);
        let (low, high) = case.pages();
        HERE.decommit(target + low, high - low);
        count += 1;
    }
    assert!(count > 300, "{count}");
    HERE.release(source);
    HERE.release(target);
}

#[test]
fn between_processes_an_alias_exposes_what_its_receipt_says() {
    let mode = kernel();
    let here = Process::current();
    let sleeper = Sleeper::new();
    let there = Process::open(sleeper.pid()).expect("it runs");
    let offsets: Vec<usize> = offsets().into_iter().step_by(if is_full() { 64 } else { 5 }).collect();
    for (from, to, on) in [(&here, &there, HERE), (&there, &here, On::id(sleeper.pid()))] {
        let source = on.memory(SIZE) as u64;
        write(from, source, &pattern());
        for case in cases(&offsets) {
            let made = virtual_alloc_copy_ex(&mode, from, to, &view(source, &case));
            if case.edges == Edges::Strict && !case.is_aligned() {
                assert_eq!(made.map_err(|failure| failure.code()), Err(87), "{case:?}");
                continue;
            }
            let receipt = made.unwrap_or_else(|failure| panic!("{case:?}: {failure}"));
            is_exactly(&case, &receipt, (from, source), to);
            to.free(&pagewright::Free::release(receipt.range.start().get())).expect("ours");
        }
    }
}

#[test]
fn the_calls_under_their_c_names_share_whole_pages_and_say_so() {
    let _mode = kernel();
    let here = Process::current();
    let at = arena();
    HERE.alloc(at, SIZE, BOTH, PAGE_READWRITE).expect("free");
    write(&here, at as u64, &pattern());
    let target = HERE.reserved(SIZE);
    for case in cases(&offsets()).filter(|case| case.edges == Edges::Whole).step_by(5) {
        let source = at + case.start();
        assert_eq!(copy(target + case.start(), source, case.length, PAGE_READWRITE), Ok(()), "{case:?}");
        let receipt = last_receipt().expect("it worked");
        is_exactly(&case, &receipt, (&here, at as u64), &here);
        let (low, high) = case.pages();
        HERE.decommit(target + low, high - low);
        let view = alloc_copy((HERE, source), HERE, case.length, PAGE_READWRITE).expect("kernel mode");
        let receipt = last_receipt().expect("it worked");
        assert_eq!(receipt.base, view as u64);
        is_exactly(&case, &receipt, (&here, at as u64), &here);
        HERE.release(Geometry::X86_64.page_down(view as u64) as usize);
    }
    HERE.release(at);
    HERE.release(target);
}

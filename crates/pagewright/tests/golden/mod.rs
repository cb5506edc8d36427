//! The golden table of the Win32 calls: interesting arguments in interesting prior
//! states, and what comes of them.
//!
//! ```text
//!   state  call                              = outcome          ; query after it     ; fact
//!   short  alloc A+0x8000 0x1000 RESERVE RW  = 487 INVALID_ADDRESS ; A+0x8000+0xf8000 free ; VA18
//! ```
//!
//! `A` is a free megabyte, so the same table holds for an emulated guest, which it
//! is generated on, and for this process. `any` is a granule outside of it.

pub(crate) mod cases;
pub(crate) mod facts;

use std::cell::RefCell;
use std::fmt::Write as _;

use pagewright::win32::{
    Failure, MEM_COMMIT, MEM_FREE, MEM_MAPPED, MEM_PRIVATE, MEM_RESERVE, MEMORY_BASIC_INFORMATION,
    PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_GUARD, PAGE_NOACCESS, PAGE_NOCACHE, PAGE_READONLY,
    PAGE_READWRITE, Requirements, read_memory, virtual_alloc, virtual_alloc2, virtual_free, virtual_lock,
    virtual_protect, virtual_query, virtual_unlock, write_memory,
};
use pagewright::{Disposal, Free, Memory, State as Standing};

/// How large the free range is that cases play in.
pub(crate) const ARENA: u64 = 0x10_0000;

/// What there is before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Prior {
    /// Nothing.
    Free,
    /// Three pages reserved, RW.
    Short,
    /// 64 KiB reserved, RW.
    Reserved,
    /// 64 KiB committed, RW.
    Committed,
    /// 64 KiB reserved NOACCESS; page 0 committed RW, page 2 committed NOACCESS.
    Mixed,
    /// 64 KiB committed, READONLY.
    ReadOnly,
    /// 64 KiB committed, NOACCESS.
    NoAccess,
    /// 64 KiB committed, EXECUTE_READ.
    Code,
    /// 64 KiB committed: two pages EXECUTE_READWRITE, then EXECUTE_READ.
    Edge,
    /// 64 KiB committed RW, page 0 with an armed guard.
    Guarded,
    /// 64 KiB committed RW | NOCACHE.
    NoCache,
    /// Two allocations of 64 KiB side by side, committed RW.
    Pair,
    /// 64 KiB committed RW, page 1 released.
    Hole,
    /// 64 KiB committed RW, pages 0 and 1 locked.
    Locked,
}

/// An address: in the arena, or a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum At {
    A(u64),
    Is(u64),
}

/// A call with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Alloc { at: At, size: u64, kind: u32, protect: u32 },
    Alloc2 { at: At, size: u64, lowest: At, highest: At, alignment: u64 },
    Free { at: At, size: u64, kind: u32 },
    Protect { at: At, size: u64, protect: u32 },
    Query { at: At },
    Lock { at: At, size: u64 },
    Unlock { at: At, size: u64 },
    Read { at: At, size: u64 },
    Write { at: At, size: u64 },
}

/// A row before it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Case {
    pub(crate) prior: Prior,
    pub(crate) call: Call,
}

/// What came of a call.
enum Outcome {
    Base(u64),
    Old(u32),
    Count(u64),
    Done,
    Refused(Failure),
}

/// Runs every case on `memory`, with the arena at `arena`: one line each.
///
/// Panics if a row contradicts the fact that it follows.
pub(crate) fn table(memory: &dyn Memory, arena: u64) -> Vec<String> {
    let bench = Bench { memory, arena, wrong: RefCell::default() };
    let rows = cases::all().iter().map(|case| bench.row(case)).collect();
    let wrong = bench.wrong.take();
    assert!(
        wrong.is_empty(),
        "{} rows contradict the facts:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(40)].join("\n")
    );
    rows
}

struct Bench<'a> {
    memory: &'a dyn Memory,
    arena: u64,
    /// Rows that contradict a fact.
    wrong: RefCell<Vec<String>>,
}

impl Bench<'_> {
    fn row(&self, case: &Case) -> String {
        self.clear();
        self.prepare(case.prior);
        let outcome = self.perform(case.call);
        let mut row = format!("{:<9} {}", format!("{:?}", case.prior).to_lowercase(), self.call(case.call));
        let fact = facts::of(case);
        let code = if let Outcome::Refused(failure) = &outcome { failure.code() } else { 0 };
        let _ = write!(row, " = {} ; {}", self.outcome(&outcome), self.after(case.call, &outcome));
        if let Some((fact, expected)) = fact
            && code != expected
        {
            self.wrong.borrow_mut().push(format!("{row}\n    but {fact} says {expected}"));
        }
        let _ = write!(row, " ; {}", fact.map_or("-", |(fact, _)| fact));
        if let Outcome::Base(base) = outcome {
            self.release(base);
        }
        self.clear();
        row
    }

    fn addr(&self, at: At) -> u64 {
        match at {
            At::A(offset) => self.arena + offset,
            At::Is(address) => address,
        }
    }

    fn clear(&self) {
        let mut at = self.arena;
        while at < self.arena + ARENA {
            let info = self.memory.query(at).expect("the arena can be queried");
            at = info.base + info.size;
            match info.state {
                Standing::Free => {}
                Standing::Reserved { allocation, .. } | Standing::Committed { allocation, .. } => {
                    self.release(allocation);
                    at = self.arena;
                }
            }
        }
    }

    fn release(&self, at: u64) {
        // Outside of the arena the call may not have allocated anything.
        let _ = self.memory.free(&Free { at, size: 0, disposal: Disposal::Release });
    }

    fn make(&self, offset: u64, size: u64, kind: u32, protect: u32) {
        virtual_alloc(self.memory, self.arena + offset, size, kind, protect).expect("a prior state");
    }

    fn prepare(&self, prior: Prior) {
        let both = MEM_RESERVE | MEM_COMMIT;
        let whole = |protect| self.make(0, 0x1_0000, both, protect);
        match prior {
            Prior::Free => {}
            Prior::Short => self.make(0, 0x3000, MEM_RESERVE, PAGE_READWRITE),
            Prior::Reserved => self.make(0, 0x1_0000, MEM_RESERVE, PAGE_READWRITE),
            Prior::Committed => whole(PAGE_READWRITE),
            Prior::Mixed => {
                self.make(0, 0x1_0000, MEM_RESERVE, PAGE_NOACCESS);
                self.make(0, 0x1000, MEM_COMMIT, PAGE_READWRITE);
                self.make(0x2000, 0x1000, MEM_COMMIT, PAGE_NOACCESS);
            }
            Prior::ReadOnly => whole(PAGE_READONLY),
            Prior::NoAccess => whole(PAGE_NOACCESS),
            Prior::Code => whole(PAGE_EXECUTE_READ),
            Prior::Edge => {
                whole(PAGE_EXECUTE_READ);
                virtual_protect(self.memory, self.arena, 0x2000, PAGE_EXECUTE_READWRITE)
                    .expect("a prior state");
            }
            Prior::Guarded => {
                whole(PAGE_READWRITE);
                virtual_protect(self.memory, self.arena, 1, PAGE_READWRITE | PAGE_GUARD)
                    .expect("a prior state");
            }
            Prior::NoCache => whole(PAGE_READWRITE | PAGE_NOCACHE),
            Prior::Pair => {
                whole(PAGE_READWRITE);
                self.make(0x1_0000, 0x1_0000, both, PAGE_READWRITE);
            }
            Prior::Hole => {
                whole(PAGE_READWRITE);
                let page = Free { at: self.arena + 0x1000, size: 0x1000, disposal: Disposal::Release };
                self.memory.free(&page).expect("a prior state");
            }
            Prior::Locked => {
                whole(PAGE_READWRITE);
                virtual_lock(self.memory, self.arena, 0x2000).expect("a prior state");
            }
        }
    }

    fn perform(&self, call: Call) -> Outcome {
        let memory = self.memory;
        let outcome = match call {
            Call::Alloc { at, size, kind, protect } => {
                virtual_alloc(memory, self.addr(at), size, kind, protect).map(Outcome::Base)
            }
            Call::Alloc2 { at, size, lowest, highest, alignment } => {
                let [lowest, highest] = [lowest, highest].map(|at| self.addr(at));
                let requirements = Requirements { lowest, highest, alignment };
                virtual_alloc2(memory, self.addr(at), size, MEM_RESERVE, PAGE_READWRITE, requirements)
                    .map(Outcome::Base)
            }
            Call::Free { at, size, kind } => {
                virtual_free(memory, self.addr(at), size, kind).map(|()| Outcome::Done)
            }
            Call::Protect { at, size, protect } => {
                virtual_protect(memory, self.addr(at), size, protect).map(Outcome::Old)
            }
            Call::Query { at } => virtual_query(memory, self.addr(at)).map(|_| Outcome::Done),
            Call::Lock { at, size } => virtual_lock(memory, self.addr(at), size).map(|()| Outcome::Done),
            Call::Unlock { at, size } => virtual_unlock(memory, self.addr(at), size).map(|()| Outcome::Done),
            Call::Read { at, size } => self.read(self.addr(at), size),
            Call::Write { at, size } => write_memory(memory, self.addr(at), &vec![0x5a; size as usize])
                .map(|n| Outcome::Count(n as u64)),
        };
        outcome.unwrap_or_else(Outcome::Refused)
    }

    fn read(&self, at: u64, size: u64) -> Result<Outcome, Failure> {
        let mut bytes = vec![0xa5; size as usize];
        let count = read_memory(self.memory, at, &mut bytes)?;
        assert!(bytes.iter().all(|byte| *byte == 0), "VA63: fresh memory is zero");
        Ok(Outcome::Count(count as u64))
    }

    fn outcome(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Base(base) => self.name(*base),
            Outcome::Old(old) => format!("old {}", protection(*old)),
            Outcome::Count(count) => format!("count {count:#x}"),
            Outcome::Done => "ok".into(),
            Outcome::Refused(failure) => {
                let name = failure.name();
                let mut text = format!("{} {}", code(failure.code()), name.trim_start_matches("ERROR_"));
                if let Some(count) = failure.transferred {
                    let _ = write!(text, " count {count:#x}");
                }
                text
            }
        }
    }

    /// The record of the place that the call was about.
    fn after(&self, call: Call, outcome: &Outcome) -> String {
        let at = match (call, outcome) {
            (_, Outcome::Base(base)) => *base,
            (
                Call::Alloc { at, .. }
                | Call::Alloc2 { at, .. }
                | Call::Free { at, .. }
                | Call::Protect { at, .. }
                | Call::Query { at }
                | Call::Lock { at, .. }
                | Call::Unlock { at, .. }
                | Call::Read { at, .. }
                | Call::Write { at, .. },
                _,
            ) => match at {
                At::A(offset) => self.arena + offset,
                At::Is(_) => return "-".into(),
            },
        };
        match virtual_query(self.memory, at) {
            Ok(record) => self.record(&record),
            Err(failure) => failure.name().into(),
        }
    }

    fn record(&self, record: &MEMORY_BASIC_INFORMATION) -> String {
        let base = record.BaseAddress.addr() as u64;
        let mut size = record.RegionSize as u64;
        if record.State == MEM_FREE && self.is_inside(base) {
            size = size.min(self.arena + ARENA - base);
        }
        let place = format!("{}+{size:#x}", self.name(base));
        let owner = format!(
            "{} {}{}",
            self.name(record.AllocationBase.addr() as u64),
            protection(record.AllocationProtect),
            match record.Type {
                MEM_PRIVATE => "",
                MEM_MAPPED => " mapped",
                _ => " image",
            },
        );
        match record.State {
            MEM_FREE => {
                assert_eq!(
                    (record.AllocationBase.addr(), record.AllocationProtect, record.Protect, record.Type),
                    (0, 0, PAGE_NOACCESS, 0),
                    "VQ01"
                );
                format!("{place} free")
            }
            MEM_RESERVE => {
                assert_eq!(record.Protect, 0, "VQ02");
                format!("{place} reserve of {owner}")
            }
            _ => format!("{place} commit {} of {owner}", protection(record.Protect)),
        }
    }

    fn is_inside(&self, address: u64) -> bool {
        (self.arena..self.arena + ARENA).contains(&address)
    }

    fn name(&self, address: u64) -> String {
        match address {
            inside if self.is_inside(inside) => format!("A+{:#x}", inside - self.arena),
            granule if granule % 0x1_0000 == 0 => "any".into(),
            other => format!("{other:#x}"),
        }
    }

    fn call(&self, call: Call) -> String {
        match call {
            Call::Alloc { at, size, kind, protect } => {
                format!("alloc {} {} {} {}", spot(at), bytes(size), cases::kind(kind), protection(protect))
            }
            Call::Alloc2 { at, size, lowest, highest, alignment } => {
                let [at, lowest, highest] = [at, lowest, highest].map(spot);
                format!("alloc2 {at} {} from {lowest} to {highest} align {alignment:#x}", bytes(size))
            }
            Call::Free { at, size, kind } => {
                format!("free {} {} {}", spot(at), bytes(size), cases::free_kind(kind))
            }
            Call::Protect { at, size, protect } => {
                format!("protect {} {} {}", spot(at), bytes(size), protection(protect))
            }
            Call::Query { at } => format!("query {}", spot(at)),
            Call::Lock { at, size } => format!("lock {} {}", spot(at), bytes(size)),
            Call::Unlock { at, size } => format!("unlock {} {}", spot(at), bytes(size)),
            Call::Read { at, size } => format!("read {} {}", spot(at), bytes(size)),
            Call::Write { at, size } => format!("write {} {}", spot(at), bytes(size)),
        }
    }
}

fn spot(at: At) -> String {
    match at {
        At::A(offset) => format!("A+{offset:#x}"),
        At::Is(address) => bytes(address),
    }
}

fn bytes(number: u64) -> String {
    if number == u64::MAX { "-1".into() } else { format!("{number:#x}") }
}

fn code(code: u32) -> String {
    if code < 0x1_0000 { code.to_string() } else { format!("{code:#x}") }
}

/// A `PAGE_…` word in the letters of the facts: `RW`, `XR+guard`, or a number.
pub(crate) fn protection(word: u32) -> String {
    let access = match word & 0xff {
        0x01 => "NA",
        0x02 => "RO",
        0x04 => "RW",
        0x08 => "WC",
        0x10 => "X",
        0x20 => "XR",
        0x40 => "XRW",
        0x80 => "XWC",
        _ => return format!("{word:#x}"),
    };
    if word & 0xbfff_f800 != 0 {
        return format!("{word:#x}");
    }
    let mut text = access.to_owned();
    for (bit, name) in [(0x100, "guard"), (0x200, "nocache"), (0x400, "combine"), (0x4000_0000, "targets")] {
        if word & bit != 0 {
            let _ = write!(text, "+{name}");
        }
    }
    text
}

//! Which fact row a case follows, and the code that the row gives it.
//!
//! Written from the facts, not from the code under test: the rules here look only at
//! the case. A case that no row decides has none.

use super::cases::{
    COMMIT, DECOMMIT, LARGE, PHYSICAL, RELEASE, RESERVE, RESET, RESET_UNDO, TOP_DOWN, WRITE_WATCH,
};
use super::{At, Call, Case, Prior};

/// The row, and the code; 0 for success.
pub(crate) type Fact = (&'static str, u32);

const HIGHEST: u64 = 0x7fff_ffff_efff;

/// The fact that decides a case.
pub(crate) fn of(case: &Case) -> Option<Fact> {
    match case.call {
        Call::Alloc { at, size, kind, protect } => {
            let fact = arguments(at, size, kind, protect);
            let about_content = kind & (RESET | RESET_UNDO) != 0;
            fact.or_else(|| match case.prior {
                Prior::Free if about_content => Some(("RS04", 487)),
                _ if about_content => None,
                prior => place(prior, at, size, kind, protect),
            })
        }
        Call::Alloc2 { at, size, lowest, highest, alignment } => {
            requirements(case.prior, at, size, [lowest, highest], alignment)
        }
        Call::Free { at, size, kind } => free(case.prior, at, size, kind),
        Call::Protect { at, size, protect } => protect_of(case.prior, at, size, protect),
        Call::Query { at } => query(case.prior, at),
        Call::Lock { at, size } => lock(case.prior, at, size),
        Call::Unlock { at, size } => unlock(case.prior, at, size),
        Call::Read { at, size } => read(case.prior, at, size),
        Call::Write { at, size } => write(case.prior, at, size),
    }
}

/// Arguments of an allocation that are wrong in any state.
fn arguments(at: At, size: u64, kind: u32, protect: u32) -> Option<Fact> {
    if matches!(at, At::Is(1..=0xffff)) {
        return Some(("VA32", 87));
    }
    if let Some(row) = bad_kind(kind, protect) {
        return Some((row, 87));
    }
    if kind & (LARGE | RESERVE) == LARGE && at != At::Is(0) {
        return Some(("LP05", 87)); // VA06 makes one operation of it without an address only.
    }
    if let Some(row) = bad_protection(protect) {
        return Some((row, 87));
    }
    match (at, size) {
        (At::Is(0x7fff_ffff_f000..), _) => Some(("VA34", 87)),
        (_, 0) => Some(("VA01", 87)),
        (_, 0x8000_0000_0000..) => Some(("VA36", 87)),
        // Reached with a large page only: others are a matter of the place.
        _ if kind & LARGE != 0 => Some(("LP02", 1314)),
        _ => None,
    }
}

fn bad_kind(kind: u32, protect: u32) -> Option<&'static str> {
    let has = |bits: u32| kind & bits != 0;
    let known = COMMIT | RESERVE | RESET | RESET_UNDO | TOP_DOWN | WRITE_WATCH | PHYSICAL | LARGE;
    let rules = [
        ("VA44", kind == u32::MAX),
        ("VA48", has(0x4_4000)),
        ("VA45", has(0x4000_0000)),
        ("VA44", has(!known)),
        ("VA40", kind == 0),
        ("VA41", kind == TOP_DOWN),
        ("VA47", has(RESET) && has(COMMIT | TOP_DOWN | RESERVE)),
        ("RS11", has(RESET) && kind != RESET),
        ("RS17", has(RESET_UNDO) && kind != RESET_UNDO),
        ("VA46", has(WRITE_WATCH) && !has(RESERVE)),
        ("LP14", has(PHYSICAL) && !has(RESERVE | COMMIT)),
        ("LP15", has(PHYSICAL) && has(COMMIT)),
        ("LP19", has(PHYSICAL) && has(WRITE_WATCH)),
        ("LP06", has(LARGE) && has(PHYSICAL | WRITE_WATCH)),
        ("LP18", has(PHYSICAL) && protect != 4),
        ("LP05", has(LARGE) && has(RESERVE) && !has(COMMIT)),
        ("VA40", !has(COMMIT | RESERVE | RESET | RESET_UNDO)),
    ];
    rules.iter().find(|(_, applies)| *applies).map(|(row, _)| *row)
}

/// A protection that private memory cannot be allocated with.
fn bad_protection(protect: u32) -> Option<&'static str> {
    let access = protect & 0xff;
    let modifiers = protect & 0x700;
    let rules = [
        ("VA56", protect & !(0xff | 0x700 | 0x4000_0000) != 0),
        ("VA49", access == 0),
        ("VA53", access.count_ones() > 1),
        ("VA54", access == 0x08 || access == 0x80),
        ("VA57", access == 1 && protect & 0x100 != 0),
        ("VA58", access == 1 && protect & 0x400 != 0),
        ("VA59", access == 1 && modifiers != 0),
        ("VA59", modifiers.count_ones() > 1),
        ("VA61", protect & 0x4000_0000 != 0 && access < 0x10),
    ];
    rules.iter().find(|(_, applies)| *applies).map(|(row, _)| *row)
}

/// The ranges of the allocations of a state, as offsets.
fn allocations(prior: Prior) -> &'static [(u64, u64)] {
    match prior {
        Prior::Free => &[],
        Prior::Short => &[(0, 0x3000)],
        Prior::Pair => &[(0, 0x1_0000), (0x1_0000, 0x2_0000)],
        Prior::Hole => &[(0, 0x1000), (0x2000, 0x1_0000)],
        Prior::Reserved
        | Prior::Committed
        | Prior::Mixed
        | Prior::ReadOnly
        | Prior::NoAccess
        | Prior::Code
        | Prior::Edge
        | Prior::Guarded
        | Prior::NoCache
        | Prior::Locked => &[(0, 0x1_0000)],
    }
}

fn allocation_at(prior: Prior, offset: u64) -> Option<(u64, u64)> {
    allocations(prior).iter().copied().find(|(start, end)| (*start..*end).contains(&offset))
}

/// The protection of a page in the `PAGE_…` word, 0 if only reserved.
fn page(prior: Prior, offset: u64) -> Option<u32> {
    allocation_at(prior, offset)?;
    let number = offset / 0x1000;
    Some(match (prior, number) {
        (Prior::Free, _) => return None,
        (Prior::Short | Prior::Reserved, _) => 0,
        (Prior::Mixed, 0) => 4,
        (Prior::Mixed, 2) | (Prior::NoAccess, _) => 1,
        (Prior::Mixed, _) => 0,
        (Prior::ReadOnly, _) => 2,
        (Prior::Edge, 0 | 1) => 0x40,
        (Prior::Code | Prior::Edge, _) => 0x20,
        (Prior::Guarded, 0) => 0x104,
        (Prior::NoCache, _) => 0x204,
        (Prior::Committed | Prior::Guarded | Prior::Pair | Prior::Hole | Prior::Locked, _) => 4,
    })
}

/// The pages that a range touches.
fn pages(prior: Prior, offset: u64, size: u64) -> impl Iterator<Item = Option<u32>> {
    let (first, last) = (offset / 0x1000, (offset + size - 1) / 0x1000);
    (first..=last).map(move |number| page(prior, number * 0x1000))
}

/// Arguments of a call on a range that are wrong in any state.
fn outside(at: At, size: u64, rows: [&'static str; 3], code: u32) -> Option<Fact> {
    match (at, size) {
        (At::Is(address), _) if address > HIGHEST => Some((rows[0], code)),
        (_, 0) => Some((rows[1], code)),
        (_, 0x8000_0000_0000..) => Some((rows[2], code)),
        _ => None,
    }
}

/// What a reservation or a commit meets in the arena.
fn place(prior: Prior, at: At, size: u64, kind: u32, protect: u32) -> Option<Fact> {
    let At::A(offset) = at else {
        return Some(if kind & TOP_DOWN != 0 { ("VA43", 0) } else { ("VA03", 0) });
    };
    if kind & RESERVE != 0 {
        let (start, end) = (offset & !0xffff, (offset + size).next_multiple_of(0x1000));
        let taken = allocations(prior).iter().any(|(from, to)| *from < end && start < *to);
        return Some(match (taken, kind & COMMIT != 0) {
            (true, _) if offset & 0xf000 != 0 => ("VA18", 487),
            (true, _) => ("VA19", 487),
            (false, true) if offset & 0xffff != 0 => ("VA26", 0),
            (false, true) => ("VA09", 0),
            (false, false) if offset & 0xffff != 0 => ("VA11", 0),
            (false, false) => ("VA13", 0),
        });
    }
    let Some((_, end)) = allocation_at(prior, offset) else {
        return Some(if allocations(prior).is_empty() { ("VA07", 487) } else { ("VA24", 487) });
    };
    if offset + size > end {
        return Some(("VA25", 487));
    }
    let mut states = pages(prior, offset, size);
    let first = states.next().flatten().unwrap_or(0);
    Some(match states.all(|state| state == Some(first)) {
        false => ("VA22", 0),
        true if first == 0 => ("VA20", 0),
        true if first == protect => ("VA23", 0),
        true => ("VA21", 0),
    })
}

fn requirements(prior: Prior, at: At, size: u64, limits: [At; 2], alignment: u64) -> Option<Fact> {
    let number = |at| match at {
        // Any multiple of a granule will do for the checks.
        At::A(offset) => 0x1_0000_0000 + offset,
        At::Is(address) => address,
    };
    let [lowest, highest] = limits.map(number);
    let given = at != At::Is(0);
    let free = allocations(prior).is_empty();
    let rules = [
        ("AR11", given && (lowest, highest, alignment) == (0, 0, 0), 0),
        ("AR12", given && free, 87),
        ("AR13", given, 87),
        ("AR22", lowest > HIGHEST, 87),
        ("AR18", lowest % 0x1_0000 != 0, 87),
        ("AR15", highest > HIGHEST, 87),
        ("AR14", highest != 0 && highest % 0x1000 != 0xfff, 87),
        ("AR21", highest != 0 && lowest > highest, 87),
        ("AR26", alignment != 0 && alignment < 0x1_0000, 87),
        ("AR27", alignment != 0 && !alignment.is_power_of_two(), 87),
        ("AR10", (lowest, highest, alignment) == (0, 0, 0), 0),
        ("AR28", highest != 0 && highest.wrapping_sub(lowest) < size - 1, 8),
    ];
    let decided = rules.iter().find(|(_, applies, _)| *applies);
    decided.map(|(row, _, code)| (*row, *code)).or_else(|| {
        // What is left depends on who else lives between the limits.
        let roomy = free && matches!(limits, [At::A(0), At::A(0xf_ffff)]);
        roomy.then_some(if alignment == 0 { ("AR20", 0) } else { ("AR25", 0) })
    })
}

fn free(prior: Prior, at: At, size: u64, kind: u32) -> Option<Fact> {
    if kind == RELEASE | 1 || kind == RELEASE | 2 {
        return None; // With a later version.
    }
    if kind != DECOMMIT && kind != RELEASE {
        return Some(match kind {
            0 => ("VF01", 87),
            0x1_0000 => ("VF02", 87),
            0xc000 => ("VF04", 87),
            _ => ("VF03", 87),
        });
    }
    if kind == RELEASE && size != 0 {
        return Some(("VF14", 87));
    }
    if let Some(fact) = outside(at, size.max(1), ["VF37", "VF38", "VF38"], 87) {
        return Some(fact);
    }
    let At::A(offset) = at else { return Some(("VF35", 487)) };
    let Some((start, end)) = allocation_at(prior, offset) else {
        return Some((if prior == Prior::Hole { "VF23" } else { "VF35" }, 487));
    };
    let at_base = offset & !0xfff == start;
    if size != 0 {
        return Some(match offset + size <= end {
            true if prior == Prior::Locked => ("VF45", 0),
            true if pages(prior, offset, size).any(|page| page == Some(0)) => ("VF06", 0),
            true => ("VF08", 0),
            false if prior == Prior::Hole => ("VF22", 87),
            false if prior == Prior::Pair => ("VF26", 87),
            false => ("VF30", 87),
        });
    }
    Some(match (kind == RELEASE, at_base) {
        (true, true) if prior == Prior::Hole => ("VF24", 0),
        (true, true) if offset == start => ("VF15", 0),
        (true, true) => ("VF13", 0),
        (true, false) => ("VF16", 487),
        (false, true) => ("VF10", 0),
        (false, false) => ("VF09", 487),
    })
}

fn protect_of(prior: Prior, at: At, size: u64, protect: u32) -> Option<Fact> {
    if let Some(row) = bad_protection(protect) {
        return Some(match row {
            "VA49" | "VA53" | "VA56" => ("VP08", 87),
            "VA54" => ("VP09", 87),
            "VA57" => ("VP31", 87),
            row => (row, 87),
        });
    }
    if let Some(fact) = outside(at, size, ["VP18", "VP17", "VP19"], 87) {
        return Some(fact);
    }
    let At::A(offset) = at else { return Some(("VP16", 487)) };
    let Some((_, end)) = allocation_at(prior, offset) else { return Some(("VP16", 487)) };
    if offset + size > end {
        return Some((if prior == Prior::Hole { "VP21" } else { "VP20" }, 487));
    }
    let mut states = pages(prior, offset, size);
    let first = states.next().flatten().unwrap_or(0);
    let mixed = states.any(|state| state != Some(first));
    Some(match first {
        _ if pages(prior, offset, size).any(|state| state == Some(0)) => {
            (if first == 0 { "VP03" } else { "VP04" }, 487)
        }
        0x104 => ("VP30", 0),
        0x204 => ("VP26", 0),
        _ if mixed => ("VP11", 0),
        _ if protect & 0x100 != 0 => ("VP29", 0),
        _ if protect & 0x600 != 0 => ("VP27", 0),
        _ if protect & 0x4000_0000 != 0 => ("VP41", 0),
        _ if !size.is_multiple_of(0x1000) => ("VP13", 0),
        _ => ("VP07", 0),
    })
}

fn query(prior: Prior, at: At) -> Option<Fact> {
    let At::A(offset) = at else {
        return Some(match at {
            At::Is(address) if address > HIGHEST => ("VQ22", 87),
            At::Is(0x7fff_ffff_efff) => ("VQ21", 0),
            At::Is(0) => ("VQ27", 0),
            _ => ("VQ20", 0),
        });
    };
    Some(match page(prior, offset) {
        None => ("VQ01", 0),
        Some(0) => ("VQ02", 0),
        Some(1) => ("VQ04", 0),
        Some(_) if offset >= 0x1000 => ("VQ05", 0),
        Some(_) if prior == Prior::Pair => ("VQ07", 0),
        Some(_) => ("VQ03", 0),
    })
}

fn lock(prior: Prior, at: At, size: u64) -> Option<Fact> {
    if let Some(fact) = outside(at, size, ["VL08", "VL07", "VL08"], 87) {
        return Some(fact);
    }
    let At::A(offset) = at else { return None };
    let mut guard = None;
    for state in pages(prior, offset, size) {
        match state {
            None => return Some(("VL03", 998)),
            Some(0) => return Some(("VL02", 998)),
            Some(1) => return Some(("VL04", 998)),
            Some(0x104) => guard = Some(("GP06", 0x8000_0001)),
            Some(_) => {}
        }
    }
    guard.or(match page(prior, offset) {
        Some(2 | 0x20) => Some(("VL05", 0)),
        _ if prior == Prior::Locked => Some(("VL09", 0)),
        _ => Some(("VL01", 0)),
    })
}

fn unlock(prior: Prior, at: At, size: u64) -> Option<Fact> {
    if let Some(fact) = outside(at, size, ["VL08", "VL07", "VL08"], 87) {
        return Some(fact);
    }
    let At::A(offset) = at else { return None };
    let locked = |offset| prior == Prior::Locked && offset < 0x2000;
    let last = offset + size - 1;
    Some(match (locked(offset), locked(last)) {
        (true, true) => ("VL10", 0),
        (true, false) => ("VL12", 158),
        (false, _) if page(prior, offset).is_none() => ("VL13", 158),
        (false, _) => ("VL11", 158),
    })
}

/// Whether a page can be loaded from.
fn loads(state: Option<u32>) -> bool {
    state.is_some_and(|word| word & 0xff > 1 && word & 0x100 == 0)
}

fn read(prior: Prior, at: At, size: u64) -> Option<Fact> {
    if size == 0 {
        return Some(("RW03", 0));
    }
    let At::A(offset) = at else { return elsewhere(at, size, ("RW16", 299)) };
    let good = pages(prior, offset, size).all(loads);
    Some(match good {
        true => ("RW01", 0),
        false if page(prior, offset) == Some(0x104) => ("GP10", 299),
        false if size <= 512 => ("RW34", 299),
        false => ("RW13", 299),
    })
}

fn write(prior: Prior, at: At, size: u64) -> Option<Fact> {
    if size == 0 {
        return Some(("RW04", 0));
    }
    let At::A(offset) = at else { return elsewhere(at, size, ("RW29", 487)) };
    let first = page(prior, offset);
    let one = allocation_at(prior, offset).is_some_and(|(_, end)| offset + size <= end);
    let stores = |state: Option<u32>| state.is_some_and(|word| word & 0x144 != 0 && word & 0x100 == 0);
    Some(match first {
        None | Some(0) => ("RW29", 487),
        Some(1) => ("RW28", 998),
        Some(2) => ("RW20", 998),
        Some(0x20) if one => ("RW22", 0),
        Some(0x20) => ("RW30", 299),
        Some(_) if pages(prior, offset, size).all(stores) => (if one { "RW01" } else { "RW30" }, 0),
        Some(0x104) => ("GP10", 299),
        Some(0x40) => ("RW24", 299),
        Some(_) => ("RW26", 299),
    })
}

/// Copies outside of the arena.
fn elsewhere(at: At, size: u64, unmapped: Fact) -> Option<Fact> {
    let At::Is(address) = at else { return None };
    if address > HIGHEST || size - 1 > HIGHEST - address {
        return Some(("RW35", 998));
    }
    (address < 0x1_0000).then_some(unmapped)
}

//! Every combination of the documented bits: the code that the facts say, on every machine,
//! and nothing changes. The combinations and the verdicts are the test kit's, which knows nothing
//! of the implementation.

mod three;

use pagewright::win32::{MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE, virtual_free};
use pagewright_testkit::flags::{
    Asks, Freeing, PROTECTION_BITS, TYPE_BITS, Verdict, allocation, change, freeing, pairs, spell, words,
};
use three::{BOTH, On, PAGE, code, everywhere};

/// How much is played on.
const SIZE: u64 = 16 * PAGE;
const SEED: u64 = 0x9a6e;

/// What can be seen of the memory that must not change: its pages, and a byte of each.
fn picture(on: &On<'_>, base: u64) -> Vec<(u32, u32, u32, u64, Option<u8>)> {
    let pages = (0..SIZE / PAGE).map(|page| base + page * PAGE);
    pages
        .map(|at| {
            let record = on.query(at);
            let size = record.RegionSize as u64;
            (record.State, record.Protect, record.AllocationProtect, size, on.load(at))
        })
        .collect()
}

/// A region with pages of every kind.
fn played_on(on: &On<'_>) -> u64 {
    let base = on.alloc(0, SIZE, MEM_RESERVE, PAGE_READWRITE).expect("memory is free");
    on.alloc(base, 8 * PAGE, MEM_COMMIT, PAGE_READWRITE).expect("reserved");
    on.protect(base + 2 * PAGE, PAGE, 0x02).expect("committed");
    on.protect(base + 3 * PAGE, PAGE, 0x01).expect("committed");
    on.protect(base + 4 * PAGE, PAGE, 0x20).expect("committed");
    on.store(base, 0x5a);
    base
}

/// What an allocation of these bits did, where the facts say that it is valid.
fn check_valid(on: &On<'_>, asks: Asks, done: Result<u64, u32>, what: &str) {
    match (asks, done) {
        (Asks::Reset | Asks::UndoReset, done) => assert!(done.is_ok(), "{what}: {done:?}"),
        (Asks::Large, Err(1314 | 1450 | 87 | 5)) => {} // For want of a privilege or of pages, or of size.
        (_, Ok(base)) => on.release(base),
        (_, Err(code)) => panic!("{what}: {code}"),
    }
}

// Rows: VA40 VA41 VA44 VA45 VA46 VA47 VA48 VA49 VA50 VA51 VA52 VA53 VA54 VA56 VA57 VA58 VA59 RS08 RS09 RS10
// Rows: RS11 RS12 RS17 LP05 LP06 LP14 LP15 LP17 LP18 WW03
#[test]
fn every_type_and_protection_does_what_the_facts_say() {
    println!("seed {SEED:#x}");
    everywhere(|on| {
        let base = played_on(on);
        let before = picture(on, base);
        for (kind, protect) in pairs(SEED, 100_000) {
            let verdict = allocation(kind, protect);
            // What asks for memory gets it anywhere; what does not, and what is wrong, meets memory.
            let at = match verdict {
                Verdict::Valid(Asks::Reset | Asks::UndoReset) | Verdict::Refused { .. } => base,
                Verdict::Valid(_) | Verdict::Open => 0,
            };
            let done = on.alloc(at, PAGE, kind, protect);
            let what = || {
                let (kind, protect) = (spell(&TYPE_BITS, kind), spell(&PROTECTION_BITS, protect));
                format!("{}: {kind} with {protect}", on.name)
            };
            match verdict {
                Verdict::Valid(asks) => check_valid(on, asks, done, &what()),
                Verdict::Refused { code, row, .. } => assert_eq!(done, Err(code), "{row}: {}", what()),
                Verdict::Open => match done {
                    Ok(base) if at == 0 => on.release(base),
                    Ok(_) | Err(87 | 487 | 1314 | 1450) => {}
                    Err(code) => panic!("{}: {code}", what()),
                },
            }
        }
        assert_eq!(picture(on, base), before, "{}: nothing changed", on.name);
        on.release(base);
    });
}

// Rows: VP07 VP08 VP09 VP10 VP15 VP31 VP41 GP19
#[test]
fn every_protection_is_taken_or_refused_as_the_facts_say() {
    everywhere(|on| {
        let base = played_on(on);
        let before = picture(on, base);
        for protect in words(&PROTECTION_BITS) {
            let done = on.protect(base + PAGE, PAGE, protect);
            let what = || format!("{}: {}", on.name, spell(&PROTECTION_BITS, protect));
            match change(protect) {
                Verdict::Valid(()) => assert_eq!(done, Ok(PAGE_READWRITE), "{}", what()),
                Verdict::Refused { code, row, .. } => assert_eq!(done, Err(code), "{row}: {}", what()),
                Verdict::Open => assert!(matches!(done, Ok(_) | Err(87)), "{}: {done:?}", what()),
            }
            if done.is_ok() {
                on.protect(base + PAGE, PAGE, PAGE_READWRITE).expect("committed");
            }
        }
        assert_eq!(picture(on, base), before, "{}: nothing changed", on.name);
        on.release(base);
    });
}

// Rows: VF01 VF02 VF03 VF04 VF14 VF15 PH15 PH17
#[test]
fn every_free_type_does_what_the_facts_say() {
    everywhere(|on| {
        let base = played_on(on);
        let before = picture(on, base);
        for kind in words(&TYPE_BITS) {
            for size in [0, SIZE] {
                let what = || format!("{}: {} of {size:#x}", on.name, spell(&TYPE_BITS, kind));
                match freeing(kind, size, SIZE) {
                    Verdict::Refused { code: expected, row, .. } => {
                        let done = code(virtual_free(on.memory, base, size, kind));
                        assert_eq!(done, Err(expected), "{row}: {}", what());
                    }
                    Verdict::Valid(Freeing::Decommit | Freeing::Release) => {
                        let other = on.alloc(0, SIZE, BOTH, PAGE_READWRITE).expect("memory is free");
                        assert_eq!(on.free(other, size, kind), Ok(()), "{}", what());
                        let _ = on.free(other, 0, MEM_RELEASE);
                    }
                    Verdict::Open => assert!(on.free(base, size, kind).is_err(), "{}", what()),
                }
            }
        }
        assert_eq!(picture(on, base), before, "{}: nothing changed", on.name);
        on.release(base);
    });
}

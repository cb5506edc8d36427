//! Whichever call of the machine fails: the verb happened, or it did not.

use pagewright_core::{Action, Consent, Disposal, Geometry, Order, Protection, Wiring};
use pagewright_testkit::faulty::{atomic, fragile};
use pagewright_testkit::run::runner;
use pagewright_testkit::{Anchor, Bound, Landing, Op, Size, Spot, Step, Subject, Target, Unit, World};
use pagewright_testkit::{generate, matrix};
use proptest::test_runner::TestCaseError;

const LIMIT: u64 = 4096 * Geometry::X86_64.page;

/// Every verb on the allocation of a state: whole, in part, and beyond it.
fn verbs() -> Vec<Op> {
    let mut all = Vec::new();
    for (first, count) in [(0, matrix::PAGES), (0, 3), (1, 1), (5, 7), (8, 16)] {
        let delta = first * Geometry::X86_64.page as i64;
        let at = Spot { anchor: Anchor::Arena(matrix::GRANULE), delta };
        let size = Size::Of(Unit::Page, count, 0);
        for (_, protection) in matrix::protections() {
            all.push(Op::Protect { at, size, protection });
            let action = Action::Commit;
            all.push(Op::Allocate { target: Target::At(at), size, action, protection });
        }
        for (_, disposal) in matrix::DISPOSALS {
            all.push(Op::Free { at, size, disposal });
        }
        for wiring in [pagewright_core::Wiring::Wired, pagewright_core::Wiring::Pageable] {
            all.push(Op::Lock { at, size, wiring });
        }
    }
    all
}

#[test]
fn every_verb_in_every_state_happens_or_does_not_whichever_call_fails() {
    let mut tried = 0;
    for (name, state) in matrix::states() {
        let mut subject = fragile();
        subject.set_limit(LIMIT);
        let world = matrix::prepare(&mut subject, &state);
        for op in verbs() {
            let step = world.resolve(&op);
            tried += atomic(&subject, &step).unwrap_or_else(|what| panic!("{name}: {what}"));
        }
    }
    assert!(tried > 1000, "only {tried} failures came to pass");
}

/// Three places of 40 pages with memory, and one without.
const FROM: u64 = 8;
const TO: u64 = 16;
const THIRD: u64 = 24;
const RESERVED: u64 = 32;

fn page_of(place: u64, page: i64) -> Spot {
    Spot { anchor: Anchor::Arena(place), delta: page * 0x1000 }
}

const fn pages(count: u64) -> Size {
    Size::Of(Unit::Page, count, 0)
}

fn made(place: u64, action: Action) -> Op {
    let (target, protection) = (Target::At(page_of(place, 0)), Protection::READ_WRITE);
    Op::Allocate { target, size: pages(40), action, protection }
}

fn written(place: u64, page: i64, first: u8) -> Op {
    Op::Write { at: page_of(place, page), length: 0x2800, first }
}

fn copied(source: Spot, count: u64, target: Spot) -> Op {
    Op::Copy { source, size: pages(count), target }
}

fn aliased(source: Spot, count: u64, onto: Landing) -> Op {
    let (protection, consent) = (Protection::READ_WRITE, Consent::OwnOnly);
    Op::Alias { source, size: pages(count), onto, protection, consent }
}

/// Every kind of content that a source or a target can have, by name.
fn contents() -> Vec<(&'static str, Vec<Op>)> {
    let places = || {
        vec![
            made(FROM, Action::ReserveCommit),
            made(TO, Action::ReserveCommit),
            made(THIRD, Action::ReserveCommit),
            made(RESERVED, Action::Reserve),
            written(FROM, 3, 1),
            written(FROM, 30, 51),
            written(TO, 5, 101),
        ]
    };
    let after = |more: &[Op]| [places(), more.to_vec()].concat();
    let from = |page| page_of(FROM, page);
    let once = copied(from(0), 40, page_of(TO, 0));
    let twice = copied(from(0), 40, page_of(THIRD, 0));
    let shared = aliased(from(8), 20, Landing::Reserved(page_of(RESERVED, 3)));
    let alone = Op::Free { at: page_of(RESERVED, 0), size: pages(40), disposal: Disposal::Decommit };
    let lock = Op::Lock { at: from(12), size: pages(2), wiring: Wiring::Wired };
    let closed = |at, protection| Op::Protect { at, size: pages(2), protection };
    let limits = [closed(from(4), Protection::READ), closed(page_of(TO, 7), Protection::READ_WRITE_EXECUTE)];
    vec![
        ("private", after(&[])),
        ("copied", after(&[once])),
        ("copied and stored", after(&[once, written(FROM, 3, 61), written(TO, 9, 71)])),
        ("copied twice and stored", after(&[once, twice, written(FROM, 3, 61), written(TO, 9, 71)])),
        ("shared", after(&[shared])),
        ("shared once", after(&[shared, alone])),
        ("copied and shared", after(&[once, written(FROM, 10, 61), shared])),
        ("shared and copied", after(&[shared, once, written(TO, 10, 61)])),
        ("locked", after(&[lock])),
        ("locked and shared", after(&[lock, shared])),
        ("mixed", after(&limits)),
        ("mixed and copied", after(&[once, written(FROM, 3, 61), limits[0], limits[1]])),
    ]
}

/// Aliases and copies of all kinds, between those places.
fn shares() -> Vec<Op> {
    let (from, to) = (|page| page_of(FROM, page), |page| page_of(TO, page));
    let reserved = |page| page_of(RESERVED, page);
    let anywhere =
        Target::Window { low: Bound::None, high: Bound::None, alignment: 0, order: Order::BottomUp };
    vec![
        copied(from(0), 40, to(0)),
        copied(to(0), 40, from(0)),
        copied(from(0), 40, page_of(THIRD, 0)),
        copied(from(2), 3, to(4)),
        copied(from(0), 30, from(1)),
        copied(from(10), 30, from(0)),
        // The one shows what the other does, two pages further on.
        copied(from(8), 18, reserved(5)),
        copied(reserved(3), 18, from(10)),
        Op::Copy { source: from(1), size: Size::Of(Unit::Page, 30, 100), target: to(1) },
        aliased(from(0), 40, Landing::Reserved(reserved(0))),
        aliased(from(5), 30, Landing::Fresh(anywhere)),
        aliased(to(5), 30, Landing::Fresh(Target::At(page_of(44, 3)))),
        aliased(from(9), 3, Landing::Reserved(reserved(30))),
    ]
}

#[test]
fn every_alias_and_copy_happens_or_does_not_whichever_call_fails() {
    let mut tried = 0;
    for (name, state) in contents() {
        let mut subject = fragile();
        subject.set_limit(LIMIT);
        let world = matrix::prepare(&mut subject, &state);
        for op in shares() {
            let step = world.resolve(&op);
            tried += atomic(&subject, &step).unwrap_or_else(|what| panic!("{name}: {what}"));
        }
    }
    assert!(tried > 1000, "only {tried} failures came to pass");
}

#[test]
fn generated_operations_happen_or_do_not_whichever_call_fails() {
    let (mut runner, seed) = runner(48);
    let outcome = runner.run(&generate::ops(8), |ops| {
        let mut subject = fragile();
        subject.set_limit(LIMIT);
        let mut world = World::of(&subject);
        for op in &ops {
            let step: Step = world.resolve(op);
            atomic(&subject, &step).map_err(TestCaseError::fail)?;
            let outcome = step.perform(&mut subject);
            world.learn(&step, &outcome);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|why| panic!("PAGEWRIGHT_SEED={seed:#x}: {why}"));
}

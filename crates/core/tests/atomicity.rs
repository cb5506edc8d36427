//! Whichever call of the machine fails: the verb happened, or it did not.

use pagewright_core::{Action, Geometry};
use pagewright_testkit::faulty::{atomic, fragile};
use pagewright_testkit::run::runner;
use pagewright_testkit::{Anchor, Op, Size, Spot, Step, Subject, Target, Unit, World};
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

#[test]
fn generated_operations_happen_or_do_not_whichever_call_fails() {
    let (mut runner, seed) = runner(96);
    let outcome = runner.run(&generate::ops(30), |ops| {
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

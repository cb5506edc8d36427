//! Core against the naive model, on the null machine.

use pagewright_core::Geometry;
use pagewright_testkit::faulty::Memory;
use pagewright_testkit::{ARENA, Faulty, Local, Null, check_model};

#[test]
fn core_on_the_null_machine_agrees_with_the_model() {
    check_model(96, || {
        Local::new(Null::new(Geometry::X86_64), ARENA)
            .audited(|managed| managed.machine().mirrors(managed.space()))
    });
}

/// Kernels without a pagemap know less of snapshots: that must not be seen.
#[test]
fn a_machine_that_cannot_tell_which_pages_were_stored_to_agrees_with_the_model() {
    check_model(32, || {
        let machine = Faulty::new(Null::new(Geometry::X86_64)).remembering(Memory::Vague);
        Local::new(machine, ARENA).audited(|managed| managed.machine().inner().mirrors(managed.space()))
    });
}

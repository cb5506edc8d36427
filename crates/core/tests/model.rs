//! Core against the naive model, on the null machine.

use pagewright_core::Geometry;
use pagewright_testkit::faulty::Manner;
use pagewright_testkit::{ARENA, Faulty, Local, Null, check_model};

#[test]
fn core_on_the_null_machine_agrees_with_the_model() {
    check_model(128, || {
        Local::new(Null::new(Geometry::X86_64), ARENA)
            .audited(|managed| managed.machine().mirrors(managed.space()))
    });
}

/// Kernels without a pagemap know less of snapshots, and no machine can hold all bytes of
/// a large copy: that must not be seen.
#[test]
fn a_machine_with_the_worst_manners_agrees_with_the_model() {
    check_model(48, || {
        let machine = Faulty::new(Null::new(Geometry::X86_64)).with(Manner::Worst);
        Local::new(machine, ARENA).audited(|managed| managed.machine().inner().mirrors(managed.space()))
    });
}

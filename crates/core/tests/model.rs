//! Core against the naive model, on every machine.

use pagewright_core::Geometry;
use pagewright_testkit::{ARENA, Local, Null, check_model};

#[test]
fn core_on_the_null_machine_agrees_with_the_model() {
    check_model(|| {
        Local::new(Null::new(Geometry::X86_64), ARENA)
            .audited(|managed| managed.machine().mirrors(managed.space()))
    });
}

//! Forks while another thread makes the first call.

mod support;

use support::Source;

#[test]
fn a_child_forked_during_the_first_call_may_call() {
    Source::test("fork_first.c").build().run();
}

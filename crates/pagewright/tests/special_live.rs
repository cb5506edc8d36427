//! Yielded and physical memory of other live processes, by way of the resident.

mod live;
mod special;

use pagewright::Leftovers;

use live::guest::Guest;
use live::kernel::{Allocates, traces};
use live::skipped;

// Rows: RS01 RS02 RS03 RS04 RS13 RS14 RS15 RS16 PF13 PF14 PF15 PF16 PF17 VL35
#[test]
fn content_of_another_process_goes_when_it_may_and_that_is_told() {
    let guest = Guest::sleeper("100");
    let before = traces(guest.pid(), Allocates::Nothing);
    if let Err(why) = special::recycle::everything(&guest.process()) {
        skipped("content_of_another_process_goes_when_it_may_and_that_is_told", why);
    }
    guest.process().detach(Leftovers::Release).expect("attached");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
}

// Rows: LP16 LP18 LP20 LP21 LP22 LP23 LP26 LP27 LP28 LP29 LP30 LP31 LP33 LP36
#[test]
fn frames_are_mapped_into_windows_of_another_process() {
    let guest = Guest::sleeper("100");
    let before = traces(guest.pid(), Allocates::Nothing);
    special::frames::everything(&guest.process());
    guest.process().detach(Leftovers::Release).expect("attached");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
}

// Rows in part: LP26
#[test]
fn a_list_of_frames_that_fails_in_the_middle_changes_nothing() {
    let guest = Guest::sleeper("100");
    let before = traces(guest.pid(), Allocates::Nothing);
    if let Err(why) = special::frames::a_failure_in_the_middle_changes_nothing(&guest.process()) {
        skipped("a_list_of_frames_that_fails_in_the_middle_changes_nothing", &why);
    }
    guest.process().detach(Leftovers::Release).expect("attached");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
}

// Rows: LP02 LP03 LP04 LP05 LP07 LP09
#[test]
fn another_process_gets_large_pages() {
    let guest = Guest::sleeper("100");
    let before = traces(guest.pid(), Allocates::Nothing);
    if let Err(why) = special::large::everything(&guest.process()) {
        skipped("another_process_gets_large_pages", &why);
    }
    guest.process().detach(Leftovers::Release).expect("attached");
    assert_eq!(traces(guest.pid(), Allocates::Nothing), before);
}

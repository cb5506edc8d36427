//! Frames of physical memory in the own process.

mod live;
mod special;

use pagewright::{FrameCall, Kind, Memory, Process};

use live::{half, pass_with_mprotect, passes};
use special::frames::{everything, frames, map, take, window};
use special::{PAGE, put, release};

// Rows: LP16 LP18 LP20 LP21 LP22 LP23 LP26 LP27 LP28 LP29 LP30 LP31 LP33 LP36
#[test]
fn frames_are_mapped_into_windows() {
    everything(&Process::current());
}

// Rows: LP16 LP20 LP21 LP22 LP23 LP26 LP27 LP28 LP29 LP30
#[test]
fn the_same_without_markers() {
    pass_with_mprotect(&["frames_are_mapped_into_windows"]);
}

/// Everything that this process says of itself in `/proc/self/status`, in KiB.
fn status(word: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = text.lines().find_map(|line| line.strip_prefix(word)).expect("a field");
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number")
}

// Rows: LP31
#[test]
fn a_child_gets_neither_windows_nor_frames() {
    let me = Process::current();
    let base = window(&me, 4);
    let own = take(&me, 4);
    map(&me, base, &own).expect("a window");
    put(&me, base, b"the parent's");
    // SAFETY: the child calls only what is safe after a fork, and ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let there = |page: u64| {
            let mut state = 0_u8;
            let at = (base + page * PAGE) as *mut libc::c_void;
            // SAFETY: asks the kernel about a range, and is given a byte for the answer.
            unsafe { libc::mincore(at, PAGE as usize, &mut state) == 0 }
        };
        let there = (0..4).any(there);
        let free = me.query(base).is_ok_and(|info| info.state == pagewright::State::Free);
        let gone = map(&me, base, &own).is_err() && frames(&me, FrameCall::Free(&own)).is_err();
        let fresh = frames(&me, FrameCall::Allocate { count: 2, node: None });
        let usable = fresh.is_ok_and(|fresh| map(&me, window(&me, 2), &fresh).is_ok());
        let wrong = [there, !free, !gone, !usable];
        // SAFETY: ends the child without running what the parent registered.
        unsafe { libc::_exit(wrong.iter().fold(0, |bits, wrong| bits << 1 | i32::from(*wrong))) };
    }
    let mut end = 0;
    // SAFETY: waits for the child that was made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut end, 0) }, child);
    assert_eq!(end >> 8, 0, "the child has nothing of it, and takes frames of its own");
    let mut back = [0; 12];
    assert_eq!((me.read(base, &mut back), &back), (Ok(12), b"the parent's"));
    frames(&me, FrameCall::Free(&own)).expect("the parent owns them still");
    release(&me, base);
}

// Rows: LP25
#[test]
fn fewer_frames_come_where_the_limit_leaves_no_more() {
    passes(&mut half("takes_all_that_the_limit_permits", 0));
}

#[test]
#[ignore = "the other half of fewer_frames_come_where_the_limit_leaves_no_more"]
fn takes_all_that_the_limit_permits() {
    let me = Process::current();
    me.set_commit_limit(40 * PAGE).expect("our own");
    let before = status("RssShmem:");
    let some = frames(&me, FrameCall::Allocate { count: 16, node: None }).expect("they fit");
    let rest = frames(&me, FrameCall::Allocate { count: 1000, node: None }).expect("some fit");
    assert_eq!((some.len(), rest.len()), (16, 24), "LP25");
    let none = frames(&me, FrameCall::Allocate { count: 1, node: None });
    assert_eq!(none, Err(Kind::CommitLimit));
    frames(&me, FrameCall::Free(&some)).expect("ours");
    assert_eq!(frames(&me, FrameCall::Allocate { count: 17, node: None }).map(|own| own.len()), Ok(16));
    frames(&me, FrameCall::Free(&rest)).expect("ours");
    assert!(status("RssShmem:") <= before + 128, "what was given back is gone");
}

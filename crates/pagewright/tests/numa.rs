//! NUMA nodes: a preference, which the kernel is told and which stays with the allocation.

mod live;
mod special;

use std::collections::BTreeSet;

use pagewright::{Allocate, FrameCall, Free, Kind, Memory, Process, Traits, privilege};

use live::guest::Guest;
use live::{pass_with_mprotect, skipped};
use special::{PAGE, allocate, get, put, release};

fn near(node: u16) -> Traits {
    Traits { node: Some(node), ..Traits::PLAIN }
}

/// What the kernel says of the policy of every mapping in a range; `None` where it knows no nodes.
fn policies(process: &Process, at: u64, size: u64) -> Option<BTreeSet<String>> {
    let path = format!("/proc/{}/numa_maps", process.pid());
    let text = std::fs::read_to_string(path).ok()?;
    let entry = |line: &str| {
        let mut words = line.split(' ');
        let start = u64::from_str_radix(words.next()?, 16).ok()?;
        Some((start, words.next()?.to_owned()))
    };
    let all: Vec<_> = text.lines().filter_map(entry).collect();
    let inside = all.iter().filter(|(start, _)| (at..at + size).contains(start));
    Some(inside.map(|(_, policy)| policy.clone()).collect())
}

/// All mappings of a range prefer node 0.
fn prefers(process: &Process, at: u64, size: u64, test: &str) {
    match policies(process, at, size) {
        None => skipped(test, "this kernel has no /proc/PID/numa_maps"),
        Some(policies) => {
            let right = |policy: &String| policy.starts_with("prefer") && policy.contains('0');
            assert!(!policies.is_empty() && policies.iter().all(right), "{policies:?}");
        }
    }
}

fn a_node_is_preferred(process: &Process) {
    const TEST: &str = "a_node_is_preferred";
    let size = 4 << 20;
    let base = allocate(process, Allocate::new(size).reserve().of(near(0)));
    prefers(process, base, size, TEST);
    allocate(process, Allocate::new(size).commit().at(base));
    put(process, base, b"there");
    process.free(&Free::decommit(base, 2 << 20)).expect("ours");
    process.free(&Free::decommit(base + (3 << 20), PAGE)).expect("ours");
    allocate(process, Allocate::new(PAGE).commit().at(base + PAGE));
    put(process, base + PAGE, b"again");
    assert_eq!(get(process, base + PAGE, 5), b"again");
    prefers(process, base, size, TEST);
    release(process, base);
    let own = process.frames(FrameCall::Allocate { count: 4, node: Some(0) }).expect("there is memory");
    process.frames(FrameCall::Free(&own)).expect("ours");
}

fn a_node_that_there_is_not_is_refused(process: &Process) {
    let beyond = privilege::highest_node() + 1;
    for node in [beyond, u16::MAX] {
        for request in [Allocate::new(PAGE), Allocate::new(PAGE).reserve()] {
            let refused = process.allocate(&request.of(near(node))).map_err(|error| error.kind());
            assert_eq!(refused, Err(Kind::NoNode), "LP36");
        }
        let call = FrameCall::Allocate { count: 1, node: Some(node) };
        assert_eq!(process.frames(call).map_err(|error| error.kind()), Err(Kind::NoNode), "LP36");
    }
    let base = allocate(process, Allocate::new(PAGE).reserve());
    let commit = Allocate::new(PAGE).commit().at(base).of(near(beyond));
    assert_eq!(allocate(process, commit), base, "LP35: of no effect where something is reserved");
    release(process, base);
}

// Rows: LP34 LP35 LP36
#[test]
fn the_own_process_prefers_nodes() {
    a_node_is_preferred(&Process::current());
    a_node_that_there_is_not_is_refused(&Process::current());
}

// Rows: LP34
#[test]
fn the_same_without_markers() {
    pass_with_mprotect(&["the_own_process_prefers_nodes"]);
}

// Rows: LP34 LP35 LP36
#[test]
fn another_process_prefers_nodes() {
    let guest = Guest::sleeper("100");
    a_node_is_preferred(&guest.process());
    a_node_that_there_is_not_is_refused(&guest.process());
}

#[test]
fn the_highest_node_is_the_systems() {
    let online = std::fs::read_to_string("/sys/devices/system/node/online");
    let last = |text: String| text.trim().rsplit([',', '-']).next().and_then(|last| last.parse().ok());
    assert_eq!(privilege::highest_node(), online.ok().and_then(last).unwrap_or(0));
}

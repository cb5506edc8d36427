//! What the tests of yielded and physical memory share: each exercise works on the own process and on another.

#![allow(dead_code, reason = "each test program uses a part of this")]

pub(crate) mod frames;
pub(crate) mod large;
pub(crate) mod recycle;

use pagewright::{Allocate, Free, Memory, Process, Protection, State};

pub(crate) const PAGE: u64 = 0x1000;
pub(crate) const RW: Protection = Protection::READ_WRITE;

pub(crate) fn allocate(process: &Process, request: Allocate) -> u64 {
    process.allocate(&request).unwrap_or_else(|error| panic!("{error}")).start().get()
}

pub(crate) fn release(process: &Process, base: u64) {
    process.free(&Free::release(base)).unwrap_or_else(|error| panic!("{error}"));
}

pub(crate) fn put(process: &Process, at: u64, bytes: &[u8]) {
    assert_eq!(process.write(at, bytes), Ok(bytes.len()), "at {at:#x}");
}

/// As many bytes as can be read.
pub(crate) fn get(process: &Process, at: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![0xee; count];
    let read = process.read(at, &mut bytes).expect("it lives");
    bytes.truncate(read);
    bytes
}

/// The page at `at` is committed with this protection.
pub(crate) fn is_committed(process: &Process, at: u64, wanted: Protection) {
    match process.query(at).expect("a user address").state {
        State::Committed { protection, .. } => assert_eq!(protection, wanted, "at {at:#x}"),
        State::Reserved { .. } | State::Free => panic!("{at:#x} is not committed"),
    }
}

pub(crate) fn is_reserved(process: &Process, at: u64) {
    let state = process.query(at).expect("a user address").state;
    assert!(matches!(state, State::Reserved { .. }), "{at:#x} is {state:?}");
}

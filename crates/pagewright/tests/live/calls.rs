//! Every call there is, to ask what each says about a process that cannot be served.

use pagewright::{
    Allocate, Error, Free, Kind, Leftovers, Lock, Memory, Process, Protect, Protection, Wiring,
};

use super::{refused, within};

/// A call by its name.
pub(crate) type Call = (&'static str, fn(&Process) -> Result<(), Error>);

const AT: u64 = 0x1234_0000;

/// What asks and copies.
pub(crate) const LOOKS: &[Call] = &[
    ("query", |process| process.query(AT).map(drop)),
    ("regions", |process| process.regions().map(drop)),
    ("status", |process| process.status().map(drop)),
    ("read", |process| process.read(AT, &mut [0; 8]).map(drop)),
    ("write", |process| process.write(AT, &[0; 8]).map(drop)),
    ("poke", |process| process.poke(AT, &[0; 8]).map(drop)),
    ("free", |process| process.free(&Free::release(AT)).map(drop)),
    ("check_access", |process| process.check_access().map(drop)),
    ("detach", |process| process.detach(Leftovers::Release).map(drop)),
];

/// What must run in the process.
pub(crate) const CHANGES: &[Call] = &[
    ("attach", |process| process.attach().map(drop)),
    ("allocate", |process| process.allocate(&Allocate::new(4096)).map(drop)),
    ("protect", |process| {
        process.protect(&Protect { at: AT, size: 1, protection: Protection::READ }).map(drop)
    }),
    ("lock", |process| process.lock(&Lock { at: AT, size: 1, wiring: Wiring::Wired, quota: None }).map(drop)),
    ("set_commit_limit", |process| process.set_commit_limit(1 << 30)),
];

/// Each of `calls` is refused, in time, with one of `kinds` and a sentence.
pub(crate) fn all_refused(process: &Process, calls: &'static [Call], kinds: &'static [Kind]) {
    for (name, call) in calls {
        println!("{name}");
        let other = process.clone();
        let answer = within(10, name, move || call(&other));
        refused(answer, process.pid(), kinds);
    }
}

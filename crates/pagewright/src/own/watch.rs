//! How stores to watched memory of this process are noted.

use pagewright_linux::machine::{WatchHelp, WatchWay, note_fault, serve_stores};
use pagewright_linux::sys;

use crate::guard::AccessKind;
use crate::signals::{self, Fault, Served};

/// Lets tests and doubters choose: `async`, `sync` or `mprotect`.
const VARIABLE: &str = "PAGEWRIGHT_WATCH";

/// What only this crate can arrange for the machine of this process.
pub(super) const HELP: WatchHelp = WatchHelp { serve: Some(serve), catch: Some(catch) };

/// The way that the environment names; `None`: the best that works.
pub(crate) fn chosen_watch() -> Option<WatchWay> {
    match std::env::var(VARIABLE).as_deref() {
        Ok("async") => Some(WatchWay::Async),
        Ok("sync") => Some(WatchWay::Sync),
        Ok("mprotect") => Some(WatchWay::Mprotect),
        Ok(_) | Err(_) => None,
    }
}

/// A thread that lets stores go on. No handler of the program's runs on it: that could
/// store to watched memory, and wait for itself.
fn serve(descriptor: i32) -> bool {
    let mask = sys::block_signals();
    let thread = std::thread::Builder::new().name("pagewright-watch".to_owned());
    let started = thread.spawn(move || while serve_stores(descriptor) {}).is_ok();
    sys::restore_signals(mask);
    started
}

fn catch() -> bool {
    signals::serve_watches(note);
    true
}

/// In the signal handler.
fn note(fault: &Fault) -> Served {
    if fault.kind == AccessKind::Write && note_fault(fault.at as usize) {
        Served::Handled
    } else {
        Served::NotMine
    }
}

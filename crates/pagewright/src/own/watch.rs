//! How stores to watched memory of this process are noted.

use pagewright_linux::machine::{WatchHelp, WatchWay, hold_stores, note_fault, serve_stores};
use pagewright_linux::sys;

use crate::environment;
use crate::guard::AccessKind;
use crate::signals::{self, Fault, Served};

/// What only this crate can arrange for the machine of this process.
pub(super) const HELP: WatchHelp = WatchHelp { serve: Some(serve), catch: Some(catch) };

/// The way that the environment names; `None`: the best that works.
pub(crate) fn chosen_watch() -> Option<WatchWay> {
    match environment::WATCH.value() {
        Some("async") => Some(WatchWay::Async),
        Some("sync") => Some(WatchWay::Sync),
        Some("mprotect") => Some(WatchWay::Mprotect),
        Some(_) | None => None,
    }
}

/// A thread that lets stores go on. No handler of the program's runs on it: that could
/// store to watched memory, and wait for itself.
fn serve(descriptor: i32) -> bool {
    let mask = sys::block_signals();
    let thread = std::thread::Builder::new().name("pagewright-watch".to_owned());
    let started = thread.spawn(move || serve_all(descriptor)).is_ok();
    sys::restore_signals(mask);
    started
}

fn serve_all(descriptor: i32) {
    let file = sys::file_id(descriptor);
    hold_stores(descriptor);
    // Where it cannot be held, somebody may close it, and have another file under the number.
    while sys::file_id(descriptor) == file && serve_stores(descriptor) {}
}

fn catch() -> bool {
    signals::serve_watches(note)
}

/// In the signal handler.
fn note(fault: &Fault) -> Served {
    if fault.kind == AccessKind::Write && note_fault(fault.at as usize) {
        Served::Handled
    } else {
        Served::NotMine
    }
}

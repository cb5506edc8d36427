//! What a process has in memory: trimming it, and watching what comes in.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use pagewright_core::{Info, State};

use super::advice::{self, Advice, Span};
use super::failure::Failure;
use super::limits::{self, Life};
use super::range::PAGE;
use super::residency::PageTable;
use super::status::NtStatus;
use crate::memory::Memory;
use crate::own;
use crate::process::Process;

/// Lets a process have as little in memory as possible (VL27, VL30). Where the kernel has no place
/// to move pages to, or does not let itself be told of another process, less goes, or nothing:
/// a working set is not a promise.
pub(super) fn empty(process: &Process) -> Result<(), Failure> {
    let highest = process.highest();
    let committed = |info: Info| match info.state {
        State::Committed { .. } => Span::touching(info.base, info.size, highest),
        State::Free | State::Reserved { .. } => None,
    };
    let spans: Vec<_> = process.regions()?.into_iter().filter_map(committed).collect();
    advice::give(process, &spans, Advice::PageOut);
    Ok(())
}

/// The pages that were in memory when a watch looked last, as disjoint runs, ascending.
type Runs = Vec<(u64, u64)>;

/// The processes whose working sets are watched by this one.
static WATCHED: Mutex<BTreeMap<Life, Runs>> = Mutex::new(BTreeMap::new());

/// Begins to watch what comes into memory, or begins anew.
pub(super) fn watch(process: &Process) -> Result<(), Failure> {
    let present = PageTable::open(process)?.present(process.highest())?;
    own::watch_forks();
    let life = limits::life(process)?;
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    watched.retain(|life, _| limits::is_alive(*life));
    watched.insert(life, present);
    Ok(())
}

/// Hands the pages that came into memory since the watch looked last to `take`, which says whether
/// it wants them. If not, the watch goes on as if it had not looked.
///
/// # Errors
/// 31 when the process is not watched, 259 when no page came.
pub(super) fn changes(
    process: &Process,
    take: impl FnOnce(&[u64]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let life = limits::life(process)?;
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(before) = watched.get_mut(&life) else {
        let fix = "call InitializeProcessForWsWatch first";
        return Err(Failure::argument(NtStatus::UNSUCCESSFUL, "process", process.pid().into(), fix));
    };
    let present = PageTable::open(process)?.present(process.highest())?;
    let came = pages_beyond(before, &present);
    if came.is_empty() {
        let fix = "no page came into memory; ask again later";
        return Err(Failure::argument(NtStatus::NO_MORE_ENTRIES, "process", process.pid().into(), fix));
    }
    take(&came)?;
    *before = present;
    Ok(())
}

/// Keeps everybody else from the watches, for a fork.
pub(super) fn hold() -> Option<own::Held> {
    own::hold_mutex(&WATCHED)
}

/// The pages of `now` that are not in `before`.
fn pages_beyond(before: &[(u64, u64)], now: &[(u64, u64)]) -> Vec<u64> {
    let mut known = before.iter().copied().peekable();
    let mut pages = Vec::new();
    for page in now.iter().flat_map(|(start, end)| (*start..*end).step_by(PAGE as usize)) {
        while known.next_if(|(_, end)| *end <= page).is_some() {}
        if known.peek().is_none_or(|(start, _)| *start > page) {
            pages.push(page);
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_gone_is_not_watched_any_more() {
        let mut child =
            std::process::Command::new("sleep").arg("100").spawn().expect("there is such a program");
        let process = Process::open(child.id()).expect("our own child");
        let life = limits::life(&process).expect("it lives");
        watch(&process).expect("our own child");
        child.kill().expect("our own child");
        child.wait().expect("our own child");
        let known = || WATCHED.lock().expect("nobody panics").contains_key(&life);
        assert!(known());
        watch(&Process::current()).expect("this process");
        assert!(!known(), "the next watch forgets it");
    }

    #[test]
    fn only_pages_that_were_not_there_have_come() {
        let before = [(0x1000, 0x3000), (0x5000, 0x6000)];
        let now = [(0x2000, 0x4000), (0x5000, 0x6000), (0x8000, 0x9000)];
        assert_eq!(pages_beyond(&before, &now), [0x3000, 0x8000]);
        assert_eq!(pages_beyond(&[], &now), [0x2000, 0x3000, 0x5000, 0x8000]);
        assert!(pages_beyond(&now, &now).is_empty());
        assert!(pages_beyond(&now, &[]).is_empty());
    }
}

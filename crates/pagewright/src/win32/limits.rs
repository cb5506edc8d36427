//! How much a process may lock: the limits of its working set.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use pagewright_core::{Kind, Verb};
use pagewright_linux::sys;

use super::constants::{
    QUOTA_LIMITS_HARDWS_MAX_DISABLE, QUOTA_LIMITS_HARDWS_MAX_ENABLE, QUOTA_LIMITS_HARDWS_MIN_DISABLE,
    QUOTA_LIMITS_HARDWS_MIN_ENABLE,
};
use super::failure::Failure;
use super::range::PAGE;
use super::status::NtStatus;
use crate::own;
use crate::process::Process;

/// The limits of a working set, in bytes. Only the minimum has an effect: it says how much may be
/// locked (VL17, VL19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkingSet {
    /// What the process is to keep in memory at least.
    pub minimum: u64,
    /// What it is to keep at most.
    pub maximum: u64,
    /// Which of the two are hard, as `QUOTA_LIMITS_HARDWS_…`; kept and reported.
    pub flags: u32,
}

/// What a process begins with: 50 and 345 pages, neither hard (VL17, VL32).
const SOFT: u32 = QUOTA_LIMITS_HARDWS_MIN_DISABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE;
/// The pages of the minimum that cannot be locked.
const OVERHEAD: u64 = 8 * PAGE;
/// A lower minimum is raised to this (VL32).
const LEAST_MINIMUM: u64 = 20 * PAGE;
/// A lower maximum is refused (VL32).
const LEAST_MAXIMUM: u64 = 13 * PAGE;

impl Default for WorkingSet {
    fn default() -> Self {
        Self { minimum: 50 * PAGE, maximum: 345 * PAGE, flags: SOFT }
    }
}

impl WorkingSet {
    /// How many bytes may be locked altogether.
    pub const fn lockable(&self) -> u64 {
        self.minimum.saturating_sub(OVERHEAD)
    }

    /// These limits with others asked for (VL31, VL32, VL34).
    ///
    /// # Errors
    /// 87 for a limit of 0, a minimum above the maximum or above what the machine has, a maximum
    /// below 13 pages, and flags that exclude each other.
    pub fn changed(self, minimum: u64, maximum: u64, flags: u32) -> Result<Self, Failure> {
        let flags = merged(self.flags, flags)?;
        if minimum == 0 || maximum == 0 {
            return Err(refused("working set size", 0, "give both limits, or -1 for both")); // VL31
        }
        if maximum < LEAST_MAXIMUM {
            return Err(bad_limit("maximum working set size", maximum, "give at least 13 pages")); // VL32
        }
        if minimum > maximum {
            return Err(bad_limit("minimum working set size", minimum, "give one below the maximum"));
        }
        let most = sys::total_memory().map_or(u64::MAX, |(ram, _)| ram);
        if minimum > most {
            return Err(bad_limit("minimum working set size", minimum, "the machine has less memory")); // VL34
        }
        let minimum = minimum.max(LEAST_MINIMUM); // VL32
        Ok(Self { minimum, maximum: maximum.max(minimum), flags })
    }
}

/// What the flags say from now on: a pair of which neither is given stays.
fn merged(old: u32, new: u32) -> Result<u32, Failure> {
    const MINIMUM: u32 = QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MIN_DISABLE;
    const MAXIMUM: u32 = QUOTA_LIMITS_HARDWS_MAX_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE;
    if new & !(MINIMUM | MAXIMUM) != 0 || new & MINIMUM == MINIMUM || new & MAXIMUM == MAXIMUM {
        return Err(refused("flags", new.into(), "give at most one of each pair of QUOTA_LIMITS_HARDWS"));
    }
    let pair = |mask| if new & mask == 0 { old & mask } else { new & mask };
    Ok(pair(MINIMUM) | pair(MAXIMUM))
}

fn refused(what: &'static str, value: u64, fix: &'static str) -> Failure {
    Failure::argument(NtStatus::INVALID_PARAMETER, what, value, fix)
}

fn bad_limit(what: &'static str, value: u64, fix: &'static str) -> Failure {
    Failure::argument(NtStatus::BAD_WORKING_SET_LIMIT, what, value, fix)
}

/// A process for as long as it lives: its id, and when it began. 0 is this one, also after a fork.
pub(super) type Life = (u32, u64);

/// The limits that were set by this process. Those that it sets for another are known to it alone.
static SET: RwLock<BTreeMap<Life, WorkingSet>> = RwLock::new(BTreeMap::new());

/// The limits of a process.
pub(super) fn of(process: &Process) -> Result<WorkingSet, Failure> {
    let life = life(process)?;
    let set = SET.read().unwrap_or_else(PoisonError::into_inner);
    Ok(set.get(&life).copied().unwrap_or_default())
}

/// The limits of this process.
pub(super) fn own() -> WorkingSet {
    let set = SET.read().unwrap_or_else(PoisonError::into_inner);
    set.get(&(0, 0)).copied().unwrap_or_default()
}

/// Gives a process other limits.
pub(super) fn set(process: &Process, limits: WorkingSet) -> Result<(), Failure> {
    let life = life(process)?;
    own::watch_forks();
    let mut set = SET.write().unwrap_or_else(PoisonError::into_inner);
    set.retain(|life, _| is_alive(*life));
    set.insert(life, limits);
    drop(set);
    if process.is_current() {
        permit(limits.minimum);
    }
    Ok(())
}

/// Keeps everybody else from the limits, for a fork.
pub(super) fn hold() -> Option<own::Held> {
    own::hold_rw_lock(&SET)
}

pub(super) fn life(process: &Process) -> Result<Life, Failure> {
    if process.is_current() {
        return Ok((0, 0));
    }
    let gone = || Failure::core(Verb::Query, Kind::Gone, 0, 0);
    Ok((process.pid(), began(process.pid()).ok_or_else(gone)?))
}

/// Whether a process has not been waited for yet, of which something is kept: what is kept of others nobody can
/// ask for any more.
pub(super) fn is_alive((pid, start): Life) -> bool {
    pid == 0 || began(pid) == Some(start)
}

/// When a process began, in ticks since the machine did.
fn began(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Lets the kernel lock as much, as far as this process may say so: its soft limit rises to what
/// the administrator's hard one allows. What is refused shows when memory is locked.
fn permit(bytes: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Memlock);
    let wanted = limit.maximum.map_or(bytes, |most| bytes.min(most));
    if limit.current.is_some_and(|now| now < wanted) {
        let _ = setrlimit(Resource::Memlock, Rlimit { current: Some(wanted), ..limit });
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> (Child, Process) {
        let child = Command::new("sleep").arg("100").spawn().expect("there is such a program");
        let process = Process::open(child.id()).expect("our own child");
        (child, process)
    }

    fn end(mut child: Child) {
        child.kill().expect("our own child");
        child.wait().expect("our own child");
    }

    #[test]
    fn nothing_is_kept_of_processes_that_are_gone() {
        let limits = WorkingSet { minimum: 77 * PAGE, ..WorkingSet::default() };
        let ((first, one), (second, two)) = (sleeper(), sleeper());
        set(&one, limits).expect("it lives");
        let dead = life(&one).expect("it lives");
        assert_eq!(of(&one).expect("it lives"), limits);
        end(first);
        assert!(!is_alive(dead) && is_alive((0, 0)));
        set(&two, limits).expect("it lives");
        let kept = SET.read().expect("nobody panics").contains_key(&dead);
        assert!(!kept, "its limits went when those of another were set");
        assert_eq!(of(&two).expect("it lives"), limits, "which are there");
        // Somebody else that got its number has begun at another time.
        assert!(!is_alive((two.pid(), dead.1 + 1_000_000)));
        end(second);
    }
}

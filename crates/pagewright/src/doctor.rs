//! What this kernel can do, what was chosen because of it, and how many mappings are left.
//!
//! Every feature is tried, harmlessly and in this process: distributions backport, and sandboxes forbid, so that a
//! version number proves nothing.

mod notice;
mod probe;
mod supply;
mod watch;

use std::collections::HashMap;
use std::fs;
use std::io;

use pagewright_core::{Info, Kind, Owner, State, Verb};
use pagewright_linux::machine::{Freezer, Freezing, Reason, Strategy, mapping_limit};

use crate::environment;
use crate::error::{Error, Result};
use crate::own;
use crate::process::Process;

pub use crate::environment::Misunderstood;
pub use notice::Notice;
pub use supply::{Node, Pool, Supply};
pub use watch::{WatchReason, WatchWay, Watching};

/// What the kernel offers to this process, and what is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The kernel's release, such as `6.18.44`.
    pub kernel: String,
    /// What was tried.
    pub features: Vec<Feature>,
    /// What an administrator can set.
    pub settings: Vec<Setting>,
    /// How commits are made: `markers` or `mprotect`.
    pub strategy: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Whose stores are held back while memory is moved into an object: `full`, `user` or
    /// `none`.
    pub freezing: &'static str,
    /// What that means.
    pub freezing_means: &'static str,
    /// How it is noticed that a guard of this process is met.
    pub guards: Notice,
    /// What there is of large pages, nodes and privilege.
    pub supply: Supply,
    /// How stores to watched memory are noted.
    pub watching: Watching,
    /// Variables of the environment that are set to something that does not exist.
    pub misunderstood: Vec<Misunderstood>,
}

/// A feature of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// The first Linux that has it.
    pub since: &'static str,
    /// Whether it worked when tried.
    pub found: bool,
    /// What it is used for.
    pub purpose: &'static str,
    /// What is worse without it.
    pub without: &'static str,
}

/// A setting of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as `sysctl` has it.
    pub name: &'static str,
    /// Its value; `None` if this kernel does not have it.
    pub value: Option<String>,
    /// Whether something is lost by it.
    pub verdict: Verdict,
    /// What the value means for us.
    pub meaning: String,
}

/// Whether a setting stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is lost.
    Fine,
    /// Something is refused or slower because of it.
    Limits,
}

/// The mappings of a process, and who made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many a process may have (`vm.max_map_count`).
    pub limit: u64,
    /// How many it has.
    pub used: u64,
    /// How many it may still make.
    pub left: u64,
    /// Who made them: most first, then by name.
    pub users: Vec<User>,
}

/// Those mappings of a process that have one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// A file, a label of the kernel (`[heap]`), `pagewright`, or empty for anonymous memory.
    pub name: String,
    /// How many mappings.
    pub mappings: u64,
    /// How many bytes they span.
    pub bytes: u64,
}

/// Variables of the environment that choose how this library works, and that are set to something that does
/// not exist: those are as good as not set.
pub fn misunderstood() -> Vec<Misunderstood> {
    environment::misunderstood()
}

/// Looks at this kernel, from this process. Changes nothing.
pub fn report() -> Report {
    let choice = own::chosen();
    let freezing = own::chosen_freezing().map_or_else(Freezer::probe, Freezer::forced).freezing();
    Report {
        freezing: match freezing {
            Freezing::Full => "full",
            Freezing::User => "user",
            Freezing::None => "none",
        },
        freezing_means: match freezing {
            Freezing::Full => "memory in use can be aliased and copied; whoever stores to it meanwhile waits",
            Freezing::User => {
                "memory in use can be aliased and copied, but a system call that stores to it at that moment fails with \
                 EFAULT (see vm.unprivileged_userfaultfd)"
            }
            Freezing::None => {
                "memory that was in use before can be aliased only in processes of one thread: userfaultfd is missing \
                 or forbidden"
            }
        },
        kernel: read_setting("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".to_owned()),
        features: features(),
        settings: settings(),
        guards: notice::guards(),
        supply: supply::supply(),
        watching: watch::watching(),
        misunderstood: misunderstood(),
        strategy: match choice.strategy {
            Strategy::Markers => "markers",
            Strategy::Mprotect => "mprotect",
        },
        reason: match choice.reason {
            Reason::Works => "the kernel took a guard marker when tried",
            Reason::Refused => "the kernel has no guard markers (before Linux 6.13), or forbids them here",
            Reason::StrictOvercommit => {
                "overcommit is strict (vm.overcommit_memory = 2): markers would charge whole chunks"
            }
            Reason::Forced => "PAGEWRIGHT_COMMIT in the environment asks for it",
        },
    }
}

/// Counts the mappings of `process`.
///
/// # Errors
/// When it has ended or may not be looked at.
pub fn budget(process: &Process) -> Result<Budget> {
    let pid = process.pid();
    // What is ours, as far as can be told; the count does not depend on it.
    let own = own_ranges(&process.regions()?);
    // Names of files need not be text.
    let maps = fs::read(format!("/proc/{pid}/maps")).map_err(|error| unreadable(process, &error))?;
    if process.has_ended() {
        return Err(gone(pid));
    }
    let mut users: HashMap<String, User> = HashMap::new();
    let mut used = 0;
    for (start, end, name) in String::from_utf8_lossy(&maps).lines().filter_map(mapping) {
        // A page of the kernel that is listed everywhere and counted nowhere.
        if name == "[vsyscall]" {
            continue;
        }
        let name = if is_within(&own, start, end) { "pagewright" } else { name };
        let blank = || User { name: name.to_owned(), mappings: 0, bytes: 0 };
        let user = users.entry(name.to_owned()).or_insert_with(blank);
        user.mappings += 1;
        user.bytes += end - start;
        used += 1;
    }
    let mut users: Vec<User> = users.into_values().collect();
    users.sort_by(|a, b| b.mappings.cmp(&a.mappings).then_with(|| a.name.cmp(&b.name)));
    let limit = mapping_limit();
    Ok(Budget { limit, used, left: limit.saturating_sub(used), users })
}

/// The ranges of what was allocated with Pagewright, ascending.
fn own_ranges(regions: &[Info]) -> Vec<(u64, u64)> {
    let own = regions.iter().filter(|info| match info.state {
        State::Reserved { .. } => true,
        State::Committed { owner, .. } => owner == Owner::Own,
        State::Free => false,
    });
    own.map(|info| (info.base, info.base.saturating_add(info.size))).collect()
}

/// Whether any of `ranges` shares a byte with `start..end`.
fn is_within(ranges: &[(u64, u64)], start: u64, end: u64) -> bool {
    let next = ranges.partition_point(|(_, behind)| *behind <= start);
    ranges.get(next).is_some_and(|(first, _)| *first < end)
}

/// Start, end and name of a line of `maps`.
fn mapping(line: &str) -> Option<(u64, u64, &str)> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let name = fields.nth(4).unwrap_or_default().trim_start();
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?, name))
}

fn unreadable(process: &Process, error: &io::Error) -> Error {
    let pid = process.pid();
    if process.has_ended() || error.kind() == io::ErrorKind::NotFound {
        return gone(pid);
    }
    let sentence = format!("process {pid} may not be looked at; act as its owner or as root");
    Error::because(Verb::Query, Kind::AccessDenied, pid, sentence)
}

fn gone(pid: u32) -> Error {
    Error::because(
        Verb::Query,
        Kind::Gone,
        pid,
        format!("process {pid} has ended; give the pid of a live process"),
    )
}

/// A feature before it is tried.
struct Trial {
    name: &'static str,
    since: &'static str,
    probe: fn() -> bool,
    purpose: &'static str,
    without: &'static str,
}

const TRIALS: [Trial; 13] = [
    Trial {
        name: "guard markers",
        since: "6.13",
        probe: probe::guard_markers,
        purpose: "commit and decommit without splitting mappings",
        without: "commits use mprotect: about 4 times slower, and at most some 32,000 scattered runs",
    },
    Trial {
        name: "guard markers, shared",
        since: "6.15",
        probe: probe::guard_markers_shared,
        purpose: "the same for memory that is shared or aliased",
        without: "commits of shared memory use mprotect",
    },
    Trial {
        name: "PROCMAP_QUERY",
        since: "6.11",
        probe: probe::procmap_query,
        purpose: "queries of memory that the program mapped itself",
        without: "such queries read the whole list of mappings",
    },
    Trial {
        name: "PAGEMAP_SCAN",
        since: "6.7",
        probe: probe::pagemap_scan,
        purpose: "write watch; what was stored to since a lazy copy",
        without: "write watch takes a fault per page; second copies read eight bytes for each",
    },
    Trial {
        name: "userfaultfd",
        since: "4.3",
        probe: probe::userfaultfd,
        purpose: "write watch, aliasing and lazy copies of memory in use, guards",
        without: "write watch uses mprotect; memory in use is aliased only in processes of one thread",
    },
    Trial {
        name: "userfaultfd WP_ASYNC",
        since: "6.7",
        probe: probe::wp_async,
        purpose: "write watch without a handler",
        without: "write watch takes a fault per page",
    },
    Trial {
        name: "process_vm_readv",
        since: "3.2",
        probe: probe::process_vm_readv,
        purpose: "reading and writing other processes",
        without: "reads and writes of other processes are refused",
    },
    Trial {
        name: "pidfd",
        since: "5.3",
        probe: probe::pidfd,
        purpose: "handles that never mean another process",
        without: "no process can be opened",
    },
    Trial {
        name: "memfd, sealed",
        since: "3.17",
        probe: probe::memfd,
        purpose: "the mailbox of the resident, aliases",
        without: "no process can be attached, nothing can be aliased",
    },
    Trial {
        name: "close_range",
        since: "5.9",
        probe: probe::close_range,
        purpose: "a resident with descriptors of its own",
        without: "attaching closes descriptors one by one",
    },
    Trial {
        name: "MAP_FIXED_NOREPLACE",
        since: "4.17",
        probe: probe::fixed_noreplace,
        purpose: "allocating at an address without replacing anything",
        without: "an address that is taken costs a mapping more to find out",
    },
    Trial {
        name: "named mappings",
        since: "5.17",
        probe: probe::named_mappings,
        purpose: "labels in /proc/PID/maps",
        without: "our mappings have no label there",
    },
    Trial {
        name: "PTRACE_SEIZE",
        since: "3.4",
        probe: probe::ptrace,
        purpose: "attaching with one short stop",
        without: "no process can be attached",
    },
];

fn features() -> Vec<Feature> {
    let tried = TRIALS.iter().map(|trial| Feature {
        name: trial.name,
        since: trial.since,
        found: (trial.probe)(),
        purpose: trial.purpose,
        without: trial.without,
    });
    tried.collect()
}

fn settings() -> Vec<Setting> {
    vec![ptrace_scope(), user_faults(), overcommit(), large_pages(), joined_pages(), map_count()]
}

fn read_setting(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn setting(
    name: &'static str,
    value: Option<String>,
    verdict: Verdict,
    meaning: impl Into<String>,
) -> Setting {
    Setting { name, value, verdict, meaning: meaning.into() }
}

fn ptrace_scope() -> Setting {
    let name = "kernel.yama.ptrace_scope";
    let value = read_setting("/proc/sys/kernel/yama/ptrace_scope");
    let (verdict, meaning) = match value.as_deref() {
        None | Some("0") => (Verdict::Fine, "your own processes may be attached"),
        Some("1") => (Verdict::Limits, "only your child processes may be attached, or any as root"),
        Some("2") => (Verdict::Limits, "only root may attach"),
        Some(_) => (Verdict::Limits, "nobody may attach"),
    };
    setting(name, value, verdict, meaning)
}

fn user_faults() -> Setting {
    let name = "vm.unprivileged_userfaultfd";
    let value = read_setting("/proc/sys/vm/unprivileged_userfaultfd");
    let (verdict, meaning) = match value.as_deref() {
        Some("1") => (Verdict::Fine, "everybody may handle faults of the kernel"),
        Some(_) if rustix::process::geteuid().is_root() => {
            (Verdict::Fine, "only root may handle faults of the kernel; you are")
        }
        Some(_) => {
            (Verdict::Limits, "faults of the kernel cannot be handled without root; those of programs can")
        }
        None => (Verdict::Fine, "this kernel does not restrict it"),
    };
    setting(name, value, verdict, meaning)
}

fn overcommit() -> Setting {
    let value = read_setting("/proc/sys/vm/overcommit_memory");
    let (verdict, meaning) = match value.as_deref() {
        Some("2") => {
            (Verdict::Limits, "strict: commits use mprotect, and the kernel refuses what it cannot back")
        }
        Some("1") => (Verdict::Fine, "the kernel promises everything; our own commit limit holds"),
        Some(_) | None => {
            (Verdict::Fine, "the kernel refuses only what is obviously too much; our own commit limit holds")
        }
    };
    setting("vm.overcommit_memory", value, verdict, meaning)
}

fn large_pages() -> Setting {
    let value = read_setting("/proc/sys/vm/nr_hugepages");
    let (verdict, meaning) = match value.as_deref() {
        None => (Verdict::Limits, "this kernel has no large pages"),
        Some("0") => (Verdict::Limits, "no large pages are set aside; allocations of them are refused"),
        Some(_) => (Verdict::Fine, "that many large pages are set aside"),
    };
    setting("vm.nr_hugepages", value, verdict, meaning)
}

fn joined_pages() -> Setting {
    let text = read_setting("/sys/kernel/mm/transparent_hugepage/enabled");
    // The word in brackets is the one that is set.
    let chosen = text.as_deref().and_then(|text| text.split_once('[')?.1.split_once(']'));
    let value = chosen.map(|(word, _)| word.to_owned());
    let (verdict, meaning) = match value.as_deref() {
        Some("always" | "madvise") => {
            (Verdict::Fine, "ordinary pages are joined into large ones where asked for")
        }
        Some(_) => (Verdict::Limits, "ordinary pages are never joined into large ones"),
        None => (Verdict::Limits, "this kernel does not join ordinary pages into large ones"),
    };
    setting("transparent_hugepage", value, verdict, meaning)
}

fn map_count() -> Setting {
    let value = read_setting("/proc/sys/vm/max_map_count");
    let meaning = "mappings that each process may have; near it, we refuse with the reason";
    setting("vm.max_map_count", value, Verdict::Fine, meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_kernel_has_is_found() {
        let report = report();
        for name in ["process_vm_readv", "pidfd", "memfd, sealed"] {
            let feature = report.features.iter().find(|feature| feature.name == name);
            assert!(feature.is_some_and(|feature| feature.found), "{name}");
        }
        assert!(report.kernel.starts_with(|digit: char| digit.is_ascii_digit()), "{}", report.kernel);
    }

    #[test]
    fn trying_leaves_nothing_behind() {
        let count = || {
            let descriptors = fs::read_dir("/proc/self/fd").expect("/proc is mounted").count();
            (descriptors, pagewright_linux::machine::count_mappings())
        };
        report(); // whatever libc and the allocator need for the first time
        // Other tests of this process map and open too: one quiet moment is enough.
        assert!((0..200).any(|_| {
            let before = count();
            report();
            before == count()
        }));
    }

    #[test]
    fn the_budget_adds_up() {
        let budget = budget(&Process::current()).expect("the own process can be looked at");
        assert_eq!(budget.users.iter().map(|user| user.mappings).sum::<u64>(), budget.used);
        assert_eq!(budget.left, budget.limit - budget.used);
        assert!(budget.users.is_sorted_by(|a, b| a.mappings >= b.mappings));
    }

    #[test]
    fn ranges_are_told_apart() {
        let ranges = [(0x1000, 0x2000), (0x5000, 0x9000)];
        assert!(is_within(&ranges, 0x1000, 0x2000));
        assert!(is_within(&ranges, 0x4000, 0x5001));
        assert!(!is_within(&ranges, 0x2000, 0x5000));
        assert!(!is_within(&ranges, 0x9000, 0xa000));
    }
}

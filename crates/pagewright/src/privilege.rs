//! The privilege to hold pages in memory, and the nodes that memory is on.
//!
//! Windows calls the privilege `SeLockMemoryPrivilege`; large pages and frames of physical
//! memory need it. On Linux whoever may lock any amount of memory has it.

use crate::environment;

/// `CAP_IPC_LOCK`, by its bit.
const IPC_LOCK: u32 = 14;
/// `CAP_SYS_PTRACE`, by its bit.
const SYS_PTRACE: u32 = 19;

/// Whether this process may use large pages and frames of physical memory: if it has
/// `CAP_IPC_LOCK` in effect, or no limit of locked memory (`RLIMIT_MEMLOCK`). The
/// environment variable `PAGEWRIGHT_LOCK_PAGES` overrides both: `grant` or `deny`. What the
/// kernel refuses it refuses all the same.
///
/// Asked anew each time, since all of it can change. Safe to call from any thread.
#[must_use]
pub fn may_lock_pages() -> bool {
    match environment::LOCK_PAGES.value() {
        Some("grant") => true,
        Some("deny") => false,
        Some(_) | None => has_capability(IPC_LOCK) || is_unlimited(),
    }
}

/// Whether this process may look into those of others: if it has `CAP_SYS_PTRACE` in effect.
pub(crate) fn may_trace_others() -> bool {
    has_capability(SYS_PTRACE)
}

/// The highest number of a NUMA node of this machine; 0 where it has one, or does not say.
#[must_use]
pub fn highest_node() -> u16 {
    pagewright_linux::machine::highest_node()
}

fn has_capability(bit: u32) -> bool {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let effective = crate::target::status_field(&status, "CapEff").unwrap_or_default();
    u64::from_str_radix(effective, 16).is_ok_and(|set| set & 1 << bit != 0)
}

fn is_unlimited() -> bool {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock);
    limit.current.is_none()
}

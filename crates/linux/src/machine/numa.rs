//! NUMA nodes: which there are, and whose memory is preferred.

use pagewright_core::Refusal;

use super::Linux;
use crate::sys::{self, Errno, OpenMode};

/// The highest number of a NUMA node of this machine; 0 where the system does not say.
#[must_use]
pub fn highest_node() -> u16 {
    read_highest().unwrap_or(0)
}

/// Whether a node is one of this machine's. Nodes without memory are, too.
pub(super) fn has_node(node: u16) -> bool {
    node <= highest_node()
}

fn read_highest() -> Option<u16> {
    let mut text = [0; 256];
    let file = sys::open(c"/sys/devices/system/node/online", OpenMode::Read).ok()?;
    let length = sys::read(file.raw(), &mut text).ok()?;
    last_number(&text[..length])
}

/// The last number of a list such as `0-3,8`.
fn last_number(list: &[u8]) -> Option<u16> {
    let last = list.trim_ascii().rsplit(|byte| !byte.is_ascii_digit()).next()?;
    core::str::from_utf8(last).ok()?.parse().ok()
}

impl Linux {
    /// Prefers the memory of a node. Where the kernel knows no nodes, or a filter forbids
    /// the call, there is nothing to prefer; a node without memory has none to give.
    pub(super) fn prefer(&self, at: usize, bytes: usize, node: u16) -> Result<(), Refusal> {
        match sys::mbind_preferred(at, bytes, node) {
            Ok(()) | Err(Errno::ENOSYS | Errno::EPERM | Errno::EINVAL) => Ok(()),
            Err(Errno::ENOMEM) => Err(Refusal::OutOfMemory),
            Err(other) => Err(Refusal::Other(other.raw() as u16)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_of_a_list_is_the_highest_node() {
        assert_eq!(last_number(b"0\n"), Some(0));
        assert_eq!(last_number(b"0-3,8\n"), Some(8));
        assert_eq!(last_number(b"0-15"), Some(15));
        assert_eq!(last_number(b""), None);
        assert_eq!(last_number(b"99999"), None);
    }
}

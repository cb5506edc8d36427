//! What memory of special kinds there is: large pages, nodes, and who may have it.

use std::fs;
use std::path::Path;

use crate::privilege;

/// What there is of memory that has to be set aside or permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    /// The pools of large pages, smallest pages first.
    pub pools: Vec<Pool>,
    /// The NUMA nodes that have memory, by number.
    pub nodes: Vec<Node>,
    /// Whether this process holds what Windows calls `SeLockMemoryPrivilege`, which large pages
    /// and physical memory (AWE) need.
    pub may_lock_pages: bool,
}

/// Large pages of one size that the administrator has set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Bytes of one page.
    pub page: u64,
    /// How many there are.
    pub total: u64,
    /// How many of them nobody has.
    pub free: u64,
}

/// Memory of one NUMA node, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub number: u16,
    /// What it has.
    pub total: u64,
    /// What nobody uses.
    pub free: u64,
}

pub(super) fn supply() -> Supply {
    Supply { pools: pools(), nodes: nodes(), may_lock_pages: privilege::may_lock_pages() }
}

fn pools() -> Vec<Pool> {
    let mut pools: Vec<Pool> = numbered("/sys/kernel/mm/hugepages", "hugepages-")
        .filter_map(|(size, path)| pool(&size, &path))
        .collect();
    pools.sort_by_key(|pool| pool.page);
    pools
}

fn pool(size: &str, path: &Path) -> Option<Pool> {
    let number = |file| fs::read_to_string(path.join(file)).ok()?.trim().parse().ok();
    let page = size.strip_suffix("kB")?.parse::<u64>().ok()? << 10;
    Some(Pool { page, total: number("nr_hugepages")?, free: number("free_hugepages")? })
}

fn nodes() -> Vec<Node> {
    let mut nodes: Vec<Node> = numbered("/sys/devices/system/node", "node")
        .filter_map(|(number, path)| node(&number, &path))
        .collect();
    nodes.sort_by_key(|node| node.number);
    nodes
}

/// A node of processors alone is none that memory can come from.
fn node(number: &str, path: &Path) -> Option<Node> {
    let text = fs::read_to_string(path.join("meminfo")).ok()?;
    let node = Node {
        number: number.parse().ok()?,
        total: figure(&text, "MemTotal:")?,
        free: figure(&text, "MemFree:")?,
    };
    (node.total > 0).then_some(node)
}

/// The bytes of a line such as `Node 0 MemFree:   123 kB`.
fn figure(meminfo: &str, name: &str) -> Option<u64> {
    let rest = meminfo.lines().find_map(|line| line.split_once(name))?.1;
    Some(rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// The entries of a folder that are named `prefix` and something: that, and the path.
fn numbered(folder: &str, prefix: &'static str) -> impl Iterator<Item = (String, std::path::PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let name = entry.file_name();
        Some((name.to_str()?.strip_prefix(prefix)?.to_owned(), entry.path()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let text = "Node 1 MemTotal:       2048 kB\nNode 1 MemFree:           12 kB\n";
        assert_eq!((figure(text, "MemTotal:"), figure(text, "MemFree:")), (Some(2 << 20), Some(12 << 10)));
        assert_eq!(figure(text, "MemUsed:"), None);
    }

    #[test]
    fn what_there_is_adds_up() {
        let supply = supply();
        assert!(supply.pools.is_sorted_by(|a, b| a.page < b.page), "{supply:?}");
        assert!(supply.pools.iter().all(|pool| pool.page.is_power_of_two() && pool.free <= pool.total));
        assert!(supply.nodes.iter().all(|node| node.free <= node.total), "{supply:?}");
    }
}

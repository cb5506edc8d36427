//! Numbers in the kernel's text files.

/// Bytes of the line that begins with `name`, which has them in KiB; of a node's file, where the
/// line has the node before it.
pub(super) fn figure(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.split_once(name))?.1;
    Some(rest.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// Bytes of the first number of `statm`, which has pages.
pub(super) fn pages(statm: &str) -> Option<u64> {
    Some(statm.split(' ').next()?.parse::<u64>().ok()? << 12)
}

/// The mask of a list of processors, such as `0-3,8`: a bit for each of the first 64.
pub(super) fn mask(list: &str) -> Option<u64> {
    let mut mask = 0;
    for part in list.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        (first..=last.min(63)).for_each(|bit| mask |= 1 << bit);
    }
    Some(mask)
}

#[cfg(test)]
mod tests {
    use super::{figure, mask, pages};

    #[test]
    fn numbers_are_found_in_the_kernels_texts() {
        assert_eq!(mask("0-3,8\n"), Some(0x10f));
        assert_eq!((mask(""), mask("63-70"), mask("64"), mask("x")), (Some(0), Some(1 << 63), Some(0), None));
        assert_eq!(figure("MemTotal:  10 kB\nMemFree: 3 kB", "MemFree:"), Some(3 << 10));
        assert_eq!(figure("Node 0 MemFree: 3 kB", "MemFree:"), Some(3 << 10));
        assert_eq!((figure("", "MemFree:"), pages("12 3 4")), (None, Some(12 << 12)));
    }
}

//! `/proc/PID/maps` as the kernel prints it: names for regions, and evidence for the tour.

use std::fs;
use std::io;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// `rwxp`, as the kernel writes it.
    pub(crate) rights: String,
    /// Of the file behind it; 0 where there is none.
    pub(crate) inode: u64,
    /// A file, a label in brackets, or nothing.
    pub(crate) name: String,
}

/// Every mapping of a process, ascending.
pub(crate) fn read(pid: u32) -> io::Result<Vec<Line>> {
    // Names of files need not be text.
    let bytes = fs::read(format!("/proc/{pid}/maps"))?;
    Ok(String::from_utf8_lossy(&bytes).lines().filter_map(parse).collect())
}

/// A line of `maps`, which is also what every entry of `smaps` begins with.
pub(crate) fn parse(line: &str) -> Option<Line> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let rights = fields.next()?.to_owned();
    let inode = fields.nth(2)?.parse().ok()?;
    let name = fields.next().unwrap_or_default().trim_start().to_owned();
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    Some(Line { start: number(start)?, end: number(end)?, rights, inode, name })
}

/// The mapping that holds `at`.
pub(crate) fn at(lines: &[Line], at: u64) -> Option<&Line> {
    let next = lines.partition_point(|line| line.end <= at);
    lines.get(next).filter(|line| line.start <= at)
}

/// The mappings that share a byte with `start..end`.
pub(crate) fn within(lines: &[Line], start: u64, end: u64) -> &[Line] {
    let first = lines.partition_point(|line| line.end <= start);
    let last = lines.partition_point(|line| line.start < end);
    lines.get(first..last).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_address() {
        let text = "1000-2000 r-xp 00000000 fe:01 12   /usr/bin/a b\n3000-5000 rw-p 00000000 00:00 0 \n";
        let lines: Vec<Line> = text.lines().filter_map(parse).collect();
        assert_eq!(at(&lines, 0x1fff).map(|line| line.name.as_str()), Some("/usr/bin/a b"));
        assert_eq!(at(&lines, 0x1000).map(|line| line.inode), Some(12));
        assert_eq!(at(&lines, 0x2000), None);
        assert_eq!(at(&lines, 0x4000).map(|line| line.name.as_str()), Some(""));
        assert_eq!(within(&lines, 0x1800, 0x3001).len(), 2);
        assert_eq!(within(&lines, 0x2000, 0x3000).len(), 0);
        assert_eq!(within(&lines, 0x6000, 0x7000).len(), 0);
    }
}

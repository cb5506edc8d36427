//! How many pages of a range are in memory, from `/proc/PID/pagemap`.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::sanitize::PAGE;
use super::task::Pages;
use crate::process::Process;

/// Bytes of the kernel's table that are read at once: 32 MiB of memory.
const PIECE: usize = 64 << 10;
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
/// The page belongs to a file, or to memory that several may see.
const OF_FILE: u64 = 1 << 61;

/// Counts the pages of a range; what cannot be known counts as not there.
pub(super) fn count(process: &Process, at: u64, size: u64) -> Pages {
    let mut pages = Pages::default();
    let whose = if process.is_current() { "thread-self".to_owned() } else { process.pid().to_string() };
    let Ok(table) = File::open(format!("/proc/{whose}/pagemap")) else { return pages };
    let mut piece = vec![0_u8; PIECE];
    let (mut next, end) = (at / PAGE * 8, (at + size) / PAGE * 8);
    while next < end {
        let wanted = piece.len().min((end - next) as usize);
        let Ok(got @ 1..) = table.read_at(&mut piece[..wanted], next) else { break };
        for word in piece[..got].chunks_exact(8) {
            tally(&mut pages, word);
        }
        next += got as u64;
    }
    pages
}

fn tally(pages: &mut Pages, word: &[u8]) {
    let word = word.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let is = |bit: u64| u32::from(word & bit != 0);
    pages.resident += is(PRESENT);
    pages.swapped += is(SWAPPED);
    pages.private += u32::from(word & (PRESENT | OF_FILE) == PRESENT);
}

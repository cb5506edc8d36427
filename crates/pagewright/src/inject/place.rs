//! Where things are, and go, in the target.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::ops::Range;

use object::LittleEndian as LE;
use object::elf::{FileHeader64, PF_X, PT_LOAD};
use object::pod;
use object::read::elf::{FileHeader, ProgramHeader};
use rustix::fs::OFlags;

use crate::target::Target;

use super::sys;

/// 32 to 80 TiB: above every heap that grows from a program linked low, below position-independent
/// programs and their heaps (85 TiB and up), and far below the area that grows down from the stack.
pub(super) const AREA: Range<u64> = 0x2000_0000_0000..0x5000_0000_0000;
/// What page tables are shared by; a random address at a multiple of it leaves no half-used table
/// behind.
const STEP: u64 = 2 << 20;
const AT_SYSINFO_EHDR: u64 = 33;
/// How much of each mapping is searched for an instruction when there is no vDSO.
const SEARCH: u64 = 16 << 20;

/// An address for `len` bytes. Nothing is looked up: the area is 48 TiB wide, and the mapping is
/// made such that it fails where something is already. That costs nothing in a process with many
/// mappings, whose list takes milliseconds to read.
pub(super) fn base(len: u64) -> u64 {
    let random = RandomState::new().build_hasher().finish();
    let steps = (AREA.end - AREA.start).saturating_sub(len) / STEP;
    AREA.start + random % steps.max(1) * STEP
}

/// Whether [`base`] may have given this address.
pub(super) fn is_base(address: u64) -> bool {
    AREA.contains(&address) && address.is_multiple_of(STEP)
}

/// The address of a `syscall` instruction outside `avoid`, readable through thread `tid`.
pub(super) fn gadget(target: &Target, tid: i32, avoid: &[Range<u64>]) -> Option<u64> {
    in_vdso(target, tid, avoid).or_else(|| in_mappings(target, tid, avoid))
}

fn in_vdso(target: &Target, tid: i32, avoid: &[Range<u64>]) -> Option<u64> {
    let mut auxv = Vec::new();
    let file = target.open_file(&format!("task/{tid}/auxv"), OFlags::RDONLY).ok()?;
    std::fs::File::from(file).read_to_end(&mut auxv).ok()?;
    let word = |w: &[u8]| w.iter().rev().fold(0u64, |a, b| a << 8 | u64::from(*b));
    let mut pairs = auxv.chunks_exact(16).map(|pair| (word(&pair[..8]), word(&pair[8..])));
    let start = pairs.find(|(key, _)| *key == AT_SYSINFO_EHDR)?.1;
    search(tid, vdso_code(tid, start)?, avoid)
}

/// The code of the vDSO, as its own header describes it: behind it may lie anything. It may also
/// have been moved or unmapped since the start, as checkpoint tools do.
fn vdso_code(tid: i32, start: u64) -> Option<Range<u64>> {
    let mut words = [0u64; 512];
    let page = pod::bytes_of_slice_mut(&mut words);
    sys::peek(tid, start, page).ok().filter(|got| *got == 4096)?;
    let header = FileHeader64::<LE>::parse(&*page).ok()?;
    let segments = header.program_headers(LE, &*page).ok()?;
    let code = segments.iter().find(|s| s.p_type(LE) == PT_LOAD && s.p_flags(LE).contains(PF_X))?;
    let from = start.checked_add(code.p_vaddr(LE))?;
    Some(from..from.checked_add(code.p_memsz(LE).min(SEARCH))?)
}

fn in_mappings(target: &Target, tid: i32, avoid: &[Range<u64>]) -> Option<u64> {
    let maps = target.read(&format!("task/{tid}/maps")).ok()?;
    let executable = maps.lines().filter_map(executable_range);
    executable
        .into_iter()
        .find_map(|range| search(tid, range.start..range.end.min(range.start + SEARCH), avoid))
}

/// The range of one line of a `maps` file, if it is readable code of the program (not the legacy
/// `vsyscall` page).
fn executable_range(line: &str) -> Option<Range<u64>> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
    (words.next()?.starts_with("r-x") && !line.ends_with("[vsyscall]")).then_some(range)
}

fn search(tid: i32, within: Range<u64>, avoid: &[Range<u64>]) -> Option<u64> {
    let mut page = [0u8; 4096];
    within.step_by(page.len()).find_map(|at| {
        let got = sys::peek(tid, at, &mut page).ok()?;
        let bytes = page.get(..got as usize)?;
        let here =
            bytes.windows(2).enumerate().filter(|(_, w)| *w == sys::SYSCALL).map(|(i, _)| at + i as u64);
        here.into_iter().find(|g| !avoid.iter().any(|range| range.contains(g) || range.contains(&(g + 1))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_the_free_area_and_differ() {
        let bases: Vec<u64> = (0..100).map(|_| base(1 << 20)).collect();
        assert!(bases.iter().all(|b| is_base(*b)));
        assert!(bases.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn our_own_vdso_or_code_holds_a_syscall_instruction() {
        let me = Target::open(std::process::id() as i32).expect("we exist");
        let tid = me.pid;
        let vdso = in_vdso(&me, tid, &[]);
        let other = in_mappings(&me, tid, &[]).expect("libc has one");
        for at in vdso.into_iter().chain([other]) {
            let mut code = [0; 2];
            assert_eq!(sys::peek(tid, at, &mut code), Ok(2));
            assert_eq!(code, sys::SYSCALL);
        }
        let elsewhere =
            in_mappings(&me, tid, std::slice::from_ref(&(other..other + 1))).expect("libc has more");
        assert_ne!(elsewhere, other);
    }
}

//! What the classes of a query know: an allocation, an image, the name of a mapped file.

use std::fs;
use std::ptr;

use pagewright_core::{Backing, Info, Kind, Rights, State, Verb};

use super::super::failure::Failure;
use super::super::protection::encode_protection;
use super::super::status::NtStatus;
use super::types::{MEMORY_IMAGE_INFORMATION, MEMORY_REGION_INFORMATION};
use crate::memory::Memory;
use crate::process::Process;

/// Bit 0 of the flags of an image.
const PARTIAL: u32 = 1;
const PAGE: u64 = 0x1000;

/// The allocation at an address (VQ33 to VQ36, VQ39, VQ40).
///
/// # Errors
/// `INVALID_ADDRESS` where nothing is.
pub(super) fn region<M: Memory + ?Sized>(memory: &M, at: u64) -> Result<MEMORY_REGION_INFORMATION, Failure> {
    let whole = Whole::at(memory, at)?;
    Ok(MEMORY_REGION_INFORMATION {
        AllocationBase: pointer(whole.base),
        AllocationProtect: whole.initial,
        RegionSize: whole.bytes as usize,
        CommitSize: whole.charged as usize,
        ..Default::default()
    })
}

/// The image at an address; zeros for memory of another kind (VQ41 to VQ44).
///
/// # Errors
/// `INVALID_ADDRESS` where nothing is.
pub(super) fn image<M: Memory + ?Sized>(memory: &M, at: u64) -> Result<MEMORY_IMAGE_INFORMATION, Failure> {
    let whole = Whole::at(memory, at)?;
    if whole.backing != Backing::Image {
        return Ok(MEMORY_IMAGE_INFORMATION::default());
    }
    // What has no header that can be read is as large as what is mapped of it.
    let header = Header::read(memory, whole.base).unwrap_or(Header { bytes: whole.bytes, of_file: 0 });
    Ok(MEMORY_IMAGE_INFORMATION {
        ImageBase: pointer(whole.base),
        SizeOfImage: header.bytes as usize,
        ImageFlags: if whole.bytes < header.of_file { PARTIAL } else { 0 },
    })
}

/// The path of the file that is mapped at an address, in 16-bit units (VQ46 to VQ50).
///
/// # Errors
/// `INVALID_ADDRESS` where no file is.
pub(super) fn file_name(process: &Process, at: u64) -> Result<Vec<u16>, Failure> {
    let whole = Whole::at(process, at)?;
    let path = match whole.backing {
        Backing::View | Backing::Image => path(process, at),
        Backing::Private => None,
    };
    let path = path.ok_or_else(|| nothing(at))?;
    Ok(String::from_utf8_lossy(&path).encode_utf16().collect())
}

/// What a class is refused with where it has nothing to say.
fn nothing(at: u64) -> Failure {
    let fix = "nothing of that kind is there; give an address in it";
    Failure::argument(NtStatus::INVALID_ADDRESS, "address", at, fix)
}

/// All of an allocation, from the answers about its runs.
#[derive(Clone, Copy, Debug)]
struct Whole {
    base: u64,
    initial: u32,
    bytes: u64,
    /// Bytes that are charged to it.
    charged: u64,
    backing: Backing,
}

impl Whole {
    fn at<M: Memory + ?Sized>(memory: &M, at: u64) -> Result<Self, Failure> {
        super::check_address(at, memory.highest())?;
        let Some(base) = allocation(&memory.query(at)?) else { return Err(nothing(at)) };
        let first = memory.query(base)?;
        let (State::Committed { initial, backing, .. } | State::Reserved { initial, backing, .. }) =
            first.state
        else {
            return Err(nothing(at));
        };
        let mut whole = Self { base, initial: encode_protection(initial), bytes: 0, charged: 0, backing };
        let mut next = first;
        // What is taken away meanwhile ends it early.
        while allocation(&next) == Some(base) && next.size > 0 {
            whole.bytes += next.size;
            if let State::Committed { .. } = next.state {
                whole.charged += next.size;
            }
            match memory.query(base + whole.bytes) {
                Ok(found) => next = found,
                Err(_) => break,
            }
        }
        // A view is charged to its section, unless stores make copies (VQ35, VQ36).
        let copies = initial.rights.contains(Rights::COPY);
        match backing {
            Backing::Private => {}
            Backing::View | Backing::Image if copies => {}
            Backing::View | Backing::Image => whole.charged = 0,
        }
        Ok(whole)
    }
}

/// The base of the allocation that a run is of.
const fn allocation(info: &Info) -> Option<u64> {
    match info.state {
        State::Free => None,
        State::Reserved { allocation, .. } | State::Committed { allocation, .. } => Some(allocation),
    }
}

/// What the header of a program or library says of its size.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// Bytes of all of it.
    bytes: u64,
    /// Bytes up to the end of what the file has.
    of_file: u64,
}

impl Header {
    /// The header at `base`, if one is there that makes sense.
    fn read<M: Memory + ?Sized>(memory: &M, base: u64) -> Option<Self> {
        const LOADED: u64 = 1;
        let mut file = [0; 64];
        all(memory, base, &mut file)?;
        if !file.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let (table, size, count) =
            (number(&file, 32, 8)?, number(&file, 54, 2)? as usize, number(&file, 56, 2)? as usize);
        let mut table_bytes = vec![0; size.checked_mul(count).filter(|_| size >= 56)?];
        all(memory, base.checked_add(table)?, &mut table_bytes)?;
        let (mut low, mut high, mut of_file) = (u64::MAX, 0, 0);
        for entry in table_bytes.chunks_exact(size) {
            if number(entry, 0, 4)? == LOADED {
                let (at, stored, bytes) =
                    (number(entry, 16, 8)?, number(entry, 32, 8)?, number(entry, 40, 8)?);
                low = low.min(at & !(PAGE - 1));
                high = high.max(at.checked_add(bytes)?);
                of_file = of_file.max(at.checked_add(stored)?);
            }
        }
        let end = |end: u64| end.checked_next_multiple_of(PAGE)?.checked_sub(low);
        Some(Self { bytes: end(high)?, of_file: end(of_file)? })
    }
}

/// Fills the buffer, or says that not all of it is there.
fn all<M: Memory + ?Sized>(memory: &M, at: u64, into: &mut [u8]) -> Option<()> {
    let size = into.len();
    (memory.read(at, into).ok()? == size).then_some(())
}

/// A number of `bytes` bytes, the lowest first.
fn number(from: &[u8], at: usize, bytes: usize) -> Option<u64> {
    Some(from.get(at..at + bytes)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The path of the file that the kernel has mapped at an address.
fn path(process: &Process, at: u64) -> Option<Vec<u8>> {
    let maps = match process.is_current() {
        true => "/proc/thread-self/maps".to_owned(),
        false => format!("/proc/{}/maps", process.pid()),
    };
    let maps = fs::read(maps).ok()?;
    // The number meant this process when the file was read if it has not ended now.
    if process.has_ended() {
        return None;
    }
    maps.split(|byte| *byte == b'\n').find_map(|line| path_at(line, at))
}

/// The path in a line of that list, if the address is in its range.
fn path_at(line: &[u8], at: u64) -> Option<Vec<u8>> {
    let mut fields = line.splitn(6, |byte| *byte == b' ');
    let mut ends = fields.next()?.split(|byte| *byte == b'-');
    let mut end = || u64::from_str_radix(std::str::from_utf8(ends.next()?).ok()?, 16).ok();
    let (low, high) = (end()?, end()?);
    if !(low..high).contains(&at) {
        return None;
    }
    let path = fields.nth(4)?.trim_ascii_start();
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
    // Memory with a file of its own has no name that anybody could open.
    (path.starts_with(b"/") && !path.starts_with(b"/memfd:")).then(|| plain(path))
}

/// A path as the kernel has it: in the list, the end of a line is written as `\012`.
fn plain(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(b"\\012") {
            Some(after) => {
                bytes.push(b'\n');
                rest = after;
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// An address of some process as a pointer that nobody follows here.
const fn pointer(address: u64) -> *mut std::ffi::c_void {
    ptr::without_provenance_mut(address as usize)
}

/// A refusal because of the class.
pub(super) fn unknown(class: i32) -> Failure {
    let fix = "give a class that is served: basic, mapped file name, region, image";
    Failure::argument(NtStatus::INVALID_INFO_CLASS, "class", class as u64, fix)
}

const _: () = assert!(
    NtStatus::of(Verb::Query, Kind::BadAddress).0 == NtStatus::INVALID_PARAMETER.0,
    "VQ22 is the same for all classes"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_from_the_list() {
        let line = b"1000-3000 r-xp 00000000 fe:01 12                    /usr/a b\\012c.so (deleted)";
        assert_eq!(path_at(line, 0x1000).as_deref(), Some(&b"/usr/a b\nc.so"[..]));
        assert_eq!(path_at(line, 0x3000), None);
        for other in [
            &b"1000-3000 rw-p 0 00:00 0"[..],
            b"1000-3000 rw-p 0 00:00 0   [heap]",
            b"1000-3000 rw-s 0 00:01 5 /memfd:x",
        ] {
            assert_eq!(path_at(other, 0x1000), None);
        }
    }
}

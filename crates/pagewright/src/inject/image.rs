//! The blob: from an ELF file to the bytes that stand in the target.

use std::ops::Range;

use object::LittleEndian as LE;
use object::elf::{
    DT_REL, DT_RELA, DT_RELASZ, DT_RELR, DynamicTag, EM_X86_64, ET_DYN, FileHeader64, PF_W, PF_X, PT_DYNAMIC,
    PT_INTERP, PT_LOAD, PT_TLS, ProgramHeader64, R_X86_64_NONE, R_X86_64_RELATIVE, RelocationType,
};
use object::pod;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use pagewright_linux::orphan;

/// The page size of x86-64.
pub(super) const PAGE: u64 = 4096;
/// More than any resident; a blob that claims more is damaged.
const LARGEST: u64 = 64 << 20;

/// A blob as it lies in memory, not yet bound to an address.
#[derive(Debug)]
pub(super) struct Image {
    /// All segments at their places, from the lowest address up.
    bytes: Vec<u8>,
    /// Where in `bytes` a word must be raised by the base, and the value to be raised.
    relative: Vec<(usize, u64)>,
    /// Whole pages that hold code.
    pub(super) code: Vec<Range<u64>>,
    /// Offset of the first instruction.
    pub(super) entry: u64,
    /// How many bytes from the start are constant: code, and what it only reads.
    pub(super) constant: usize,
    /// Offset of the record of a resident that keeps a map.
    pub(super) record: Option<u64>,
}

impl Image {
    /// Reads the blob. Refuses everything that would need a loader: libraries, thread-local
    /// storage, symbols.
    pub(super) fn parse(blob: &[u8]) -> Result<Self, &'static str> {
        let mut words = vec![0u64; blob.len().div_ceil(8)];
        // The parser wants 8-byte alignment, which embedded bytes don't have.
        let aligned = pod::bytes_of_slice_mut(&mut words).get_mut(..blob.len()).ok_or("it is too short")?;
        aligned.copy_from_slice(blob);
        Self::parse_aligned(aligned)
    }

    fn parse_aligned(blob: &[u8]) -> Result<Self, &'static str> {
        let header = FileHeader64::<LE>::parse(blob).map_err(|_| "it is not a 64-bit ELF file")?;
        if header.e_machine(LE) != EM_X86_64 || header.e_type(LE) != ET_DYN {
            return Err("it is not position-independent x86-64 code");
        }
        let segments = header.program_headers(LE, blob).map_err(|_| "its program headers are damaged")?;
        let bytes = flatten(segments, blob)?;
        let mut image = Self {
            relative: Vec::new(),
            code: code(segments),
            entry: header.e_entry(LE),
            constant: constant(segments, bytes.len()),
            record: record(header, blob, bytes.len()),
            bytes,
        };
        for segment in segments {
            match segment.p_type(LE) {
                PT_INTERP | PT_TLS => return Err("it needs an interpreter or thread-local storage"),
                PT_DYNAMIC => image.relative = relocations(segment, blob, &image.bytes)?,
                _other => {}
            }
        }
        if !image.code.iter().any(|c| c.contains(&image.entry)) {
            return Err("its entry point is outside its code");
        }
        Ok(image)
    }

    /// Bytes it takes, in whole pages.
    pub(super) fn len(&self) -> u64 {
        (self.bytes.len() as u64).next_multiple_of(PAGE)
    }

    /// The bytes as they must stand at `base`, without the zeroes at the end.
    pub(super) fn relocated(&self, base: u64) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (at, addend) in &self.relative {
            if let Some(word) = bytes.get_mut(*at..*at + 8) {
                word.copy_from_slice(&base.wrapping_add(*addend).to_le_bytes());
            }
        }
        let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        bytes.truncate(used);
        bytes
    }
}

fn flatten(segments: &[ProgramHeader64<LE>], blob: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    for segment in segments.iter().filter(|s| s.p_type(LE) == PT_LOAD) {
        let end = segment.p_vaddr(LE).checked_add(segment.p_memsz(LE)).filter(|end| *end <= LARGEST);
        let end = end.ok_or("a segment lies outside the allowed range")? as usize;
        let data = segment.data(LE, blob).map_err(|()| "a segment is cut short")?;
        bytes.resize(bytes.len().max(end), 0);
        let start = segment.p_vaddr(LE) as usize;
        let place = bytes.get_mut(start..end).and_then(|b| b.get_mut(..data.len()));
        place.ok_or("a segment is larger in the file than in memory")?.copy_from_slice(data);
    }
    if bytes.is_empty() { Err("it has nothing to load") } else { Ok(bytes) }
}

fn code(segments: &[ProgramHeader64<LE>]) -> Vec<Range<u64>> {
    let executable = segments.iter().filter(|s| s.p_type(LE) == PT_LOAD && s.p_flags(LE).contains(PF_X));
    executable
        .map(|s| {
            (s.p_vaddr(LE) & !(PAGE - 1))..s.p_vaddr(LE).saturating_add(s.p_memsz(LE)).next_multiple_of(PAGE)
        })
        .collect()
}

/// The bytes before everything that is writable.
fn constant(segments: &[ProgramHeader64<LE>], len: usize) -> usize {
    let writable = segments.iter().filter(|s| s.p_type(LE) == PT_LOAD && s.p_flags(LE).contains(PF_W));
    writable.map(|s| s.p_vaddr(LE) as usize).fold(len, usize::min)
}

/// Where the record is, if there is one: it has a section of its own.
fn record(header: &FileHeader64<LE>, blob: &[u8], len: usize) -> Option<u64> {
    let sections = header.sections(LE, blob).ok()?;
    let (_, section) = sections.section_by_name(LE, orphan::SECTION.as_bytes())?;
    let at = section.sh_addr(LE);
    at.checked_add(orphan::RECORD_LEN as u64).filter(|end| *end <= len as u64).map(|_| at)
}

fn relocations(
    dynamic: &ProgramHeader64<LE>,
    blob: &[u8],
    image: &[u8],
) -> Result<Vec<(usize, u64)>, &'static str> {
    let entries =
        dynamic.dynamic(LE, blob).map_err(|_| "its dynamic section is damaged")?.unwrap_or_default();
    let value = |tag: DynamicTag| entries.iter().find(|e| e.d_tag(LE) == tag).map(|e| e.d_val(LE));
    if value(DT_REL).is_some() || value(DT_RELR).is_some() {
        return Err("it has relocations of a kind other than RELA");
    }
    let (Some(start), Some(size)) = (value(DT_RELA), value(DT_RELASZ)) else { return Ok(Vec::new()) };
    let table = start.checked_add(size).and_then(|end| image.get(start as usize..end as usize));
    let rows = table.ok_or("its relocation table is outside the image")?.chunks_exact(24);
    rows.filter_map(|row| relocation(row, image.len()).transpose()).collect()
}

/// One row of the table: offset, kind and symbol, addend.
fn relocation(row: &[u8], len: usize) -> Result<Option<(usize, u64)>, &'static str> {
    let word = |i: usize| {
        row.chunks_exact(8).nth(i).map_or(0, |w| w.iter().rev().fold(0u64, |a, b| a << 8 | u64::from(*b)))
    };
    let (offset, kind, addend) = (word(0), word(1), word(2));
    match (RelocationType(kind as u32), kind >> 32) {
        (R_X86_64_NONE, _) => Ok(None),
        (R_X86_64_RELATIVE, 0) if offset.checked_add(8).is_some_and(|end| end <= len as u64) => {
            Ok(Some((offset as usize, addend)))
        }
        (R_X86_64_RELATIVE, 0) => Err("a relocation is outside the image"),
        _other => Err("it has relocations that need symbols"),
    }
}

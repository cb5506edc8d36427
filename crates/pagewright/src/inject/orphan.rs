//! Looking for what a forked child has of its parent's resident: all but the thread.
//!
//! Whatever is read here is the target's word, which may lie. It decides whether a thread of the
//! target's own starts on memory of the target's own, so a liar harms itself.

use pagewright_core::Access;
use pagewright_linux::machine::{Mapping, MapsFile, Sharing};
use pagewright_linux::orphan::{Phase, RECORD_LEN, Seen};
use pagewright_linux::sys::Fd;
use rustix::fd::IntoRawFd;
use rustix::fs::OFlags;

use crate::target::Target;

use super::image::{Image, PAGE};
use super::{place, sys};

/// The most that a resident's own memory can be.
const LARGEST: u64 = 64 << 20;
/// How many mappings that memory may consist of; it is made of three.
const PARTS: usize = 8;
/// How many pieces of anonymous code are looked at.
const LOOK_AT: usize = 1024;

/// A resident without a thread, whose map is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orphan {
    /// Start of the memory that was once mapped for it.
    pub(super) base: u64,
    /// Its length, from the image to the top of the stack.
    pub(super) len: u64,
}

/// Finds one that was made from `blob`. Halts nothing, and costs one question of the kernel in a
/// process that has none.
pub(crate) fn orphan(target: &Target, blob: &[u8]) -> Option<Orphan> {
    let maps = target.open_memory("maps", OFlags::RDONLY).ok()?;
    // SAFETY: the number comes out of an owner that gave it up, so it is open and ours.
    let maps = MapsFile::Held(unsafe { Fd::from_raw(maps.into_raw_fd()) });
    let mut image = None;
    let mut at = place::AREA.start;
    for _ in 0..LOOK_AT {
        let code = maps.executable_at_or_after(at).ok()??;
        if code.start >= place::AREA.end {
            break;
        }
        at = code.end;
        if !is_anonymous(&code) {
            continue;
        }
        if image.is_none() {
            image = Image::parse(blob).ok();
        }
        let found = Search { tid: target.thread_with_memory(), maps: &maps, image: image.as_ref()? };
        if let Some(orphan) = found.around(&code) {
            return Some(orphan);
        }
    }
    None
}

fn is_anonymous(mapping: &Mapping) -> bool {
    mapping.sharing == Sharing::Private && mapping.file.is_none()
}

struct Search<'a> {
    tid: i32,
    maps: &'a MapsFile,
    image: &'a Image,
}

impl Search<'_> {
    /// The orphan that this piece of code belongs to.
    fn around(&self, code: &Mapping) -> Option<Orphan> {
        let part = self.image.code.first()?;
        let base = code.start.checked_sub(part.start).filter(|base| place::is_base(*base))?;
        if code.end - code.start != part.end - part.start {
            return None;
        }
        let record = self.record(base)?;
        let len = record.region.1;
        let in_size = len % PAGE == 0 && len > self.image.len() && len <= LARGEST;
        let plausible = record.region.0 == base && in_size;
        let usable = plausible
            && record.phase == Phase::Whole
            && !self.has_ring(record.ring)
            && self.is_mapped(base, base + len)
            && self.is_our_build(base);
        usable.then_some(Orphan { base, len })
    }

    fn record(&self, base: u64) -> Option<Seen> {
        let mut bytes = [0; RECORD_LEN];
        self.read(base + self.image.record?, &mut bytes)?;
        Seen::parse(&bytes)
    }

    /// Whether the ring is there: it is not inherited, so the resident lives, in a process that
    /// shares this memory.
    fn has_ring(&self, (base, len): (u64, u64)) -> bool {
        match self.maps.at_or_after(base) {
            Ok(Some(found)) => {
                (found.start, found.end - found.start, found.sharing) == (base, len, Sharing::Shared)
            }
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// Whether private memory lies in the whole range, writable at its end, which is a stack.
    fn is_mapped(&self, base: u64, end: u64) -> bool {
        let mut at = base;
        for _ in 0..PARTS {
            let Ok(Some(part)) = self.maps.at_or_after(at) else { return false };
            if part.start > at || !is_anonymous(&part) {
                return false;
            }
            if part.end >= end {
                return part.access.contains(Access::READ | Access::WRITE);
            }
            at = part.end;
        }
        false
    }

    /// Whether code and constants are what this build would place there.
    fn is_our_build(&self, base: u64) -> bool {
        let mut ours = self.image.relocated(base);
        ours.resize(self.image.constant, 0);
        let mut theirs = vec![0; ours.len()];
        self.read(base, &mut theirs).is_some() && ours == theirs
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Option<()> {
        sys::peek(self.tid, at, into).ok().filter(|got| *got == into.len() as u64).map(drop)
    }
}

//! Memory entries: memory with a name, which can be mapped in any task.
//!
//! An entry holds a mapping of this process that nobody can use by accident, with the
//! object, the copy or the second view that it stands for. Mapping the entry maps that once
//! more. The mapping goes with the last name, and with the last entry made of this one.

use std::sync::Arc;

use pagewright_core::{
    Birth, Inheritance, Limit, Map, Protection, RemapCopy, Restrict, Rights, Surveyed, Unmap,
};

use super::code::{KernReturn, Result};
use super::constants::{
    MAP_MEM_4K_DATA_ADDR, MAP_MEM_CACHING, MAP_MEM_NAMED_CREATE, MAP_MEM_NAMED_REUSE, MAP_MEM_ONLY,
    MAP_MEM_PURGABLE, MAP_MEM_USE_DATA_ADDR, MAP_MEM_VM_COPY, MAP_MEM_VM_SHARE, VM_FLAGS_ANYWHERE,
    VM_FLAGS_OVERWRITE, VM_FLAGS_RETURN_4K_DATA_ADDR, VM_FLAGS_RETURN_DATA_ADDR, VM_PROT_ALL,
    VM_PROT_IS_MASK,
};
use super::cross::{bring, keep};
use super::sanitize::{MAPPING, PAGE, Span, rounded};
use super::task::{Granted, Mapping, Target, Task, Use, overwrite, start};
use super::types::vm_prot_t;
use super::words;
use crate::memory::Memory;
use crate::process::Process;

/// Memory with a name.
#[derive(Debug)]
pub(super) struct Entry {
    kept: Arc<Kept>,
    /// Where it begins in what is kept.
    offset: u64,
    /// Whole pages.
    size: u64,
    /// Where the data begins in the first page, if that is looked at.
    lead: Option<u64>,
    rights: Rights,
    kind: EntryKind,
}

/// What an entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryKind {
    /// An object, or a part of one.
    Object,
    /// A list of ranges, which is mapped as a whole (V11).
    List,
}

/// A mapping of this process that stands for an entry.
#[derive(Debug)]
struct Kept {
    at: u64,
    size: u64,
    /// Whose memory it was made of, and where it was there; 0 for none.
    origin: (u32, u64),
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Ours alone, so only a lack of mappings could be in the way.
        let _ = Process::current().unmap(&Unmap { at: self.at, size: self.size });
    }
}

/// What is asked of a new entry, in words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) size: u64,
    pub(super) offset: u64,
    pub(super) permission: vm_prot_t,
}

/// What comes of it.
#[derive(Debug)]
pub(super) enum Made {
    /// A new entry.
    New(Entry),
    /// The parent once more.
    Parent,
    /// Nothing, as was asked.
    Nothing,
}

/// Where flags are; below are rights, above is the caching.
const FLAGS: vm_prot_t = 0x00ff_ff00;
const KNOWN: vm_prot_t = MAP_MEM_ONLY
    | MAP_MEM_NAMED_CREATE
    | MAP_MEM_PURGABLE
    | MAP_MEM_NAMED_REUSE
    | MAP_MEM_USE_DATA_ADDR
    | MAP_MEM_VM_COPY
    | MAP_MEM_VM_SHARE
    | MAP_MEM_4K_DATA_ADDR;

const ARGUMENT: KernReturn = KernReturn::INVALID_ARGUMENT;

impl Wanted {
    const fn has(&self, flag: vm_prot_t) -> bool {
        self.permission & flag != 0
    }

    fn rights(&self) -> Rights {
        words::known_rights(self.permission)
    }

    /// The rights of a new entry, where what it is made of has these.
    fn within(&self, most: Rights) -> Result<Rights> {
        let asked = self.rights();
        if most.contains(asked) {
            return Ok(asked);
        }
        let rest = asked.intersection(most);
        if self.has(VM_PROT_IS_MASK) && !rest.is_empty() {
            return Ok(rest);
        }
        Err(KernReturn::PROTECTION_FAILURE)
    }

    /// Where the data begins in its page, if the caller wants to know.
    const fn lead(&self) -> Option<u64> {
        if self.has(MAP_MEM_USE_DATA_ADDR) {
            Some(self.offset % PAGE)
        } else if self.has(MAP_MEM_4K_DATA_ADDR) {
            Some((self.offset % PAGE) & !0xfff)
        } else {
            None
        }
    }

    /// The pages that are meant. Without data addresses both ends are rounded out too.
    fn span(&self) -> Result<Span> {
        Ok(MAPPING.require(self.offset, self.size)?.pages())
    }

    /// Flags and words that are none (E1, E2, E4, E5, E10).
    fn check(&self, parent: Option<&Entry>) -> Result<()> {
        if self.permission & FLAGS & !KNOWN != 0 {
            return Err(KernReturn::INVALID_VALUE);
        }
        if self.permission & !(FLAGS | MAP_MEM_CACHING | VM_PROT_ALL | VM_PROT_IS_MASK) != 0 {
            return Err(ARGUMENT);
        }
        if parent.is_some_and(|parent| parent.kind == EntryKind::List) {
            return Err(ARGUMENT);
        }
        if self.has(MAP_MEM_ONLY) && parent.is_none() {
            return Err(ARGUMENT);
        }
        let data = MAP_MEM_USE_DATA_ADDR | MAP_MEM_4K_DATA_ADDR;
        if self.has(MAP_MEM_NAMED_CREATE) && self.has(data) {
            return Err(ARGUMENT);
        }
        if self.has(MAP_MEM_PURGABLE) && !self.rights().contains(Rights::WRITE) {
            return Err(ARGUMENT);
        }
        Ok(())
    }
}

/// Makes an entry of memory of a task, or of a parent (E1 to E13).
///
/// # Errors
/// `KERN_INVALID_VALUE` for unknown flags; `KERN_INVALID_ARGUMENT` for words that are none,
/// flags that do not go together, and sizes; `KERN_INVALID_ADDRESS` for a hole;
/// `KERN_PROTECTION_FAILURE` for more rights than there are; `KERN_INVALID_RIGHT` to change
/// how a parent is cached that may not be stored to; `KERN_FAILURE` for an object that is
/// too large.
pub(super) fn make(
    task: impl FnOnce() -> Result<Process>,
    wanted: &Wanted,
    parent: Option<&Entry>,
) -> Result<Made> {
    wanted.check(parent)?;
    match parent {
        Some(parent) if wanted.has(MAP_MEM_ONLY) => parent.recached(wanted),
        _ if wanted.has(MAP_MEM_NAMED_CREATE) => create(wanted),
        _ if wanted.has(MAP_MEM_VM_COPY) => copied(&task()?, wanted),
        Some(parent) if !wanted.has(MAP_MEM_VM_SHARE | MAP_MEM_NAMED_REUSE) => parent.part(wanted),
        _ => shared(&task()?, wanted, parent),
    }
}

/// A new object of zeros (E3).
fn create(wanted: &Wanted) -> Result<Made> {
    let size = rounded(wanted.size).ok_or(ARGUMENT)?;
    if size == 0 {
        return Ok(Made::Nothing);
    }
    let map = Map {
        protection: Protection::NONE,
        maximum: Rights::USUAL,
        inheritance: Inheritance::Share,
        birth: Birth::Shared,
        ..Map::new(size)
    };
    let at = start(Process::current().map(&map).map_err(|_| KernReturn::FAILURE)?);
    let kept = Kept { at, size, origin: (0, 0) };
    Ok(Made::New(Entry::whole(kept, wanted.rights(), None, EntryKind::Object)))
}

/// A copy of a range as it is now (E6).
fn copied(task: &Process, wanted: &Wanted) -> Result<Made> {
    let span = wanted.span()?;
    let own = Process::current();
    let from = Task::of(task);
    from.inspect(span, Use::Read)?;
    let at = if task.is_current() {
        from.read(span.at, span.size)?
    } else {
        from.read_into(span.at, span.size, Task::of(&own))?
    };
    let kept = Kept { at, size: span.size, origin: (0, 0) };
    kept.close()?;
    Ok(Made::New(Entry::whole(kept, wanted.rights(), wanted.lead(), EntryKind::List)))
}

/// A second view of a range (E7, E8).
fn shared(task: &Process, wanted: &Wanted, parent: Option<&Entry>) -> Result<Made> {
    let mut span = wanted.span()?;
    let mut runs = Task::of(task).runs(span)?;
    if !wanted.has(MAP_MEM_VM_SHARE) {
        // One object only: where the first region ends, the entry does.
        runs.truncate(1);
        span.size = runs.iter().map(|(run, _)| run.size).sum();
    }
    let both = |found: &Surveyed| found.protection.rights.intersection(found.attributes.maximum);
    let most = runs.iter().fold(Rights::USUAL, |most, (_, found)| most.intersection(both(found)));
    let rights = wanted.within(most)?;
    if let Some(parent) = parent
        && wanted.has(MAP_MEM_NAMED_REUSE)
        && parent.is_view_of(task, span)
        && parent.rights == rights
    {
        return Ok(Made::Parent);
    }
    let at = keep(task, span, &runs)?;
    let kept = Kept { at, size: span.size, origin: (task.pid(), span.at) };
    kept.close()?;
    let kind = if wanted.has(MAP_MEM_VM_SHARE) { EntryKind::List } else { EntryKind::Object };
    Ok(Made::New(Entry::whole(kept, rights, wanted.lead(), kind)))
}

impl Kept {
    /// Keeps the program from using it; what it may ever be used for stays.
    fn close(&self) -> Result<()> {
        let Self { at, size, .. } = *self;
        Process::current().restrict(&Restrict {
            at,
            size,
            rights: Rights::empty(),
            limit: Limit::Current,
        })?;
        Ok(())
    }
}

impl Entry {
    fn whole(kept: Kept, rights: Rights, lead: Option<u64>, kind: EntryKind) -> Self {
        Self { size: kept.size, offset: 0, lead, rights, kind, kept: Arc::new(kept) }
    }

    /// The bytes of an entry, as a call reports them (E13).
    pub(super) const fn reported(&self, asked: u64) -> u64 {
        match self.lead {
            Some(lead) => lead + asked,
            None => self.size,
        }
    }

    /// A part of this entry (E9).
    fn part(&self, wanted: &Wanted) -> Result<Made> {
        let span = wanted.span()?;
        if span.end() > self.size {
            return Err(ARGUMENT);
        }
        let rights = wanted.within(self.rights)?;
        Ok(Made::New(Self {
            kept: Arc::clone(&self.kept),
            offset: self.offset + span.at,
            size: span.size,
            lead: wanted.lead(),
            rights,
            kind: self.kind,
        }))
    }

    /// Another way of caching, which x86 Linux does not have for ordinary memory (E10).
    fn recached(&self, wanted: &Wanted) -> Result<Made> {
        if wanted.has(MAP_MEM_CACHING) && !self.rights.contains(Rights::WRITE) {
            return Err(KernReturn::INVALID_RIGHT);
        }
        Ok(Made::Nothing)
    }

    /// Whether it is a view of this memory.
    fn is_view_of(&self, task: &Process, span: Span) -> bool {
        let (pid, at) = self.kept.origin;
        (pid, at + self.offset, self.size) == (task.pid(), span.at, span.size)
    }

    /// Maps the entry in a task (V9 to V12). Answers where.
    ///
    /// # Errors
    /// `KERN_INVALID_ARGUMENT` for words that are none, for more than the entry has, and
    /// for an offset inside of a page; `KERN_INVALID_RIGHT` for more rights than it has;
    /// else as [`Task::map`].
    pub(super) fn map(&self, task: &Process, mapping: &Mapping, offset: u64, copy: RemapCopy) -> Result<u64> {
        let (place, _) = mapping.place()?;
        let rights = self.granted(mapping)?;
        let (source, lead) = self.source(mapping, offset)?;
        let target = Target {
            place,
            mask: mapping.mask,
            overwrite: overwrite(mapping.flags),
            inheritance: words::inheritance(mapping.inherit)?,
        };
        let own = Process::current();
        let mut runs = Task::of(&own).runs(source)?;
        for (_, found) in &mut runs {
            found.protection = words::protection(rights.current);
            found.attributes.maximum = rights.maximum;
        }
        let at = if task.is_current() {
            place_once_more(task, source, &target, copy, &rights)?
        } else {
            bring_from_kept(&own, source, &runs, task, &target, copy)?
        };
        Ok(at + lead)
    }

    /// The rights of a mapping, within those of the entry (V4, V9).
    fn granted(&self, mapping: &Mapping) -> Result<Granted> {
        let limit = |word: vm_prot_t| {
            let asked = words::known_rights(word);
            if self.rights.contains(asked) {
                Ok(asked)
            } else if word & VM_PROT_IS_MASK != 0 {
                Ok(asked.intersection(self.rights))
            } else {
                Err(KernReturn::INVALID_RIGHT)
            }
        };
        let maximum = limit(mapping.maximum)?;
        let current = limit(mapping.protection)?.intersection(maximum);
        Ok(Granted { current, maximum })
    }

    /// The pages that are mapped, and how far into them the answer points.
    fn source(&self, mapping: &Mapping, offset: u64) -> Result<(Span, u64)> {
        let data = mapping.flags & (VM_FLAGS_RETURN_DATA_ADDR | VM_FLAGS_RETURN_4K_DATA_ADDR) != 0;
        let lead = if data { self.lead.unwrap_or(0) } else { 0 };
        let from = offset.checked_add(lead).ok_or(ARGUMENT)?;
        let end = from.checked_add(mapping.size).and_then(rounded).ok_or(ARGUMENT)?;
        if end > self.size {
            return Err(ARGUMENT);
        }
        let base = self.kept.at + self.offset;
        match self.kind {
            EntryKind::List => {
                let permitted = VM_FLAGS_ANYWHERE
                    | VM_FLAGS_OVERWRITE
                    | VM_FLAGS_RETURN_DATA_ADDR
                    | VM_FLAGS_RETURN_4K_DATA_ADDR;
                if mapping.flags & !permitted != 0 {
                    return Err(ARGUMENT);
                }
                Ok((Span { at: base, size: self.size }, lead))
            }
            EntryKind::Object if !data && !offset.is_multiple_of(PAGE) => Err(ARGUMENT),
            EntryKind::Object => {
                let pages = Span { at: base + from, size: mapping.size }.pages();
                Ok((pages, if data { from % PAGE } else { 0 }))
            }
        }
    }
}

/// Maps what is kept once more in this process.
fn place_once_more(
    own: &Process,
    source: Span,
    target: &Target,
    copy: RemapCopy,
    rights: &Granted,
) -> Result<u64> {
    let task = Task::of(own);
    task.placed(source.size, target, |target| {
        let at = start(own.remap(&target.remap(source.at, source.size, copy))?.0);
        let made = Span { at, size: source.size };
        task.grant(made, rights).inspect_err(|_| task.discard(at, source.size))?;
        Ok(at)
    })
}

/// Maps what is kept in another process. A copy is made of a view that can be read.
fn bring_from_kept(
    own: &Process,
    source: Span,
    runs: &[(Span, Surveyed)],
    task: &Process,
    target: &Target,
    copy: RemapCopy,
) -> Result<u64> {
    let Span { at, size } = source;
    match copy {
        RemapCopy::Share => bring(own, source, runs, task, target, copy),
        RemapCopy::Snapshot => {
            let open = |rights| own.restrict(&Restrict { at, size, rights, limit: Limit::Current });
            open(Rights::READ)?;
            let made = bring(own, source, runs, task, target, copy);
            open(Rights::empty())?;
            made
        }
    }
}

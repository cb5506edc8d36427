//! What stands at places that are to be moved into an object, and what must not be.

use alloc::vec::Vec;

use pagewright_core::{PageRange, Refusal, Showing};

use super::Linux;
use super::maps::{Mapping, Sharing};
use crate::sys::{self, Errno, OpenMode, Text};

/// What this thread uses of its stack below where it is, and around its thread-local
/// memory: none of that may be frozen, or it would wait for itself.
const GROUND: u64 = 64 << 10;

/// More threads than this are not asked where their stacks are.
const THREADS: usize = 4096;

/// The part of a place that is one mapping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) range: PageRange,
    pub(super) kind: Kind,
    /// Of which place.
    pub(super) place: usize,
}

/// What is mapped there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Memory of this process alone.
    Anonymous,
    /// Pages of an object of ours, privatised or not.
    Object,
}

impl Linux {
    /// The mappings at `places`, each a part of one of `wholes`, or `Special` if some of them
    /// cannot be moved.
    pub(super) fn survey(&self, wholes: &[Showing], places: &[Showing]) -> Result<Vec<Segment>, Refusal> {
        let mut segments = Vec::new();
        let mut stacks = None;
        for (index, (whole, place)) in wholes.iter().zip(places).enumerate() {
            if is_own_stack(place.range) {
                return Err(Refusal::Special);
            }
            let owner = owner_of(whole);
            if owner == Owner::Perhaps && is_own_thread(place.range) {
                return Err(Refusal::Special);
            }
            let mut rest = Some(place.range);
            while let Some(left) = rest {
                let mapping = self.mapping_at(left.start().get())?;
                let kind = self.kind_of(&mapping, left)?;
                if owner == Owner::Perhaps && kind == Kind::Anonymous {
                    let stacks = stacks.get_or_insert_with(stack_pointers);
                    if !is_plain(&mapping)
                        || stacks.iter().any(|at| mapping.start <= *at && *at < mapping.end)
                    {
                        return Err(Refusal::Special);
                    }
                }
                let range = PageRange::between(left.start().get(), mapping.end.min(left.end().get()));
                let range = range.ok_or(Refusal::Unmapped)?;
                segments.push(Segment { range, kind, place: index });
                rest = PageRange::between(range.end().get(), left.end().get());
            }
        }
        Ok(segments)
    }

    fn mapping_at(&self, at: u64) -> Result<Mapping, Refusal> {
        let found = self.maps.at_or_after(at).map_err(|error| Refusal::Other(error.raw() as u16))?;
        found.filter(|mapping| mapping.start <= at).ok_or(Refusal::Unmapped)
    }

    fn kind_of(&self, mapping: &Mapping, at: PageRange) -> Result<Kind, Refusal> {
        match (mapping.file, mapping.sharing) {
            (None, Sharing::Private) => Ok(Kind::Anonymous),
            (None, Sharing::Shared) => Err(Refusal::Special),
            (Some(file), _) => {
                let ours = self.objects.of_file(file).is_some() || self.shown.first(at).1.is_some();
                if ours { Ok(Kind::Object) } else { Err(Refusal::Special) }
            }
        }
    }
}

/// Who made the mappings of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// It is a part of a region of ours.
    Us,
    /// It may be a whole region of ours, or the program's.
    Perhaps,
}

/// Who made the mappings of a place that is not cut.
pub(super) fn owner_of(place: &Showing) -> Owner {
    if place.region == place.range { Owner::Perhaps } else { Owner::Us }
}

/// Whether this thread's stack, as far as it is in use here, lies in the range.
pub(super) fn is_own_stack(range: PageRange) -> bool {
    is_near(range, sys::stack_pointer() as u64)
}

/// Whether the kernel may store to the range for this thread at any time: what it was told to
/// keep up to date there (the number of the processor, say) is in thread-local memory.
fn is_own_thread(range: PageRange) -> bool {
    match sys::thread_base() {
        Ok(0) | Err(_) => false,
        Ok(base) => is_near(range, base as u64),
    }
}

const fn is_near(range: PageRange, at: u64) -> bool {
    range.start().get() < at.saturating_add(GROUND) && at.saturating_sub(GROUND) < range.end().get()
}

/// Whether an anonymous mapping is memory like any other: neither the kernel's, nor a
/// stack, nor of this library.
fn is_plain(mapping: &Mapping) -> bool {
    let Ok(maps) = sys::open(c"/proc/thread-self/maps", OpenMode::Read) else { return false };
    let mut name = [0; 256];
    match sys::procmap_query(maps.raw(), mapping.start as usize, 0, &mut name) {
        Ok(Some(_)) => has_plain_name(name.split(|byte| *byte == 0).next().unwrap_or_default()),
        Err(Errno::ENAMETOOLONG) => true,
        Ok(None) | Err(_) => is_plain_in_text(mapping),
    }
}

/// The same from the whole list, for kernels before 6.11.
fn is_plain_in_text(mapping: &Mapping) -> bool {
    let mut plain = false;
    let listed = super::each_mapping(&mut |other, name| {
        if other.start <= mapping.start && mapping.start < other.end {
            plain = has_plain_name(name);
        }
    });
    listed.is_ok() && plain
}

/// Names in brackets are the kernel's, but for the heap and what a program names itself.
fn has_plain_name(name: &[u8]) -> bool {
    let own: &[&[u8]] = &[b"[anon:pagewright", b"[anon_shmem:pagewright"];
    match name.first() {
        Some(b'[') => {
            name == b"[heap]" || name.starts_with(b"[anon") && !own.iter().any(|own| name.starts_with(own))
        }
        Some(_) | None => true,
    }
}

/// Where the stacks of this process's threads are, as far as they sleep in the kernel.
fn stack_pointers() -> Vec<u64> {
    let mut found = Vec::new();
    let Ok(tasks) = sys::open(c"/proc/self/task", OpenMode::Read) else { return found };
    let mut entries = [0; 4096];
    while let Ok(length @ 1..) = sys::getdents(tasks.raw(), &mut entries) {
        for name in names(&entries[..length]).filter(|name| name[0].is_ascii_digit()) {
            found.extend(stack_pointer_of(name));
            if found.len() >= THREADS {
                return found;
            }
        }
    }
    found
}

/// The names in a list of `linux_dirent64`: inode, offset, a length in two bytes, a type,
/// and the name with a final zero.
fn names(entries: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let entry = entries.get(at..)?;
        let length = usize::from(u16::from_ne_bytes([*entry.get(16)?, *entry.get(17)?]));
        at += length.max(1);
        entry.get(19..length)?.split(|byte| *byte == 0).next().filter(|name| !name.is_empty())
    })
}

/// The stack pointer of a thread that is in a system call: the last word but one of its
/// `syscall` file.
fn stack_pointer_of(thread: &[u8]) -> Option<u64> {
    let mut path = [0; 64];
    let mut end = 0;
    for part in [b"/proc/self/task/", thread, b"/syscall"] {
        path.get_mut(end..end + part.len())?.copy_from_slice(part);
        end += part.len();
    }
    let file = sys::open(Text::from_bytes_until_nul(&path).ok()?, OpenMode::Read).ok()?;
    let mut text = [0; 256];
    let length = sys::read(file.raw(), &mut text).ok()?;
    let word = text[..length].trim_ascii().rsplit(|byte| *byte == b' ').nth(1)?;
    u64::from_str_radix(core::str::from_utf8(word.strip_prefix(b"0x")?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_brackets_are_the_kernels() {
        for name in [&b""[..], b"[heap]", b"[anon:glibc: malloc]", b"[anon: .bss]"] {
            assert!(has_plain_name(name));
        }
        for name in
            [&b"[stack]"[..], b"[vdso]", b"[vvar]", b"[vvar_vclock]", b"[uprobes]", b"[anon:pagewright]"]
        {
            assert!(!has_plain_name(name));
        }
    }

    #[test]
    fn a_sleeping_thread_has_a_stack() {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let (told, tell) = std::sync::mpsc::channel();
        let sleeper = std::thread::spawn(move || {
            let here = 0_u8;
            told.send((sys::gettid(), &raw const here as u64)).expect("somebody listens");
            let _ = receiver.recv();
        });
        let (thread, stack) = tell.recv().expect("it runs");
        let is_near = |at: &u64| at.abs_diff(stack) < GROUND;
        let name = std::format!("{thread}");
        let mut found = None;
        for _ in 0..1000 {
            found = stack_pointer_of(name.as_bytes()).filter(is_near);
            if found.is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(found.is_some(), "it sleeps in the kernel");
        assert!(stack_pointers().iter().any(is_near));
        drop(sender);
        sleeper.join().expect("it ends");
    }

    #[test]
    fn this_threads_own_memory_is_known() {
        let around = |at: u64| PageRange::between(at & !0xfff, (at & !0xfff) + 0x1000).expect("not empty");
        assert!(is_own_stack(around(sys::stack_pointer() as u64)));
        assert!(is_own_thread(around(sys::thread_base().expect("permitted") as u64)));
        assert!(!is_own_stack(around(0x1000_0000)));
    }
}

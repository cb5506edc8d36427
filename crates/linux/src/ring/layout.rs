//! Where everything is in the shared memory.
//!
//! ```text
//!   0      header   who the resident is
//!   256    bell     pending, sleeping, news
//!   512    8 lines  state, waiting, request, reply: 320 bytes each, so all share the first page
//!   4096   8 data areas of 32 KiB, which cost memory only once they are used
//! ```

use super::protocol::{Bell, Line};
use super::{Frame, RingError};
use crate::sys::{self, Advice, Backing, Errno, Fd, Place, Prot};
use core::mem::{offset_of, size_of};
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicU64};

/// How many callers can be served in turn without waiting for each other's slots.
pub const SLOTS: usize = 8;
/// Bytes of one slot's data area.
pub const DATA_LEN: usize = 32 * 1024;
/// The layout that this code speaks. It changes when anything in this file or in a frame does.
pub const LAYOUT_VERSION: u32 = 3;
/// Bytes of a whole ring.
pub const RING_LEN: usize = size_of::<Shared>();

const MAGIC: u64 = u64::from_le_bytes(*b"pgwrRing");
const SEALS: u32 = sys::SEAL_SHRINK | sys::SEAL_GROW | sys::SEAL_SEAL;

/// What a resident is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum State {
    /// It has not filled the header yet.
    Starting = 0,
    /// It takes requests.
    Ready = 1,
    /// It was told to stop and is giving its memory back.
    Stopping = 2,
    /// It has given back all it can and waits for its thread and image to be removed.
    Parked = 3,
    /// It found its own state broken and ended its thread. The process goes on.
    Failed = 4,
}

impl State {
    fn from_word(word: u32) -> Option<State> {
        use State::{Failed, Parked, Ready, Starting, Stopping};
        [Starting, Ready, Stopping, Parked, Failed].into_iter().find(|&state| state as u32 == word)
    }
}

/// What the header says: the resident's word, which the caller has no reason to believe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    /// What it is doing.
    pub state: State,
    /// The build of the library that it comes from.
    pub build: [u64; 2],
    /// The process that it says it lives in, as numbered there.
    pub pid: u32,
    /// Its thread, as numbered there.
    pub tid: u32,
    /// Base and length of the memory that was injected: image and stack.
    pub region: (u64, u64),
    /// Base and length of this ring in the resident's process.
    pub ring: (u64, u64),
    /// When it started, on the monotonic clock.
    pub started: u64,
}

#[repr(C, align(256))]
struct Header {
    magic: AtomicU64,
    version: AtomicU32,
    state: AtomicU32,
    build: [AtomicU64; 2],
    pid: AtomicU32,
    tid: AtomicU32,
    region: [AtomicU64; 2],
    ring: [AtomicU64; 2],
    started: AtomicU64,
}

#[repr(C, align(256))]
struct BellWords {
    pending: AtomicU32,
    sleeping: AtomicU32,
    /// Rises when there is something that callers may want to ask for.
    news: AtomicU32,
}

#[repr(C, align(64))]
struct LineWords {
    state: AtomicU32,
    waiting: AtomicU32,
    /// On cache lines of its own: the resident reads it while the owner may already spin on `state`.
    request: Words,
    reply: Words,
}

#[repr(C, align(64))]
struct Words([AtomicU64; 16]);

#[repr(C, align(4096))]
struct Data([AtomicU64; DATA_LEN / 8]);

/// Only atomics, so a reference to it stays valid whatever other processes write.
#[repr(C, align(4096))]
pub(crate) struct Shared {
    header: Header,
    bell: BellWords,
    lines: [LineWords; SLOTS],
    data: [Data; SLOTS],
}

// Another build reads this memory: a change of any number here needs a new LAYOUT_VERSION.
const _: () = {
    assert!(offset_of!(Shared, bell) == 256 && offset_of!(Shared, lines) == 512);
    assert!(offset_of!(Shared, data) == 4096 && size_of::<LineWords>() == 320);
    assert!(RING_LEN == 4096 + SLOTS * DATA_LEN && SLOTS <= 32);
};

/// A ring, mapped here.
#[derive(Debug)]
pub(crate) struct Memory {
    shared: NonNull<Shared>,
    fd: Fd,
}

// SAFETY: the memory is only ever reached through atomics, and stays mapped as long as this lives.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Shared")
    }
}

impl Memory {
    /// A new ring, all zero, which is [`State::Starting`].
    pub(crate) fn create() -> sys::Result<Memory> {
        let fd = sys::memfd_create(c"pagewright")?;
        sys::ftruncate(fd.raw(), RING_LEN as u64)?;
        sys::add_seals(fd.raw(), SEALS)?;
        Memory::map(fd)
    }

    /// Somebody else's ring, if it is one.
    pub(crate) fn open(fd: Fd) -> Result<Memory, RingError> {
        let seals = sys::get_seals(fd.raw()).map_err(|_| RingError::NotARing)?;
        if seals & SEALS != SEALS {
            // Sealing comes last, so this may be a ring in the making.
            let empty_or_whole = matches!(sys::file_size(fd.raw())?, 0 | LEN);
            return Err(if empty_or_whole { RingError::NotReady } else { RingError::NotARing });
        }
        const LEN: u64 = RING_LEN as u64;
        if sys::file_size(fd.raw())? != LEN {
            return Err(RingError::NotARing);
        }
        let memory = Memory::map(fd)?;
        memory.check_header()?;
        Ok(memory)
    }

    fn map(fd: Fd) -> sys::Result<Memory> {
        let backing = Backing::Shared { fd: fd.raw(), offset: 0 };
        // SAFETY: a new mapping at a place of the kernel's choice.
        let at = unsafe { sys::mmap(Place::Anywhere, RING_LEN, Prot::READ_WRITE, backing) }?;
        let shared = NonNull::new(at as *mut Shared).ok_or(Errno::ENOMEM)?;
        // A forked child must not speak with its parent's slot; best effort, `Client` checks too.
        // SAFETY: it changes nothing in this process.
        let _ = unsafe { sys::madvise(at, RING_LEN, Advice::DontFork) };
        Ok(Memory { shared, fd })
    }

    fn check_header(&self) -> Result<(), RingError> {
        let header = &self.shared().header;
        if header.state.load(Acquire) == State::Starting as u32 {
            return Err(RingError::NotReady);
        }
        if header.magic.load(Relaxed) != MAGIC {
            return Err(RingError::NotARing);
        }
        match header.version.load(Relaxed) {
            LAYOUT_VERSION => Ok(()),
            other => Err(RingError::Version(other)),
        }
    }

    fn shared(&self) -> &Shared {
        // SAFETY: mapped for as long as `self` lives; the size is right and sealed, a mapping is
        // page-aligned, and every field is an atomic, so other processes cannot break a reference.
        unsafe { self.shared.as_ref() }
    }

    pub(crate) fn fd(&self) -> i32 {
        self.fd.raw()
    }

    pub(crate) fn base(&self) -> u64 {
        self.shared.as_ptr() as u64
    }

    pub(crate) fn state_word(&self) -> &AtomicU32 {
        &self.shared().header.state
    }

    /// What rises when there are news.
    pub(crate) fn news(&self) -> &AtomicU32 {
        &self.shared().bell.news
    }

    pub(crate) fn set_state(&self, state: State) {
        self.shared().header.state.store(state as u32, Release);
    }

    /// Fills in everything except the state, which makes it visible.
    pub(crate) fn introduce(&self, info: &Info) {
        let header = &self.shared().header;
        header.magic.store(MAGIC, Relaxed);
        header.version.store(LAYOUT_VERSION, Relaxed);
        header.pid.store(info.pid, Relaxed);
        header.tid.store(info.tid, Relaxed);
        header.started.store(info.started, Relaxed);
        store_pair(&header.build, info.build.into());
        store_pair(&header.region, info.region);
        store_pair(&header.ring, info.ring);
        self.set_state(info.state);
    }

    pub(crate) fn info(&self) -> Result<Info, RingError> {
        let header = &self.shared().header;
        let state = State::from_word(header.state.load(Acquire)).ok_or(RingError::Protocol)?;
        Ok(Info {
            state,
            build: load_pair(&header.build).into(),
            pid: header.pid.load(Relaxed),
            tid: header.tid.load(Relaxed),
            region: load_pair(&header.region),
            ring: load_pair(&header.ring),
            started: header.started.load(Relaxed),
        })
    }

    pub(crate) fn bell(&self) -> Bell<'_, AtomicU32> {
        let words = &self.shared().bell;
        Bell { pending: &words.pending, sleeping: &words.sleeping }
    }

    /// The slots with their numbers.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (usize, Slot<'_>)> {
        let shared = self.shared();
        let lines = shared.lines.iter().zip(&shared.data).enumerate();
        lines.map(|(number, (line, data))| (number, Slot { number, line, data }))
    }

    pub(crate) fn slot(&self, number: usize) -> Option<Slot<'_>> {
        let shared = self.shared();
        Some(Slot { number, line: shared.lines.get(number)?, data: shared.data.get(number)? })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `shared` hands out references only for the life of `self`. A failure would leave a
        // mapping behind, which is all that can be done about it.
        let _ = unsafe { sys::munmap(self.shared.as_ptr() as usize, RING_LEN) };
    }
}

fn store_pair(words: &[AtomicU64; 2], values: (u64, u64)) {
    words[0].store(values.0, Relaxed);
    words[1].store(values.1, Relaxed);
}

fn load_pair(words: &[AtomicU64; 2]) -> (u64, u64) {
    (words[0].load(Relaxed), words[1].load(Relaxed))
}

/// One slot of a ring.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    number: usize,
    line: &'a LineWords,
    data: &'a Data,
}

impl<'a> Slot<'a> {
    pub(crate) fn line(&self) -> Line<'a, AtomicU32> {
        Line { state: &self.line.state, waiting: &self.line.waiting }
    }

    pub(crate) fn write_request(&self, frame: &Frame) {
        self.line.request.write(frame);
    }

    pub(crate) fn read_request(&self) -> Frame {
        self.line.request.read()
    }

    pub(crate) fn write_reply(&self, frame: &Frame) {
        self.line.reply.write(frame);
    }

    pub(crate) fn read_reply(&self) -> Frame {
        self.line.reply.read()
    }

    pub(crate) fn data(&self) -> DataArea<'a> {
        DataArea { slot: self.number, words: &self.data.0 }
    }
}

impl Words {
    // Relaxed is enough: the state word orders a frame before whoever reads it.
    fn write(&self, frame: &Frame) {
        for (word, value) in self.0.iter().zip(frame) {
            word.store(*value, Relaxed);
        }
    }

    fn read(&self) -> Frame {
        core::array::from_fn(|i| self.0[i].load(Relaxed))
    }
}

/// The bytes that travel with a frame. Bytes are copied in and out and never lent: the other side
/// may change them at any moment.
#[derive(Clone, Copy)]
pub struct DataArea<'a> {
    slot: usize,
    words: &'a [AtomicU64; DATA_LEN / 8],
}

impl DataArea<'_> {
    /// Which slot it belongs to: below [`SLOTS`].
    #[must_use]
    pub const fn slot(&self) -> usize {
        self.slot
    }

    /// Copies bytes in, beginning `word * 8` bytes into the area, and says how many fitted.
    /// A last incomplete word is filled up with zeros.
    pub fn write(&self, word: usize, from: &[u8]) -> usize {
        let words = self.words.get(word..).unwrap_or_default();
        for (word, bytes) in words.iter().zip(from.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(whole), Relaxed);
        }
        from.len().min(words.len() * 8)
    }

    /// As [`Self::write`], one word; nothing happens behind the end.
    #[inline]
    pub fn write_word(&self, word: usize, value: u64) {
        if let Some(word) = self.words.get(word) {
            word.store(value.to_le(), Relaxed);
        }
    }

    /// As [`Self::read`], the first words; none, if there are fewer.
    pub fn read_words(&self, count: usize) -> Option<alloc::vec::Vec<u64>> {
        Some(self.words.get(..count)?.iter().map(|word| u64::from_le(word.load(Relaxed))).collect())
    }

    /// Copies bytes out, beginning `word * 8` bytes into the area, and says how many there were.
    pub fn read(&self, word: usize, into: &mut [u8]) -> usize {
        let words = self.words.get(word..).unwrap_or_default();
        for (word, bytes) in words.iter().zip(into.chunks_mut(8)) {
            let whole = word.load(Relaxed).to_le_bytes();
            bytes.copy_from_slice(&whole[..bytes.len()]);
        }
        into.len().min(words.len() * 8)
    }
}

impl core::fmt::Debug for DataArea<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DataArea({DATA_LEN} bytes)")
    }
}

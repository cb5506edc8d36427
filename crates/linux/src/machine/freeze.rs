//! Holding stores back for a moment, while the program runs on.
//!
//! Whoever stores to a frozen page waits in the kernel until the page is thawed, or
//! until something else is mapped in its place: then the store goes there.

use pagewright_core::{PageRange, Refusal};

use super::{Linux, addr, len};
use crate::sys::{self, Catch, Fd, Stores, Waiters, userfault};

/// Whose stores can be held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Freezing {
    /// All, also those that the kernel makes for the program (a `read` into the range).
    Full,
    /// Those of the program's instructions. A system call that has the kernel store to
    /// a frozen page fails with `EFAULT`.
    User,
    /// None: userfaultfd is forbidden, or lacks what is needed (before Linux 5.7).
    #[default]
    None,
}

/// How pages are frozen: probed once, or chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Freezer {
    freezing: Freezing,
    features: u64,
    sight: Sight,
}

/// Whether `/proc` tells which pages have memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Sight {
    /// Asked each time.
    #[default]
    Asked,
    /// Not even asked.
    Blind,
}

impl Freezer {
    /// Tries what this process may do.
    pub fn probe() -> Self {
        let full = Self::forced(Freezing::Full);
        if full.freezing == Freezing::Full { full } else { Self::forced(Freezing::User) }
    }

    /// What somebody asked for; `None` if the kernel does not permit it.
    pub fn forced(freezing: Freezing) -> Self {
        let waiters = match freezing {
            Freezing::Full => Waiters::Everybody,
            Freezing::User => Waiters::Program,
            Freezing::None => return Self::default(),
        };
        let asked = sys::userfaultfd(waiters).and_then(|fd| sys::userfault_enable(fd.raw(), 0));
        match asked {
            Ok(features) if features & userfault::WRITE_PROTECT != 0 => {
                Self { freezing, features, sight: Sight::Asked }
            }
            Ok(_) | Err(_) => Self::default(),
        }
    }

    /// The same on a kernel before 6.4: for tests.
    #[must_use]
    pub const fn before_6_4(self) -> Self {
        Self { features: self.features & !userfault::WRITE_PROTECT_UNTOUCHED, ..self }
    }

    /// The same in a process that may not read its own `/proc/self/pagemap`, as those
    /// that are not dumpable: for tests.
    #[must_use]
    pub const fn blind(self) -> Self {
        Self { sight: Sight::Blind, ..self }
    }

    /// Whose stores are held back.
    pub const fn freezing(self) -> Freezing {
        self.freezing
    }

    pub(super) const fn sight(self) -> Sight {
        self.sight
    }

    /// Whether stores to pages that were never touched can be held back by protection.
    pub(super) const fn protects_untouched(self) -> bool {
        self.features & userfault::WRITE_PROTECT_UNTOUCHED != 0
    }

    /// Begins to freeze, with those of the features that there are.
    pub(super) fn open(self, features: u64) -> sys::Result<Frost> {
        let waiters = match self.freezing {
            Freezing::Full => Waiters::Everybody,
            Freezing::User => Waiters::Program,
            Freezing::None => return Err(sys::Errno::ENOSYS),
        };
        let fd = sys::userfaultfd(waiters)?;
        sys::userfault_enable(fd.raw(), features & self.features)?;
        Ok(Frost { fd })
    }
}

/// Ranges that are being frozen. What is registered is released when this is dropped, or
/// when the process ends; but a process forked meanwhile keeps a descriptor, so each range
/// is released by name.
#[derive(Debug)]
pub(super) struct Frost {
    fd: Fd,
}

impl Frost {
    /// Makes a range one that can be frozen; with [`Catch::StoresAndUntouched`] accesses
    /// to untouched pages wait at once. The range must not hold what this thread stores to.
    pub(super) fn register(&self, range: PageRange, catch: Catch) -> sys::Result<()> {
        // SAFETY: whoever has to wait is let go on by `release`, at the latest when the
        // descriptor is closed. This thread does not access the range in between.
        unsafe { sys::userfault_register(self.fd.raw(), addr(range), len(range), catch) }
    }

    /// Freezes a registered range.
    pub(super) fn hold(&self, range: PageRange) -> sys::Result<()> {
        // SAFETY: as for registering it.
        unsafe { sys::userfault_protect(self.fd.raw(), addr(range), len(range), Stores::Wait) }
    }

    /// Thaws a range that stays registered.
    pub(super) fn let_pass(&self, range: PageRange) {
        // SAFETY: nobody waits for longer than before. It fails only for a range that is
        // not registered any more, in which nobody waits.
        let _ = unsafe { sys::userfault_protect(self.fd.raw(), addr(range), len(range), Stores::Pass) };
    }

    /// Thaws a range for good, also if something else is mapped there now.
    pub(super) fn release(&self, range: PageRange) {
        // A range that shows something else by now cannot be registered any more; that is
        // as good.
        let _ = sys::userfault_unregister(self.fd.raw(), addr(range), len(range));
        sys::userfault_drain(self.fd.raw());
        let _ = sys::userfault_wake(self.fd.raw(), addr(range), len(range));
    }
}

impl Linux {
    /// How pages are frozen, found out when first needed.
    pub fn freezer(&mut self) -> Freezer {
        *self.freezer.get_or_insert_with(Freezer::probe)
    }

    /// Freezes in a way that somebody chose.
    pub fn set_freezer(&mut self, freezer: Freezer) {
        self.freezer = Some(freezer);
    }

    /// What holds stores back while something is moved: `None` if nobody but this
    /// thread could make any.
    pub(super) fn frost(&mut self, features: u64) -> Result<Option<Frost>, Refusal> {
        let freezer = self.freezer();
        match freezer.freezing() {
            Freezing::Full | Freezing::User => {
                freezer.open(features).map(Some).map_err(|_| Refusal::NoObject)
            }
            Freezing::None if threads() == Some(1) => Ok(None),
            Freezing::None => Err(Refusal::Denied),
        }
    }
}

/// How many threads this process has.
fn threads() -> Option<u64> {
    let mut text = [0; 2048];
    let file = sys::open(c"/proc/thread-self/status", sys::OpenMode::Read).ok()?;
    let length = sys::read(file.raw(), &mut text).ok()?;
    let mut lines = text[..length].split(|byte| *byte == b'\n');
    let digits = lines.find_map(|line| line.strip_prefix(b"Threads:"))?.trim_ascii();
    core::str::from_utf8(digits).ok()?.parse().ok()
}

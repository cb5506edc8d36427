//! The variables of the environment that choose how this library works, and the values that each takes.
//!
//! A value that does not exist is as good as none, but it is not passed over in silence: whoever sets one
//! wanted something. A log of the program is told once (`tracing`), [`crate::doctor`] tells whoever asks, and
//! the command writes a line. The library itself never writes to standard error.

use std::ffi::OsString;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// One of them.
#[derive(Debug)]
pub(crate) struct Variable {
    name: &'static str,
    values: &'static [&'static str],
    /// Whether the log was told of a wrong value.
    told: AtomicBool,
}

/// How stores to watched memory are noted.
pub(crate) static WATCH: Variable = Variable::new("PAGEWRIGHT_WATCH", &["async", "sync", "mprotect"]);
/// What of userfaultfd is used for guards and watched memory: all there is, what there was before Linux 6.7, nothing.
pub(crate) static FAULTS: Variable = Variable::new("PAGEWRIGHT_FAULTS", &["probed", "plain", "none"]);
/// Who notices that a guard is met.
pub(crate) static GUARD: Variable = Variable::new("PAGEWRIGHT_GUARD", &["signal", "userfault", "off"]);
/// How commits are made.
pub(crate) static COMMIT: Variable = Variable::new("PAGEWRIGHT_COMMIT", &["markers", "mprotect"]);
/// Whose stores are held back while memory is moved.
pub(crate) static FREEZE: Variable = Variable::new("PAGEWRIGHT_FREEZE", &["full", "user", "none"]);
/// What the administrator says of the privilege to lock pages.
pub(crate) static LOCK_PAGES: Variable = Variable::new("PAGEWRIGHT_LOCK_PAGES", &["grant", "deny"]);
/// Whether threads may enter the kernel mode of Windows CE: not, from the start of the process on.
pub(crate) static KERNEL_MODE: Variable = Variable::new("PAGEWRIGHT_KERNEL_MODE", &["deny"]);
/// Whether the signal is the program's alone.
static SIGSEGV: Variable = Variable::new("PAGEWRIGHT_SIGSEGV", &["leave"]);

/// All of them, by name.
static ALL: [&Variable; 8] = [&COMMIT, &FAULTS, &FREEZE, &GUARD, &KERNEL_MODE, &LOCK_PAGES, &SIGSEGV, &WATCH];

/// A variable that is set to something that it does not take: it is as if it were not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misunderstood {
    /// Its name.
    pub variable: &'static str,
    /// What it is set to; bytes that are no text are replaced.
    pub value: String,
    /// What it takes.
    pub values: &'static [&'static str],
}

impl fmt::Display for Misunderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, value, values } = self;
        let values = match values {
            [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
            few => few.join(", "),
        };
        write!(
            f,
            "{variable} is {value:?} in the environment, which is ignored: set it to {values}, or to nothing"
        )
    }
}

impl Variable {
    const fn new(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values, told: AtomicBool::new(false) }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// The value that it has, if it is one that exists.
    pub(crate) fn value(&self) -> Option<&'static str> {
        let set = std::env::var_os(self.name)?;
        match self.understand(set) {
            Ok(value) => value,
            Err(wrong) => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    tracing::warn!("{wrong}");
                }
                None
            }
        }
    }

    fn understand(&self, set: OsString) -> Result<Option<&'static str>, Misunderstood> {
        if set.is_empty() {
            return Ok(None);
        }
        let found = self.values.iter().find(|value| set == **value);
        let wrong = || Misunderstood {
            variable: self.name,
            value: set.to_string_lossy().into_owned(),
            values: self.values,
        };
        found.copied().map(Some).ok_or_else(wrong)
    }
}

/// The variables whose values do not exist, by name.
pub(crate) fn misunderstood() -> Vec<Misunderstood> {
    let wrong = |variable: &&Variable| variable.understand(std::env::var_os(variable.name)?).err();
    ALL.iter().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_does_not_exist_is_told_with_those_that_do() {
        assert_eq!(WATCH.understand("sync".into()), Ok(Some("sync")));
        assert_eq!(WATCH.understand("".into()), Ok(None), "as good as not set");
        let wrong = WATCH.understand("Sync".into()).expect_err("no such value");
        assert_eq!(
            wrong.to_string(),
            "PAGEWRIGHT_WATCH is \"Sync\" in the environment, which is ignored: set it to async, sync or mprotect, \
             or to nothing"
        );
        let wrong = KERNEL_MODE.understand("a\nb".into()).expect_err("no such value");
        let sentence = "PAGEWRIGHT_KERNEL_MODE is \"a\\nb\" in the environment, which is ignored: set it to deny, or to nothing";
        assert_eq!(wrong.to_string(), sentence, "one line");
    }

    #[test]
    fn names_differ_and_are_sorted() {
        let names: Vec<_> = ALL.iter().map(|variable| variable.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(ALL.iter().all(|variable| !variable.values.is_empty()));
    }
}

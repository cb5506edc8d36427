//! Mappings of the own task that are never to be removed or replaced
//! (`VM_FLAGS_PERMANENT`): who tries takes all access to them away for ever (A9, D7).
//!
//! Only the own task has them, because only its calls all come by here. A forked child has
//! a copy of the list, like of the mappings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::sanitize::Span;
use crate::own;

static RANGES: Mutex<Vec<Span>> = Mutex::new(Vec::new());
/// Whether there ever was one: most programs have none, and pay for none.
static ANY: AtomicBool = AtomicBool::new(false);

/// From now on this range is permanent.
pub(super) fn add(range: Span) {
    ANY.store(true, Ordering::Relaxed);
    lock().push(range);
}

/// The parts of a range that are permanent.
pub(super) fn parts_of(range: Span) -> Vec<Span> {
    if !ANY.load(Ordering::Relaxed) {
        return Vec::new();
    }
    lock().iter().filter_map(|other| common(range, *other)).collect()
}

/// The parts of a range that are not permanent, where `parts` are.
pub(super) fn around(range: Span, parts: &[Span]) -> Vec<Span> {
    let mut sorted = parts.to_vec();
    sorted.sort_by_key(|part| part.at);
    let mut rest = Vec::new();
    let mut at = range.at;
    for part in sorted {
        if part.at > at {
            rest.push(Span { at, size: part.at - at });
        }
        at = at.max(part.end());
    }
    if at < range.end() {
        rest.push(Span { at, size: range.end() - at });
    }
    rest
}

fn common(a: Span, b: Span) -> Option<Span> {
    let (at, end) = (a.at.max(b.at), a.end().min(b.end()));
    (at < end).then(|| Span { at, size: end - at })
}

/// Keeps everybody else from the list, for a fork.
pub(super) fn hold() -> Option<own::Held> {
    own::hold_mutex(&RANGES)
}

fn lock() -> MutexGuard<'static, Vec<Span>> {
    RANGES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_the_parts_is_the_rest() {
        let span = |at, size| Span { at, size };
        assert_eq!(around(span(0, 10), &[]), [span(0, 10)]);
        assert_eq!(around(span(0, 10), &[span(6, 2), span(0, 3)]), [span(3, 3), span(8, 2)]);
        assert_eq!(around(span(0, 10), &[span(2, 8)]), [span(0, 2)]);
        assert_eq!(around(span(0, 10), &[span(0, 10)]), []);
    }
}

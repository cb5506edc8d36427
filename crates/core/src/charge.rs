//! Commit charge: how much memory is promised, against a limit.

/// Bytes promised, and how many may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    used: u64,
    limit: u64,
}

impl Charge {
    /// Nothing promised yet.
    pub const fn new(limit: u64) -> Self {
        Self { used: 0, limit }
    }

    /// Bytes promised now.
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// Bytes that may be promised.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Sets the limit. What is promised already stays promised.
    pub const fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Whether `bytes` more fit. None always do, also when the limit was lowered
    /// below what is promised (facts VA21, VA23).
    pub const fn fits(&self, bytes: u64) -> bool {
        if bytes == 0 {
            return true;
        }
        match self.used.checked_add(bytes) {
            Some(sum) => sum <= self.limit,
            None => false,
        }
    }

    /// Books bytes that [`Self::fits`] approved.
    pub(crate) const fn take(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
    }

    /// Gives bytes back.
    pub(crate) const fn give(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }
}

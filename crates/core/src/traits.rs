//! What an allocation is made of: chosen when it is reserved, the same until it is released.

/// What an allocation is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Traits {
    /// Whether stores to it are noted.
    pub watch: Watch,
    /// What its pages are.
    pub pages: PageKind,
    /// The NUMA node whose memory it prefers.
    pub node: Option<u16>,
}

/// Whether stores to an allocation are noted, page by page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Watch {
    /// They are not.
    #[default]
    Off,
    /// They are (`MEM_WRITE_WATCH`).
    On,
}

/// What the pages of an allocation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum PageKind {
    /// Ordinary pages.
    #[default]
    Ordinary,
    /// Ordinary pages that the machine joins into larger ones where it can. An extension:
    /// needs no privilege, and every verb works.
    Joined,
    /// Pages of 2 MiB, wired, committed as a whole (`MEM_LARGE_PAGES`).
    Large,
    /// Pages of 1 GiB, likewise.
    Huge,
    /// None: a window onto frames that are mapped into it (`MEM_PHYSICAL`).
    Window,
}

impl PageKind {
    /// Bytes that size and address must be multiples of; 0 where any page does.
    pub const fn unit(self) -> u64 {
        match self {
            Self::Ordinary | Self::Window | Self::Joined => 0,
            Self::Large => 2 << 20,
            Self::Huge => 1 << 30,
        }
    }

    /// Whether protection, commitment and wiring of single pages can change.
    pub const fn is_fixed(self) -> bool {
        match self {
            Self::Ordinary | Self::Joined => false,
            Self::Large | Self::Huge | Self::Window => true,
        }
    }
}

impl Traits {
    /// Ordinary memory.
    pub const PLAIN: Self = Self { watch: Watch::Off, pages: PageKind::Ordinary, node: None };

    /// As one word, for the wire.
    pub(crate) const fn to_word(self) -> u64 {
        let watch = match self.watch {
            Watch::Off => 0,
            Watch::On => 1,
        };
        let pages: u64 = match self.pages {
            PageKind::Ordinary => 0,
            PageKind::Joined => 1,
            PageKind::Large => 2,
            PageKind::Huge => 3,
            PageKind::Window => 4,
        };
        let node = match self.node {
            None => 0,
            Some(node) => 1 << 32 | (node as u64) << 16,
        };
        watch | pages << 1 | node
    }

    /// The traits behind a word.
    pub(crate) const fn from_word(word: u64) -> Option<Self> {
        let watch = if word & 1 == 0 { Watch::Off } else { Watch::On };
        let pages = match (word >> 1) & 7 {
            0 => PageKind::Ordinary,
            1 => PageKind::Joined,
            2 => PageKind::Large,
            3 => PageKind::Huge,
            4 => PageKind::Window,
            _ => return None,
        };
        let node = if word >> 32 == 1 { Some((word >> 16) as u16) } else { None };
        let traits = Self { watch, pages, node };
        if traits.to_word() == word { Some(traits) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_survive_the_wire_and_nonsense_does_not() {
        let kinds = [PageKind::Ordinary, PageKind::Joined, PageKind::Large, PageKind::Huge, PageKind::Window];
        for watch in [Watch::Off, Watch::On] {
            for pages in kinds {
                for node in [None, Some(0), Some(7), Some(u16::MAX)] {
                    let traits = Traits { watch, pages, node };
                    assert_eq!(Traits::from_word(traits.to_word()), Some(traits));
                }
            }
        }
        for word in [10, 1 << 16, 2 << 32, u64::MAX] {
            assert_eq!(Traits::from_word(word), None, "{word:#x}");
        }
    }
}

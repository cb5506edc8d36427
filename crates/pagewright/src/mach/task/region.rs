//! `vm_region`.

use pagewright_core::{Owner, Sharing, Surveyed, View};

use super::super::code::Result;
use super::super::constants::{SM_COW, SM_EMPTY, SM_PRIVATE, SM_TRUESHARED};
use super::super::types::{
    vm_region_basic_info_64, vm_region_extended_info, vm_region_submap_info_64,
    vm_region_submap_short_info_64, vm_region_top_info,
};
use super::super::words;
use super::Task;
use crate::memory::Memory;

/// A region: pages that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    found: Surveyed,
}

/// How many pages of a region are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Pages {
    /// In memory.
    pub(in super::super) resident: u32,
    /// Of those, the ones that belong to this task alone.
    pub(in super::super) private: u32,
    /// In the swap space.
    pub(in super::super) swapped: u32,
}

impl<M: Memory + ?Sized> Task<'_, M> {
    /// The region that holds an address, or the next one above (G1, G2). Memory that is
    /// only reserved, which Mach does not have, counts as a hole.
    ///
    /// # Errors
    /// `KERN_INVALID_ADDRESS` when there is none (G3).
    pub fn region(&self, at: u64) -> Result<Region> {
        Ok(Region { found: self.memory.survey(at)? })
    }
}

impl Region {
    /// Its first address.
    pub const fn base(&self) -> u64 {
        self.found.base
    }

    /// Its bytes.
    pub const fn size(&self) -> u64 {
        self.found.size
    }

    /// What `VM_REGION_BASIC_INFO_64` says of it.
    pub fn basic(&self) -> vm_region_basic_info_64 {
        let Surveyed { protection, attributes, sharing, wired, offset, .. } = self.found;
        vm_region_basic_info_64 {
            protection: words::prot(protection.rights),
            max_protection: words::prot(attributes.maximum),
            inheritance: words::inherit(attributes.inheritance),
            shared: match sharing {
                Sharing::Shared => 1,
                Sharing::Alone => 0,
            },
            reserved: 0,
            offset,
            behavior: i32::from(attributes.behavior),
            user_wired_count: u16::try_from(wired).unwrap_or(u16::MAX),
        }
    }

    pub(in super::super) fn extended(&self, pages: Pages) -> vm_region_extended_info {
        let (share_mode, ref_count) = self.share_mode(pages);
        let copied = match self.found.view {
            Some(View::Snapshot) => pages.private,
            Some(View::Shared) | None => 0,
        };
        vm_region_extended_info {
            protection: words::prot(self.found.protection.rights),
            user_tag: 0,
            pages_resident: pages.resident,
            pages_shared_now_private: copied,
            pages_swapped_out: pages.swapped,
            pages_dirtied: pages.private,
            ref_count,
            shadow_depth: u16::from(copied > 0),
            external_pager: u8::from(self.is_file()),
            share_mode,
            pages_reusable: 0,
        }
    }

    pub(in super::super) fn top(&self, pages: Pages) -> vm_region_top_info {
        let (share_mode, ref_count) = self.share_mode(pages);
        let shared = match self.found.sharing {
            Sharing::Shared => pages.resident,
            Sharing::Alone => pages.resident - pages.private,
        };
        vm_region_top_info {
            obj_id: 0,
            ref_count,
            private_pages_resident: pages.resident - shared,
            shared_pages_resident: shared,
            share_mode,
        }
    }

    pub(in super::super) fn submap(&self, pages: Pages) -> vm_region_submap_info_64 {
        let (basic, extended) = (self.basic(), self.extended(pages));
        vm_region_submap_info_64 {
            protection: basic.protection,
            max_protection: basic.max_protection,
            inheritance: basic.inheritance,
            offset: basic.offset,
            pages_resident: extended.pages_resident,
            pages_shared_now_private: extended.pages_shared_now_private,
            pages_swapped_out: extended.pages_swapped_out,
            pages_dirtied: extended.pages_dirtied,
            ref_count: extended.ref_count,
            shadow_depth: extended.shadow_depth,
            external_pager: extended.external_pager,
            share_mode: extended.share_mode,
            behavior: basic.behavior,
            user_wired_count: basic.user_wired_count,
            ..vm_region_submap_info_64::default()
        }
    }

    pub(in super::super) fn short_submap(&self, pages: Pages) -> vm_region_submap_short_info_64 {
        let long = self.submap(pages);
        vm_region_submap_short_info_64 {
            protection: long.protection,
            max_protection: long.max_protection,
            inheritance: long.inheritance,
            offset: long.offset,
            ref_count: long.ref_count,
            shadow_depth: long.shadow_depth,
            external_pager: long.external_pager,
            share_mode: long.share_mode,
            behavior: long.behavior,
            user_wired_count: long.user_wired_count,
            ..vm_region_submap_short_info_64::default()
        }
    }

    /// How it is shared, and by how many (mach.md, section 8.4).
    fn share_mode(&self, pages: Pages) -> (u8, u32) {
        let refs = self.found.refs;
        match (self.found.sharing, self.found.view) {
            (Sharing::Shared, _) => (SM_TRUESHARED, refs.max(2)),
            (Sharing::Alone, Some(View::Snapshot)) => (SM_COW, refs.max(1)),
            (Sharing::Alone, Some(View::Shared) | None) if pages.resident + pages.swapped == 0 => {
                (SM_EMPTY, 0)
            }
            (Sharing::Alone, Some(View::Shared) | None) => (SM_PRIVATE, refs.max(1)),
        }
    }

    /// Whether a file is behind it.
    fn is_file(&self) -> bool {
        self.found.owner == Owner::Foreign && self.found.sharing == Sharing::Shared
    }
}

//! Sections of a guest: what its calls to create and map them are made of.

use pagewright_core::{MapView, NewSection, ObjectId, PageRange};

use super::Guest;
use crate::error::Result;

impl Guest {
    /// Makes a section with one name. The emulator keeps what its handles mean.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::create_section`]; nothing has changed.
    pub fn create_section(&self, request: &NewSection) -> Result<ObjectId> {
        self.with_mut(|managed| managed.create_section(request))
    }

    /// Takes a name away from a section, which goes with its last view then.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::close_section`]; nothing has changed.
    pub fn close_section(&self, section: ObjectId) -> Result<()> {
        self.with_mut(|managed| managed.close_section(section))
    }

    /// Shows a part of a section. [`pagewright_core::Free::unmap`] takes it away.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::map_view`]; nothing has changed.
    pub fn map_view(&self, request: &MapView) -> Result<PageRange> {
        self.with_mut(|managed| managed.map_view(request))
    }
}

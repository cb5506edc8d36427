//! The sizes of a guest's loads and stores.

/// An unsigned integer that a guest loads or stores: `u8`, `u16`, `u32`, `u64`.
///
/// In the guest's memory it is little-endian on every host; for a big-endian guest
/// swap the bytes of the value.
pub trait Word: sealed::Bytes {}

mod sealed {
    /// How a word stands in memory. Out of reach, so that nobody adds words: the
    /// TLB counts on words being smaller than a page.
    pub trait Bytes: Copy {
        /// How many bytes, 1 to 8.
        const COUNT: usize;

        /// The word at `place`, or `None` if `bytes` ends before it does.
        fn get(bytes: &[u8], place: usize) -> Option<Self>;

        /// Puts the word at `place`; `None`, and nothing is put, if `bytes` ends
        /// before it does.
        fn put(self, bytes: &mut [u8], place: usize) -> Option<()>;
    }
}

macro_rules! word {
    ($($word:ty),*) => {$(
        impl sealed::Bytes for $word {
            const COUNT: usize = size_of::<$word>();

            #[inline(always)]
            fn get(bytes: &[u8], place: usize) -> Option<Self> {
                bytes.get(place..)?.first_chunk().copied().map(Self::from_le_bytes)
            }

            #[inline(always)]
            fn put(self, bytes: &mut [u8], place: usize) -> Option<()> {
                *bytes.get_mut(place..)?.first_chunk_mut()? = self.to_le_bytes();
                Some(())
            }
        }

        impl Word for $word {}
    )*};
}

word!(u8, u16, u32, u64);

#[cfg(test)]
mod tests {
    use super::sealed::Bytes;

    #[test]
    fn a_word_is_little_endian_and_all_or_nothing() {
        let mut bytes = [0; 6];
        assert_eq!(0x1122_3344_u32.put(&mut bytes, 2), Some(()));
        assert_eq!(bytes, [0, 0, 0x44, 0x33, 0x22, 0x11]);
        assert_eq!(u16::get(&bytes, 4), Some(0x1122));
        assert_eq!(0x5566_u16.put(&mut bytes, 5), None);
        assert_eq!(u64::get(&bytes, 0), None);
        assert_eq!(u8::get(&bytes, 7), None);
        assert_eq!(bytes[5], 0x11);
    }
}

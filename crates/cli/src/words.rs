//! The words of the command for states, types and protections, and their Win32 bits.

use pagewright::win32::{self, encode_protection};
use pagewright::{Backing, Protection};

/// A protection as Win32 bits (`PAGE_*`), as far as there are words for them. May be a combination that no page can
/// have: the library decides about that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protect(pub(crate) u32);

/// Word and `PAGE_*` bit.
pub(crate) const WORDS: [(&str, u32); 8] = [
    ("none", win32::PAGE_NOACCESS),
    ("r", win32::PAGE_READONLY),
    ("rw", win32::PAGE_READWRITE),
    ("rc", win32::PAGE_WRITECOPY),
    ("x", win32::PAGE_EXECUTE),
    ("rx", win32::PAGE_EXECUTE_READ),
    ("rwx", win32::PAGE_EXECUTE_READWRITE),
    ("rxc", win32::PAGE_EXECUTE_WRITECOPY),
];

/// Word and `PAGE_*` bit.
pub(crate) const MODIFIERS: [(&str, u32); 3] = [
    ("guard", win32::PAGE_GUARD),
    ("nocache", win32::PAGE_NOCACHE),
    ("writecombine", win32::PAGE_WRITECOMBINE),
];

impl Protect {
    /// The words for the bits, as the command line takes them.
    pub(crate) fn words(self) -> String {
        let mut words: String =
            WORDS.iter().filter(|(_, bit)| self.0 & 0xff == *bit).map(|(word, _)| *word).collect();
        for (word, bit) in MODIFIERS {
            if self.0 & bit != 0 {
                words.push('+');
                words.push_str(word);
            }
        }
        words
    }
}

/// The words for a protection.
pub(crate) fn protect(protection: Protection) -> String {
    Protect(encode_protection(protection)).words()
}

/// The word for a kind of memory.
pub(crate) const fn kind(backing: Backing) -> &'static str {
    match backing {
        Backing::Private => "private",
        Backing::View => "mapped",
        Backing::Image => "image",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_protections_agree() {
        for (word, bits) in WORDS {
            assert_eq!(Protect(bits).words(), word);
            let protection = win32::decode_protection(bits).expect("a plain protection");
            assert_eq!(protect(protection), word);
            assert_eq!(crate::parse::protection(word), Ok(Protect(bits)));
        }
        assert_eq!(protect(Protection::READ_WRITE.guarded()), "rw+guard");
    }
}

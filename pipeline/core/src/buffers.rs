//! The buffers that Arrow's columns are made of (its columnar format: physical memory layout).
//!
//! Each can be taken back to a number of rows that it had before: a frame is taken whole or not.

use crate::msgpack::Odd;

/// Bits, the first in the lowest bit of the first byte.
#[derive(Clone, Debug, Default)]
pub struct Bits {
    bytes: Vec<u8>,
    count: usize,
    unset: usize,
}

impl Bits {
    /// Appends one.
    #[inline]
    pub fn push(&mut self, bit: bool) {
        let place = self.count % 8;
        if place == 0 {
            self.bytes.push(0);
        }
        if let (true, Some(last)) = (bit, self.bytes.last_mut()) {
            *last |= 1 << place;
        }
        self.unset += usize::from(!bit);
        self.count += 1;
    }

    /// The bit at `index`; false beyond the end.
    #[must_use]
    pub fn get(&self, index: usize) -> bool {
        index < self.count
            && self.bytes.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    /// Drops all but the first `count`.
    pub fn truncate(&mut self, count: usize) {
        for index in count..self.count {
            self.unset -= usize::from(!self.get(index));
        }
        self.count = self.count.min(count);
        self.bytes.truncate(self.count.div_ceil(8));
        if let (Some(last), used @ 1..) = (self.bytes.last_mut(), self.count % 8) {
            *last &= (1 << used) - 1;
        }
    }

    /// How many are not set.
    #[must_use]
    pub const fn unset(&self) -> usize {
        self.unset
    }

    /// As Arrow has them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Where each of several runs ends, and the next begins: Arrow's offsets of 32 bits.
#[derive(Clone, Debug)]
pub struct Ends {
    bytes: Vec<u8>,
}

const WIDTH: usize = size_of::<i32>();

impl Default for Ends {
    fn default() -> Self {
        Self { bytes: 0_i32.to_ne_bytes().to_vec() }
    }
}

impl Ends {
    /// The next run ends at `end`.
    ///
    /// # Errors
    /// Where that is beyond 2 GiB: no column of this type holds as much.
    #[inline]
    pub fn push(&mut self, end: usize) -> Result<(), Odd> {
        let end = i32::try_from(end).map_err(|_| Odd)?;
        self.bytes.extend_from_slice(&end.to_ne_bytes());
        Ok(())
    }

    /// Where the run at `index` begins and ends.
    #[must_use]
    pub fn range(&self, index: usize) -> Option<std::ops::Range<usize>> {
        Some(self.at(index)?..self.at(index + 1)?)
    }

    /// Drops all but the first `count` runs; says where the last of those ends.
    pub fn truncate(&mut self, count: usize) -> usize {
        self.bytes.truncate((count + 1) * WIDTH);
        self.at(count).unwrap_or(0)
    }

    /// How many runs there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bytes.len() / WIDTH - 1
    }

    /// As Arrow has them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn at(&self, index: usize) -> Option<usize> {
        let end = self.bytes.get(index * WIDTH..)?.first_chunk()?;
        usize::try_from(i32::from_ne_bytes(*end)).ok()
    }
}

/// Texts one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    ends: Ends,
    text: String,
}

impl Texts {
    /// Appends one.
    ///
    /// # Errors
    /// As [`Ends::push`].
    #[inline]
    pub fn push(&mut self, text: &str) -> Result<(), Odd> {
        self.text.push_str(text);
        self.ends.push(self.text.len())
    }

    /// The text at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&str> {
        self.text.get(self.ends.range(index)?)
    }

    /// Drops all but the first `count`.
    pub fn truncate(&mut self, count: usize) {
        let end = self.ends.truncate(count);
        self.text.truncate(end);
    }

    /// Offsets and bytes, as Arrow has them.
    #[must_use]
    pub fn buffers(&self) -> [&[u8]; 2] {
        [self.ends.bytes(), self.text.as_bytes()]
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.count()
    }
}

#[cfg(test)]
mod tests {
    use super::{Bits, Texts};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_taken_back_are_as_if_the_rest_had_never_come(
            kept in prop::collection::vec(any::<bool>(), 0..40),
            dropped in prop::collection::vec(any::<bool>(), 0..40),
        ) {
            let (mut once, mut twice) = (Bits::default(), Bits::default());
            for bit in &kept {
                once.push(*bit);
            }
            for bit in kept.iter().chain(&dropped) {
                twice.push(*bit);
            }
            twice.truncate(kept.len());
            prop_assert_eq!(once.bytes(), twice.bytes());
            prop_assert_eq!(once.unset(), twice.unset());
            prop_assert_eq!(once.unset(), kept.iter().filter(|bit| !**bit).count());
        }

        #[test]
        fn texts_taken_back_are_as_if_the_rest_had_never_come(
            kept in prop::collection::vec(".{0,5}", 0..8),
            dropped in prop::collection::vec(".{0,5}", 0..8),
        ) {
            let mut texts = Texts::default();
            for text in kept.iter().chain(&dropped) {
                prop_assert!(texts.push(text).is_ok());
            }
            texts.truncate(kept.len());
            prop_assert_eq!(texts.count(), kept.len());
            for (index, text) in kept.iter().enumerate() {
                prop_assert_eq!(texts.get(index), Some(text.as_str()));
            }
            prop_assert_eq!(texts.get(kept.len()), None);
            prop_assert_eq!(texts.buffers()[1].len(), kept.concat().len());
        }
    }
}

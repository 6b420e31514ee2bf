//! One column: a field of all hops, as Arrow has it.

use crate::buffers::{Bits, Ends, Texts};
use crate::msgpack::{Odd, Reader, Value};

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number: 64 bits with a sign, times in whatever unit among them.
    Number,
    /// True or false.
    Truth,
    /// A list of texts.
    List,
}

/// The values of one field, row by row, and which rows have none.
#[derive(Clone, Debug)]
pub struct Column {
    valid: Bits,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Texts(Texts),
    /// Eight bytes each.
    Numbers(Vec<u8>),
    Truths(Bits),
    Lists(Ends, Texts),
}

const NUMBER: usize = size_of::<i64>();

impl Column {
    /// Without rows.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Text => Values::Texts(Texts::default()),
            Kind::Number => Values::Numbers(Vec::new()),
            Kind::Truth => Values::Truths(Bits::default()),
            Kind::List => Values::Lists(Ends::default(), Texts::default()),
        };
        Self { valid: Bits::default(), values }
    }

    /// Appends `value`; the items of a list are read from `reader`.
    ///
    /// # Errors
    /// Where it is of another type.
    #[inline]
    pub fn push(&mut self, value: Value<'_>, reader: &mut Reader<'_>) -> Result<(), Odd> {
        self.valid.push(value != Value::Nil);
        match (&mut self.values, value) {
            (Values::Texts(texts), Value::Nil) => texts.push("")?,
            (Values::Texts(texts), Value::Text(text)) => texts.push(text)?,
            (Values::Numbers(bytes), Value::Nil) => bytes.extend_from_slice(&[0; NUMBER]),
            (Values::Numbers(bytes), Value::Number(number)) => {
                bytes.extend_from_slice(&number.to_ne_bytes());
            }
            (Values::Truths(bits), Value::Nil) => bits.push(false),
            (Values::Truths(bits), Value::Truth(truth)) => bits.push(truth),
            (Values::Lists(lists, texts), Value::Nil) => lists.push(texts.count())?,
            (Values::Lists(lists, texts), Value::Array(count)) => {
                for _ in 0..count {
                    let Value::Text(text) = reader.value()? else { return Err(Odd) };
                    texts.push(text)?;
                }
                lists.push(texts.count())?;
            }
            _ => return Err(Odd),
        }
        Ok(())
    }

    /// Drops all but the first `rows`.
    pub fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        match &mut self.values {
            Values::Texts(texts) => texts.truncate(rows),
            Values::Numbers(bytes) => bytes.truncate(rows * NUMBER),
            Values::Truths(bits) => bits.truncate(rows),
            Values::Lists(lists, texts) => {
                let end = lists.truncate(rows);
                texts.truncate(end);
            }
        }
    }

    /// The text of a row that has one.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        match &self.values {
            Values::Texts(texts) if self.valid.get(row) => texts.get(row),
            _ => None,
        }
    }

    /// The number of a row that has one.
    #[must_use]
    pub fn number(&self, row: usize) -> Option<i64> {
        match &self.values {
            Values::Numbers(bytes) if self.valid.get(row) => {
                bytes.get(row * NUMBER..)?.first_chunk().map(|eight| i64::from_ne_bytes(*eight))
            }
            _ => None,
        }
    }

    /// The texts of a row's list.
    pub fn list(&self, row: usize) -> impl Iterator<Item = &str> {
        let found = match &self.values {
            Values::Lists(lists, texts) => lists.range(row).map(|range| (range, texts)),
            _ => None,
        };
        found.into_iter().flat_map(|(range, texts)| range.filter_map(|at| texts.get(at)))
    }

    /// How many rows have no value.
    #[must_use]
    pub fn nulls(&self) -> usize {
        self.valid.unset()
    }

    /// Which rows have a value, then what their values are made of: text has offsets and bytes, a
    /// list offsets and those of its texts.
    #[must_use]
    pub fn buffers(&self) -> Vec<&[u8]> {
        let mut all = vec![self.valid.bytes()];
        match &self.values {
            Values::Texts(texts) => all.extend(texts.buffers()),
            Values::Numbers(bytes) => all.push(bytes),
            Values::Truths(bits) => all.push(bits.bytes()),
            Values::Lists(lists, texts) => {
                all.push(lists.bytes());
                all.extend(texts.buffers());
            }
        }
        all
    }
}

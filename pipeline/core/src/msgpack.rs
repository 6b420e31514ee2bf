//! Reading `MessagePack` (its specification of 2013, family by family) without making anything.
//!
//! Total: whatever the bytes are, each read ends, with a value or with [`Odd`]. What a number of
//! bytes or of items claims is believed only as far as there are bytes.

/// Something that this crate leaves to Python: unreadable, of another type, or merely unusual.
///
/// It says no more: Python reads the same bytes, and words what is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odd;

/// One value; of an array how many values follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing said.
    Nil,
    /// True or false.
    Truth(bool),
    /// A whole number of 64 bits, signed: larger ones fit no column.
    Number(i64),
    /// UTF-8.
    Text(&'a str),
    /// The head of an array: so many values come next.
    Array(usize),
}

/// A place in the bytes of one record.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the beginning of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// Whether all was read.
    #[must_use]
    pub const fn at_end(&self) -> bool {
        self.left.is_empty()
    }

    /// The next value, or the head of the next array.
    ///
    /// # Errors
    /// Where the bytes end too early, and for maps, binary, floats, extensions, numbers beyond 64
    /// bits with a sign, and text that is not UTF-8: nothing of ours writes those.
    #[inline]
    pub fn value(&mut self) -> Result<Value<'a>, Odd> {
        let (&head, rest) = self.left.split_first().ok_or(Odd)?;
        self.left = rest;
        Ok(match head {
            0xc0 => Value::Nil,
            0x00..=0x7f => Value::Number(i64::from(head)),
            0xa0..=0xbf => self.text(usize::from(head & 0x1f))?,
            0x90..=0x9f => Value::Array(usize::from(head & 0x0f)),
            0xc2 => Value::Truth(false),
            0xc3 => Value::Truth(true),
            0xe0..=0xff => Value::Number(i64::from(i8::from_be_bytes([head]))),
            _ => self.long(head)?,
        })
    }

    /// A value whose size or number has bytes of its own.
    fn long(&mut self, head: u8) -> Result<Value<'a>, Odd> {
        match head {
            0xcc => self.array().map(|[byte]| Value::Number(i64::from(byte))),
            0xcd => self.array().map(|b| Value::Number(i64::from(u16::from_be_bytes(b)))),
            0xce => self.array().map(|b| Value::Number(i64::from(u32::from_be_bytes(b)))),
            0xcf => {
                let number = u64::from_be_bytes(self.array()?);
                i64::try_from(number).map(Value::Number).map_err(|_| Odd)
            }
            0xd0 => self.array().map(|b| Value::Number(i64::from(i8::from_be_bytes(b)))),
            0xd1 => self.array().map(|b| Value::Number(i64::from(i16::from_be_bytes(b)))),
            0xd2 => self.array().map(|b| Value::Number(i64::from(i32::from_be_bytes(b)))),
            0xd3 => self.array().map(|b| Value::Number(i64::from_be_bytes(b))),
            0xd9 => {
                let [size] = self.array()?;
                self.text(usize::from(size))
            }
            0xda => {
                let size = u16::from_be_bytes(self.array()?);
                self.text(usize::from(size))
            }
            0xdb => {
                let size = self.size()?;
                self.text(size)
            }
            0xdc => self.array().map(|b| Value::Array(usize::from(u16::from_be_bytes(b)))),
            0xdd => self.size().map(Value::Array),
            _ => Err(Odd),
        }
    }

    fn size(&mut self) -> Result<usize, Odd> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| Odd)
    }

    fn text(&mut self, size: usize) -> Result<Value<'a>, Odd> {
        let (text, rest) = self.left.split_at_checked(size).ok_or(Odd)?;
        self.left = rest;
        std::str::from_utf8(text).map(Value::Text).map_err(|_| Odd)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Odd> {
        let (bytes, rest) = self.left.split_first_chunk().ok_or(Odd)?;
        self.left = rest;
        Ok(*bytes)
    }
}

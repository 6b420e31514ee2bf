//! Frames of hops into the columns of the writer's rows: no hop becomes an object.
//!
//! Takes a frame only if it is written as this release writes frames, whole or not at all.
//! Which of two reports of a span is kept is not decided here: `store.choose` knows.

use std::collections::hash_map::{Entry, HashMap};

use crate::column::Column;
use crate::layout::Layout;
use crate::msgpack::{Odd, Reader, Value};
use crate::names::{is_fingerprint, span_number, trace_number};

const VERSION: i64 = 1;

/// What tells one span from all others: trace, span, start in nanoseconds.
type Span = (u128, u64, i64);

/// How a row came by its root, as `store.choose.Rooted` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rooted<'a> {
    /// The root it stands under.
    pub root_id: Option<&'a str>,
    /// Whether that was found through its token.
    pub resolved: bool,
    /// When the run that it was found by began, where nothing but the task told.
    pub task_granted_at: Option<i64>,
    /// Start of the span.
    pub time: i64,
    /// The chain it is judged in, where nobody saw its root.
    pub chain_key: Option<&'a str>,
}

/// The hops of the frames that were added, one a row.
#[derive(Debug)]
pub struct Columns {
    layout: Layout,
    /// Flags of what only tells a chain something, and is no row.
    copies: Vec<String>,
    resolved: String,
    /// In the order of the frame.
    values: Vec<Column>,
    rows: usize,
    /// Column `span_key`: eight bytes each.
    keys: Vec<u8>,
    /// The first row of each span.
    first: HashMap<Span, usize>,
    repeated: Vec<(usize, usize)>,
    passing: Vec<usize>,
}

impl Columns {
    /// Without rows. `copies` are flags of what is no row, `resolved` that of a root found later.
    #[must_use]
    pub fn new(layout: Layout, copies: Vec<String>, resolved: String) -> Self {
        let values = layout.fields.iter().map(|field| Column::new(field.kind)).collect();
        Self {
            layout,
            copies,
            resolved,
            values,
            rows: 0,
            keys: Vec::new(),
            first: HashMap::new(),
            repeated: Vec::new(),
            passing: Vec::new(),
        }
    }

    /// How many rows there are, those that will not last among them.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Takes all hops of a frame.
    ///
    /// # Errors
    /// Where there is anything in it that Python has to look at; nothing of it is taken then.
    pub fn add(&mut self, frame: &[u8]) -> Result<(), Odd> {
        let before = self.rows;
        let spans = self.read(frame).inspect_err(|_| {
            self.rows = before;
            self.values.iter_mut().for_each(|column| column.truncate(before));
        })?;
        for (row, span) in (before..).zip(spans) {
            self.keys.extend_from_slice(&span.1.to_ne_bytes());
            self.index(row, span);
        }
        Ok(())
    }

    /// Rows that `store.choose.lasting` leaves out, in order.
    #[must_use]
    pub fn passing(&self) -> &[usize] {
        &self.passing
    }

    /// (row, the first row of that span) of each lasting row whose span was there before, in order.
    #[must_use]
    pub fn repeated(&self) -> &[(usize, usize)] {
        &self.repeated
    }

    /// The first lasting row of a span.
    #[must_use]
    pub fn find(&self, trace_id: &str, span_id: &str, time: i64) -> Option<usize> {
        self.first.get(&(trace_number(trace_id)?, span_number(span_id)?, time)).copied()
    }

    /// How a row came by its root; none where there is no such row.
    #[must_use]
    pub fn rooted(&self, row: usize) -> Option<Rooted<'_>> {
        Some(Rooted {
            root_id: self.text(self.layout.root_id, row),
            resolved: self.flags(row).any(|flag| flag == self.resolved),
            task_granted_at: self.number(self.layout.task_granted_at, row),
            time: self.number(self.layout.time, row)?,
            chain_key: self.text(self.layout.chain_key, row),
        })
    }

    /// The span ids as numbers of 64 bits without a sign.
    #[must_use]
    pub fn keys(&self) -> &[u8] {
        &self.keys
    }

    /// The columns in the order of the frame.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.values
    }

    /// Appends the rows of a frame; says which spans they are of.
    fn read(&mut self, frame: &[u8]) -> Result<Vec<Span>, Odd> {
        let mut reader = Reader::new(frame);
        if reader.value()? != Value::Array(2) || reader.value()? != Value::Number(VERSION) {
            return Err(Odd);
        }
        let Value::Array(count) = reader.value()? else { return Err(Odd) };
        let mut spans = Vec::new();
        for _ in 0..count {
            spans.push(self.read_hop(&mut reader)?);
        }
        if reader.at_end() {
            Ok(spans)
        } else {
            Err(Odd)
        }
    }

    fn read_hop(&mut self, reader: &mut Reader<'_>) -> Result<Span, Odd> {
        if reader.value()? != Value::Array(self.values.len()) {
            return Err(Odd);
        }
        for (place, (field, column)) in self.layout.fields.iter().zip(&mut self.values).enumerate()
        {
            let mut value = reader.value()?;
            if value == Value::Nil && !field.optional {
                return Err(Odd);
            }
            if place == self.layout.received && value == Value::Number(0) {
                value = Value::Nil; // 0 is what a frame has for "unknown"
            }
            column.push(value, reader)?;
        }
        let row = self.rows;
        self.rows += 1;
        self.span(row).ok_or(Odd)
    }

    /// The span of a row; none where a name in it is not as it should be.
    fn span(&self, row: usize) -> Option<Span> {
        let token = |place: &usize| self.text(*place, row).is_none_or(is_fingerprint);
        if !self.layout.fingerprints.iter().all(token) {
            return None;
        }
        Some((
            trace_number(self.text(self.layout.trace_id, row)?)?,
            span_number(self.text(self.layout.span_id, row)?)?,
            self.number(self.layout.time, row)?,
        ))
    }

    fn index(&mut self, row: usize, span: Span) {
        if self.is_passing(row) {
            self.passing.push(row);
            return;
        }
        match self.first.entry(span) {
            Entry::Vacant(free) => {
                free.insert(row);
            }
            Entry::Occupied(known) => self.repeated.push((row, *known.get())),
        }
    }

    fn is_passing(&self, row: usize) -> bool {
        self.flags(row).any(|flag| self.copies.iter().any(|copy| copy == flag))
            || (self.text(self.layout.chain_key, row).is_some()
                && self.text(self.layout.root_id, row).is_none())
    }

    fn flags(&self, row: usize) -> impl Iterator<Item = &str> {
        self.values.get(self.layout.flags).into_iter().flat_map(move |column| column.list(row))
    }

    fn text(&self, place: usize, row: usize) -> Option<&str> {
        self.values.get(place)?.text(row)
    }

    fn number(&self, place: usize, row: usize) -> Option<i64> {
        self.values.get(place)?.number(row)
    }
}

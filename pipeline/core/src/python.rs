//! What Python sees: module `grantline._core`.

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::column::Kind;
use crate::columns::{Columns, Rooted};
use crate::layout::{Field, Layout};

/// Python's allocator gives objects 16 bytes' alignment, whatever their class would need.
const _: () = assert!(align_of::<PyColumns>() <= 16);

/// (root, found later, when the run began, start of the span, chain), as `store.choose.Rooted`.
type RootedFields<'a> = (Option<&'a str>, bool, Option<i64>, i64, Option<&'a str>);

/// Frames of hops into columns: `grantline.store.columns` makes Arrow tables of them.
#[pyclass(name = "Columns")]
struct PyColumns(Columns);

#[pymethods]
impl PyColumns {
    /// `fields`: name, kind (`text`, `number`, `truth`, `list`) and whether it may be missing, in
    /// the order of the frame. `copies`: flags of what is no row. `resolved`: that of a root found
    /// later.
    #[new]
    fn new(
        fields: Vec<(String, String, bool)>,
        copies: Vec<String>,
        resolved: String,
    ) -> PyResult<Self> {
        let fields = fields.into_iter().map(field).collect::<PyResult<_>>()?;
        let layout = Layout::new(fields).map_err(PyValueError::new_err)?;
        Ok(Self(Columns::new(layout, copies, resolved)))
    }

    fn __len__(&self) -> usize {
        self.0.rows()
    }

    /// Takes a frame; false where Python has to look at it, and nothing of it was taken.
    fn add(&mut self, frame: &[u8]) -> bool {
        self.0.add(frame).is_ok()
    }

    /// Rows that do not last.
    fn passing(&self) -> Vec<usize> {
        self.0.passing().to_vec()
    }

    /// (row, first row of its span) of spans that were there before.
    fn repeated(&self) -> Vec<(usize, usize)> {
        self.0.repeated().to_vec()
    }

    /// The first lasting row of a span.
    fn find(&self, trace_id: &str, span_id: &str, time: i64) -> Option<usize> {
        self.0.find(trace_id, span_id, time)
    }

    /// How a row came by its root.
    fn rooted(&self, row: usize) -> PyResult<RootedFields<'_>> {
        let Rooted { root_id, resolved, task_granted_at, time, chain_key } =
            self.0.rooted(row).ok_or_else(|| PyIndexError::new_err("no such row"))?;
        Ok((root_id, resolved, task_granted_at, time, chain_key))
    }

    /// Column `span_key`, as Arrow has 64 bits without a sign.
    fn keys<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.keys())
    }

    /// Of the field at that place: how many rows have no value, and Arrow's buffers.
    fn column<'py>(
        &self,
        py: Python<'py>,
        place: usize,
    ) -> PyResult<(usize, Vec<Bound<'py, PyBytes>>)> {
        let column = self.0.columns().get(place);
        let column = column.ok_or_else(|| PyIndexError::new_err("no such column"))?;
        let buffers = column.buffers().into_iter().map(|bytes| PyBytes::new(py, bytes)).collect();
        Ok((column.nulls(), buffers))
    }
}

fn field((name, kind, optional): (String, String, bool)) -> PyResult<Field> {
    let kind = match kind.as_str() {
        "text" => Kind::Text,
        "number" => Kind::Number,
        "truth" => Kind::Truth,
        "list" => Kind::List,
        _ => return Err(PyValueError::new_err(format!("{name}: no kind of field: {kind}"))),
    };
    Ok(Field { name, kind, optional })
}

/// Compiled parts of Grantline; `grantline.compiled` picks them up, or does without.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyColumns>()
}

//! What a hop is made of, as Python tells it: `grantline.model.hop.Hop` is the only place that
//! knows its fields, so one more of them needs nothing here.

use crate::column::Kind;

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// As in `Hop`.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Whether it may be missing.
    pub optional: bool,
}

/// All fields in the order of the frame, and where those are that this crate looks at.
#[derive(Clone, Debug)]
pub struct Layout {
    /// In the order of the frame.
    pub fields: Vec<Field>,
    pub(crate) span_id: usize,
    pub(crate) trace_id: usize,
    pub(crate) time: usize,
    pub(crate) received: usize,
    pub(crate) fingerprints: [usize; 2],
    pub(crate) root_id: usize,
    pub(crate) task_granted_at: usize,
    pub(crate) flags: usize,
    pub(crate) chain_key: usize,
}

impl Layout {
    /// The layout of these fields.
    ///
    /// # Errors
    /// Names a field that is not among them, or of another kind than this crate takes it for.
    pub fn new(fields: Vec<Field>) -> Result<Self, String> {
        let find = |name: &str, kind: Kind, optional: bool| {
            fields
                .iter()
                .position(|one| one.name == name && one.kind == kind && one.optional == optional)
                .ok_or_else(|| format!("no field {name} of the kind that is expected"))
        };
        Ok(Self {
            span_id: find("span_id", Kind::Text, false)?,
            trace_id: find("trace_id", Kind::Text, false)?,
            time: find("time", Kind::Number, false)?,
            received: find("received", Kind::Number, false)?,
            fingerprints: [
                find("token_fingerprint", Kind::Text, true)?,
                find("token_parent_fingerprint", Kind::Text, true)?,
            ],
            root_id: find("root_id", Kind::Text, true)?,
            task_granted_at: find("task_granted_at", Kind::Number, true)?,
            flags: find("flags", Kind::List, false)?,
            chain_key: find("chain_key", Kind::Text, true)?,
            fields,
        })
    }
}

//! Grantline's hot path, compiled. Each module says what the Python module of its name says; what
//! is unusual in any way is left to that one (decision 020), so nothing here words a refusal.

pub mod buffers;
pub mod column;
pub mod columns;
pub mod layout;
pub mod msgpack;
pub mod names;

#[cfg(feature = "python")]
mod python;

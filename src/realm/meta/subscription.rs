//! The subscription meta procedures (SMA rows).

use super::Procedure;

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[];

//! Rows WS-*.

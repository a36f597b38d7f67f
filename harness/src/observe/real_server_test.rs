//! The observer against a real server.

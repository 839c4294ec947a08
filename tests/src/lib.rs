//! swath-tests

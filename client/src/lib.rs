//! swath-client

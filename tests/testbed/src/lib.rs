//! 
pub mod smtp;

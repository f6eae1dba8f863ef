//! The service.
pub mod db;
pub mod ports;
pub mod service;

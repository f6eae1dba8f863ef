//! Who may do what, and what an attacker who has read about GraphQL tries first.

mod attacks;
mod audit;
mod roles;
mod tokens;

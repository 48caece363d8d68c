//! Plans and windows in situations that have names.

mod fairness;
mod situations;
mod window;

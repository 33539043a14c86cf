//! The supervisor against a fake machine: [`world`] carries actions out and refuses impossible ones.

mod lifecycle;
mod random;
mod shutdown;
mod submit;
mod world;

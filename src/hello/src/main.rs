//! Not yet filled.

fn main() {}

//! End-to-end tests: real images in QEMU, one behaviour a file.

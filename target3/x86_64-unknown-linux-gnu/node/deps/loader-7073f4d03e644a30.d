/work/wt/media/target3/x86_64-unknown-linux-gnu/node/deps/loader-7073f4d03e644a30.d: src/node/loader/src/lib.rs src/node/loader/src/console.rs src/node/loader/src/disk.rs src/node/loader/src/efi/mod.rs src/node/loader/src/efi/block.rs src/node/loader/src/efi/firmware.rs src/node/loader/src/efi/guid.rs src/node/loader/src/efi/memory.rs src/node/loader/src/efi/tables.rs src/node/loader/src/gpt.rs src/node/loader/src/path.rs src/node/loader/src/record.rs src/node/loader/src/run.rs src/node/loader/src/runtime.rs src/node/loader/src/sha256.rs src/node/loader/src/slot.rs

/work/wt/media/target3/x86_64-unknown-linux-gnu/node/deps/libloader-7073f4d03e644a30.rlib: src/node/loader/src/lib.rs src/node/loader/src/console.rs src/node/loader/src/disk.rs src/node/loader/src/efi/mod.rs src/node/loader/src/efi/block.rs src/node/loader/src/efi/firmware.rs src/node/loader/src/efi/guid.rs src/node/loader/src/efi/memory.rs src/node/loader/src/efi/tables.rs src/node/loader/src/gpt.rs src/node/loader/src/path.rs src/node/loader/src/record.rs src/node/loader/src/run.rs src/node/loader/src/runtime.rs src/node/loader/src/sha256.rs src/node/loader/src/slot.rs

/work/wt/media/target3/x86_64-unknown-linux-gnu/node/deps/libloader-7073f4d03e644a30.rmeta: src/node/loader/src/lib.rs src/node/loader/src/console.rs src/node/loader/src/disk.rs src/node/loader/src/efi/mod.rs src/node/loader/src/efi/block.rs src/node/loader/src/efi/firmware.rs src/node/loader/src/efi/guid.rs src/node/loader/src/efi/memory.rs src/node/loader/src/efi/tables.rs src/node/loader/src/gpt.rs src/node/loader/src/path.rs src/node/loader/src/record.rs src/node/loader/src/run.rs src/node/loader/src/runtime.rs src/node/loader/src/sha256.rs src/node/loader/src/slot.rs

src/node/loader/src/lib.rs:
src/node/loader/src/console.rs:
src/node/loader/src/disk.rs:
src/node/loader/src/efi/mod.rs:
src/node/loader/src/efi/block.rs:
src/node/loader/src/efi/firmware.rs:
src/node/loader/src/efi/guid.rs:
src/node/loader/src/efi/memory.rs:
src/node/loader/src/efi/tables.rs:
src/node/loader/src/gpt.rs:
src/node/loader/src/path.rs:
src/node/loader/src/record.rs:
src/node/loader/src/run.rs:
src/node/loader/src/runtime.rs:
src/node/loader/src/sha256.rs:
src/node/loader/src/slot.rs:

/work/wt/media/target3/x86_64-unknown-linux-gnu/node/deps/loader-2dd433296e4c018d.d: src/node/loader/src/main.rs

/work/wt/media/target3/x86_64-unknown-linux-gnu/node/deps/loader-2dd433296e4c018d: src/node/loader/src/main.rs

src/node/loader/src/main.rs:

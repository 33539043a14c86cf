/work/wt/media/target3/x86_64-unknown-linux-gnu/node/deps/slots-f26df682723d6c0e.d: src/shared/slots/src/lib.rs src/shared/slots/src/bytes.rs src/shared/slots/src/decide/mod.rs src/shared/slots/src/decide/answer.rs src/shared/slots/src/decide/bless.rs src/shared/slots/src/decide/boot.rs src/shared/slots/src/decide/by_hand.rs src/shared/slots/src/decide/current.rs src/shared/slots/src/decide/expire.rs src/shared/slots/src/decide/refusal.rs src/shared/slots/src/decide/retire.rs src/shared/slots/src/decide/running.rs src/shared/slots/src/decide/select.rs src/shared/slots/src/decide/settle.rs src/shared/slots/src/decide/update.rs src/shared/slots/src/disk.rs src/shared/slots/src/dump.rs src/shared/slots/src/handoff.rs src/shared/slots/src/header.rs src/shared/slots/src/marker.rs src/shared/slots/src/reason.rs src/shared/slots/src/record.rs src/shared/slots/src/slot.rs

/work/wt/media/target3/x86_64-unknown-linux-gnu/node/deps/libslots-f26df682723d6c0e.rlib: src/shared/slots/src/lib.rs src/shared/slots/src/bytes.rs src/shared/slots/src/decide/mod.rs src/shared/slots/src/decide/answer.rs src/shared/slots/src/decide/bless.rs src/shared/slots/src/decide/boot.rs src/shared/slots/src/decide/by_hand.rs src/shared/slots/src/decide/current.rs src/shared/slots/src/decide/expire.rs src/shared/slots/src/decide/refusal.rs src/shared/slots/src/decide/retire.rs src/shared/slots/src/decide/running.rs src/shared/slots/src/decide/select.rs src/shared/slots/src/decide/settle.rs src/shared/slots/src/decide/update.rs src/shared/slots/src/disk.rs src/shared/slots/src/dump.rs src/shared/slots/src/handoff.rs src/shared/slots/src/header.rs src/shared/slots/src/marker.rs src/shared/slots/src/reason.rs src/shared/slots/src/record.rs src/shared/slots/src/slot.rs

/work/wt/media/target3/x86_64-unknown-linux-gnu/node/deps/libslots-f26df682723d6c0e.rmeta: src/shared/slots/src/lib.rs src/shared/slots/src/bytes.rs src/shared/slots/src/decide/mod.rs src/shared/slots/src/decide/answer.rs src/shared/slots/src/decide/bless.rs src/shared/slots/src/decide/boot.rs src/shared/slots/src/decide/by_hand.rs src/shared/slots/src/decide/current.rs src/shared/slots/src/decide/expire.rs src/shared/slots/src/decide/refusal.rs src/shared/slots/src/decide/retire.rs src/shared/slots/src/decide/running.rs src/shared/slots/src/decide/select.rs src/shared/slots/src/decide/settle.rs src/shared/slots/src/decide/update.rs src/shared/slots/src/disk.rs src/shared/slots/src/dump.rs src/shared/slots/src/handoff.rs src/shared/slots/src/header.rs src/shared/slots/src/marker.rs src/shared/slots/src/reason.rs src/shared/slots/src/record.rs src/shared/slots/src/slot.rs

src/shared/slots/src/lib.rs:
src/shared/slots/src/bytes.rs:
src/shared/slots/src/decide/mod.rs:
src/shared/slots/src/decide/answer.rs:
src/shared/slots/src/decide/bless.rs:
src/shared/slots/src/decide/boot.rs:
src/shared/slots/src/decide/by_hand.rs:
src/shared/slots/src/decide/current.rs:
src/shared/slots/src/decide/expire.rs:
src/shared/slots/src/decide/refusal.rs:
src/shared/slots/src/decide/retire.rs:
src/shared/slots/src/decide/running.rs:
src/shared/slots/src/decide/select.rs:
src/shared/slots/src/decide/settle.rs:
src/shared/slots/src/decide/update.rs:
src/shared/slots/src/disk.rs:
src/shared/slots/src/dump.rs:
src/shared/slots/src/handoff.rs:
src/shared/slots/src/header.rs:
src/shared/slots/src/marker.rs:
src/shared/slots/src/reason.rs:
src/shared/slots/src/record.rs:
src/shared/slots/src/slot.rs:

//! Compresses and decompresses one cluster.
//!
//! Each cluster gets a new zstd context: since 1.5.5 a reused one salts its hashes depending on previous
//! input, so that the same cluster could give other bytes on another thread.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::Codec;
use super::format::CLUSTER_BYTES;

/// Window size of zlib that readers of qcow2 use.
const WINDOW_BITS: u8 = 12;

/// One thread's state for compressing clusters.
pub(super) struct Compressor {
    method: Method,
    output: Vec<u8>,
}

enum Method {
    Zlib(Box<Compress>),
    Zstd(i32),
}

impl Compressor {
    pub(super) fn new(codec: Codec) -> Compressor {
        let (method, room) = match codec {
            Codec::Zlib { level } => {
                let level = Compression::new(level.clamp(1, 9));
                let compress = Compress::new_with_window_bits(level, false, WINDOW_BITS);
                (Method::Zlib(Box::new(compress)), CLUSTER_BYTES)
            }
            Codec::Zstd { level } => {
                (Method::Zstd(level.clamp(1, 22)), zstd::zstd_safe::compress_bound(CLUSTER_BYTES))
            }
        };
        Compressor { method, output: Vec::with_capacity(room) }
    }

    /// Compresses a cluster; `None` if the result is not shorter.
    pub(super) fn compress(&mut self, input: &[u8]) -> io::Result<Option<&[u8]>> {
        self.output.clear();
        let whole = match &mut self.method {
            Method::Zlib(compress) => {
                compress.reset();
                // The output must not grow: a result that does not fit is not shorter.
                let status = compress.compress_vec(input, &mut self.output, FlushCompress::Finish);
                status.map_err(io::Error::other)? == Status::StreamEnd
            }
            Method::Zstd(level) => {
                zstd::bulk::Compressor::new(*level)?.compress_to_buffer(input, &mut self.output)?;
                true
            }
        };
        Ok((whole && self.output.len() < CLUSTER_BYTES).then_some(&self.output))
    }
}

/// Decompresses a cluster of `bytes` bytes; data after it in `input` is ignored. The result is never longer.
pub(super) fn decompress(codec: Codec, input: &[u8], bytes: usize) -> io::Result<Vec<u8>> {
    let mut output = Vec::with_capacity(bytes);
    match codec {
        Codec::Zlib { .. } => {
            let mut inflate = Decompress::new_with_window_bits(false, WINDOW_BITS);
            inflate.decompress_vec(input, &mut output, FlushDecompress::Finish).map_err(io::Error::other)?;
        }
        Codec::Zstd { .. } => {
            let frame = zstd::zstd_safe::find_frame_compressed_size(input)
                .map_err(|code| io::Error::other(zstd::zstd_safe::get_error_name(code)))?;
            let frame = input.get(..frame).ok_or(io::ErrorKind::UnexpectedEof)?;
            zstd::bulk::Decompressor::new()?.decompress_to_buffer(frame, &mut output)?;
        }
    }
    Ok(output)
}

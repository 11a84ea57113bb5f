use std::io::{self, Read};

use bytes::Bytes;
use parquet::basic::CompressionCodec;

use crate::limits::ZSTD_WINDOW_LOG_MAX;

const BROTLI_BUFFER_BYTES: usize = 4096;
/// First byte of a "large window" brotli stream. It is not part of RFC 7932, and may need 1 GiB of memory.
const BROTLI_LARGE_WINDOW: u8 = 0x11;

/// Returns why a codec is not supported, or `None` for a supported codec.
pub(super) fn unsupported(codec: CompressionCodec) -> Option<&'static str> {
    match codec {
        CompressionCodec::LZO => Some("compressed with LZO, which is not supported; write Snappy or zstd"),
        CompressionCodec::LZ4 => {
            Some("compressed with the deprecated codec LZ4, which is ambiguous; write LZ4_RAW, Snappy or zstd")
        }
        _ => None,
    }
}

/// Decompresses a page to exactly the size in its header. Memory use never exceeds that size.
pub(super) fn decompress(codec: CompressionCodec, compressed: &Bytes, size: usize) -> Result<Bytes, String> {
    let damaged = |error: &dyn std::fmt::Display| format!("a page's compressed data is damaged ({error})");
    let decompressed = match codec {
        CompressionCodec::UNCOMPRESSED => compressed.clone(),
        CompressionCodec::SNAPPY => {
            let mut out = vec![0; size];
            let length = snap::raw::Decoder::new().decompress(compressed, &mut out).map_err(|error| damaged(&error))?;
            out.truncate(length);
            Bytes::from(out)
        }
        CompressionCodec::LZ4_RAW => {
            let mut out = vec![0; size];
            let length = lz4_flex::block::decompress_into(compressed, &mut out).map_err(|error| damaged(&error))?;
            out.truncate(length);
            Bytes::from(out)
        }
        CompressionCodec::GZIP => {
            read(flate2::read::MultiGzDecoder::new(&compressed[..]), size).map_err(|error| damaged(&error))?
        }
        CompressionCodec::BROTLI if compressed.first().is_some_and(|first| first & 0x7f == BROTLI_LARGE_WINDOW) => {
            return Err("a page's brotli stream has a large window, which RFC 7932 does not allow".to_owned());
        }
        CompressionCodec::BROTLI => {
            let decoder = brotli_decompressor::Decompressor::new(&compressed[..], BROTLI_BUFFER_BYTES);
            read(decoder, size).map_err(|error| damaged(&error))?
        }
        CompressionCodec::ZSTD => {
            let decoder = zstd_decoder(compressed).map_err(|error| damaged(&error))?;
            read(decoder, size).map_err(|error| damaged(&error))?
        }
        CompressionCodec::LZO | CompressionCodec::LZ4 => return Err(unsupported(codec).unwrap_or_default().to_owned()),
    };
    if decompressed.len() == size {
        return Ok(decompressed);
    }
    Err(format!("a page has {} bytes or more, but its header says {size}", decompressed.len()))
}

fn zstd_decoder(compressed: &[u8]) -> io::Result<zstd::stream::read::Decoder<'static, &[u8]>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

/// Reads one byte more than `size`, so that the caller notices a larger page.
fn read(reader: impl Read, size: usize) -> io::Result<Bytes> {
    let mut out = Vec::with_capacity(size + 1);
    reader.take(size as u64 + 1).read_to_end(&mut out)?;
    Ok(Bytes::from(out))
}

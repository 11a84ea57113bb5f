use std::io::{self, Read};

use bytes::Bytes;
use parquet::basic::CompressionCodec;

use crate::limits::ZSTD_WINDOW_LOG_MAX;

const BROTLI_BUFFER_BYTES: usize = 4096;
/// How a stream begins that is no brotli after RFC 7932, and may ask for a gigabyte.
const BROTLI_LARGE_WINDOW: u8 = 0x11;

/// Why a codec that a file names is not read; `None` when it is.
pub(super) fn unsupported(codec: CompressionCodec) -> Option<&'static str> {
    match codec {
        CompressionCodec::LZO => Some("compressed with LZO, which nothing here reads; write Snappy or zstd"),
        CompressionCodec::LZ4 => Some(
            "compressed with Parquet's deprecated LZ4, whose framing nobody agrees on; write LZ4_RAW, Snappy or zstd",
        ),
        _ => None,
    }
}

/// Decompresses to exactly as many bytes as the page's header says, and never takes more memory than that.
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
            return Err("a page's brotli stream asks for a window that the format does not have".to_owned());
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
    Err(format!("a page has {} bytes or more, where its header says {size}", decompressed.len()))
}

fn zstd_decoder(compressed: &[u8]) -> io::Result<zstd::stream::read::Decoder<'static, &[u8]>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

/// One byte more than there may be, so that it shows.
fn read(reader: impl Read, size: usize) -> io::Result<Bytes> {
    let mut out = Vec::with_capacity(size + 1);
    reader.take(size as u64 + 1).read_to_end(&mut out)?;
    Ok(Bytes::from(out))
}

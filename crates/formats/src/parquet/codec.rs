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
        CompressionCodec::LZ4 => {
            let blocks = hadoop_blocks(compressed, size).or_else(|| raw_block(compressed, size));
            Bytes::from(blocks.ok_or_else(|| damaged(&"neither blocks of Hadoop nor one LZ4 block"))?)
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
        CompressionCodec::LZO => return Err(unsupported(codec).unwrap_or_default().to_owned()),
    };
    if decompressed.len() == size {
        return Ok(decompressed);
    }
    Err(format!("a page has {} bytes or more, but its header says {size}", decompressed.len()))
}

/// Decompresses the blocks that Hadoop writes under the deprecated name LZ4. A block has the size of its data, and then
/// chunks, each after its compressed size. Sizes are 32 bits wide, big-endian. Returns `None` for other data.
fn hadoop_blocks(compressed: &[u8], size: usize) -> Option<Vec<u8>> {
    let next_size = |rest: &mut &[u8]| {
        let (head, after) = rest.split_first_chunk::<4>()?;
        *rest = after;
        usize::try_from(u32::from_be_bytes(*head)).ok()
    };
    let mut out = vec![0; size];
    let mut filled = 0_usize;
    let mut rest = compressed;
    while !rest.is_empty() {
        let end = filled.checked_add(next_size(&mut rest)?)?;
        while filled < end {
            let (chunk, after) = {
                let bytes = next_size(&mut rest)?;
                rest.split_at_checked(bytes)?
            };
            let length = lz4_flex::block::decompress_into(chunk, out.get_mut(filled..end)?).ok()?;
            // An empty chunk would repeat this loop for ever.
            filled += Some(length).filter(|length| *length > 0)?;
            rest = after;
        }
    }
    (filled == size).then_some(out)
}

/// Decompresses the one block that older versions of Arrow write under the deprecated name LZ4.
fn raw_block(compressed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; size];
    let length = lz4_flex::block::decompress_into(compressed, &mut out).ok()?;
    (length == size).then_some(out)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn block(chunks: &[&[u8]]) -> Vec<u8> {
        let size = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
        let mut out = size(chunks.iter().map(|chunk| chunk.len()).sum()).to_vec();
        for chunk in chunks {
            let compressed = lz4_flex::block::compress(chunk);
            out.extend_from_slice(&size(compressed.len()));
            out.extend_from_slice(&compressed);
        }
        out
    }

    #[track_caller]
    fn check(compressed: Vec<u8>, size: usize, expected: Option<&[u8]>) {
        let found = decompress(CompressionCodec::LZ4, &Bytes::from(compressed), size);
        assert_eq!(found.ok().as_deref(), expected);
    }

    #[test]
    fn deprecated_lz4_is_decompressed() {
        let text = b"a page, a page, a page, a page, a page";
        check(block(&[text]), text.len(), Some(text));
        check(block(&[&text[..10], &text[10..]]), text.len(), Some(text));
        check([block(&[&text[..10]]), block(&[&text[10..]])].concat(), text.len(), Some(text));
        check(lz4_flex::block::compress(text), text.len(), Some(text));
        check(Vec::new(), 0, Some(b""));
        check(block(&[text]), text.len() - 1, None);
        check(block(&[text]), text.len() + 1, None);
        check(block(&[text])[..20].to_vec(), text.len(), None);
        check(b"\0\0\0\x01\0\0\0\x01\0".to_vec(), 1, None);
        check(b"\xff\xff\xff\xff\0\0\0\x01\0".to_vec(), 1, None);
    }
}

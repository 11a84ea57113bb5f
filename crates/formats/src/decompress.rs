use std::io::{self, BufReader, ErrorKind, Read};
use std::ops::Range;

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use protocol::Compression;

use crate::error::FileError;
use crate::limits::{Limits, ZSTD_WINDOW_LOG_MAX};
use crate::signature::{BZIP2_BYTES, GZIP_MAGIC, SIGNATURE_BYTES, ZIP_MAGIC, ZSTD_MAGIC, ZSTD_SKIPPABLE, is_bzip2};
use crate::zip::ZipMember;

/// Decompresses a stream within limits. Errors distinguish a damaged file from a failed read.
pub(crate) struct Decompressor<'a> {
    codec: Codec<'a>,
    decompressed_bytes: u64,
    limits: Limits,
    /// Decompressed bytes that [`Decompressor::peek`] has read and [`Decompressor::read`] has not returned yet.
    peeked: Vec<u8>,
}

enum Codec<'a> {
    None(CountedInput<'a>),
    Gzip(Box<MultiGzDecoder<BufReader<CountedInput<'a>>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<CountedInput<'a>>>>),
    Bzip2(Box<MultiBzDecoder<BufReader<CountedInput<'a>>>>),
    Zip(Box<ZipMember<BufReader<CountedInput<'a>>>>),
}

pub(crate) fn open<'a>(
    compression: Compression,
    input: &'a mut dyn Read,
    limits: &Limits,
) -> Result<Decompressor<'a>, FileError> {
    let mut input =
        CountedInput { reader: input, bytes: 0, failure: None, first: [0; BZIP2_BYTES], first_unread: 0..0 };
    input.read_first()?;
    let codec = match detect_compression(compression, input.first_bytes())? {
        Compression::None => Codec::None(input),
        Compression::Gzip => Codec::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(input)))),
        Compression::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(BufReader::new(input)).map_err(FileError::Read)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(FileError::Read)?;
            Codec::Zstd(Box::new(decoder))
        }
        Compression::Bzip2 => Codec::Bzip2(Box::new(MultiBzDecoder::new(BufReader::new(input)))),
        Compression::Zip => Codec::Zip(Box::new(ZipMember::new(BufReader::new(input)))),
    };
    Ok(Decompressor { codec, decompressed_bytes: 0, limits: *limits, peeked: Vec::new() })
}

/// Returns the compression that the name or the dataset declares, or the one that the first bytes show. A file is damaged if
/// the two contradict each other. No supported encoding has text that begins with these magic bytes.
fn detect_compression(named: Compression, first: &[u8]) -> Result<Compression, FileError> {
    let begins_as = |magic: &[u8]| first.starts_with(magic);
    let found = if begins_as(GZIP_MAGIC) {
        Compression::Gzip
    } else if begins_as(ZSTD_MAGIC) {
        Compression::Zstd
    } else if is_bzip2(first) {
        Compression::Bzip2
    } else if named == Compression::Zip && first.starts_with(b"PK") {
        // Only a declared archive is opened. The reader of the archive reports one that is empty.
        Compression::Zip
    } else {
        Compression::None
    };
    let fits = match named {
        Compression::None => true,
        // With fewer bytes than the magic number, the codec reports the error.
        Compression::Gzip => found == named || GZIP_MAGIC.starts_with(first),
        Compression::Zstd => found == named || ZSTD_MAGIC.starts_with(first) || first.get(1..4) == Some(ZSTD_SKIPPABLE),
        Compression::Bzip2 => found == named || first.len() < BZIP2_BYTES,
        Compression::Zip => found == named || ZIP_MAGIC.starts_with(first),
    };
    if fits {
        return Ok(if named == Compression::None { found } else { named });
    }
    let name = |compression| match compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
        Compression::Bzip2 => "bzip2",
        Compression::Zip => "zip",
    };
    let (named, found) = (name(named), name(found));
    let reason =
        format!("the compressed stream is damaged: its name or dataset says {named}, its first bytes say {found}");
    Err(FileError::Malformed { line: 1, reason })
}

impl Decompressor<'_> {
    /// Returns 0 at the end of the file. Errors contain `line`.
    pub(crate) fn read(&mut self, buffer: &mut [u8], line: u64) -> Result<usize, FileError> {
        if !self.peeked.is_empty() {
            let bytes = self.peeked.len().min(buffer.len());
            buffer[..bytes].copy_from_slice(&self.peeked[..bytes]);
            self.peeked.drain(..bytes);
            return Ok(bytes);
        }
        self.decompress(buffer, line)
    }

    /// Returns the first [`SIGNATURE_BYTES`] of the file, or fewer if the file is shorter.
    pub(crate) fn peek(&mut self) -> Result<&[u8], FileError> {
        let mut first = [0; SIGNATURE_BYTES];
        let mut length = 0;
        while length < first.len() {
            match self.decompress(&mut first[length..], 1)? {
                0 => break,
                bytes => length += bytes,
            }
        }
        self.peeked = first[..length].to_vec();
        Ok(&self.peeked)
    }

    fn decompress(&mut self, buffer: &mut [u8], line: u64) -> Result<usize, FileError> {
        let bytes = loop {
            match self.codec.read(buffer) {
                Ok(bytes) => break bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.fail(&error, line),
            }
        };
        self.decompressed_bytes += bytes as u64;
        self.check_growth()?;
        Ok(bytes)
    }

    fn fail(&mut self, error: &io::Error, line: u64) -> Result<usize, FileError> {
        let input = self.codec.input();
        if let Some(failure) = input.failure.take() {
            return Err(FileError::Read(failure));
        }
        if input.bytes == 0 {
            return Ok(0);
        }
        if is_window_too_large(error) {
            let window_max = 1_u64 << ZSTD_WINDOW_LOG_MAX;
            return Err(FileError::DecompressionLimit {
                compressed_bytes: input.bytes,
                decompressed_bytes: self.decompressed_bytes,
                limit: format!(
                    "a zstd frame has a window above the limit of {window_max} bytes; \
                     compress with level 19 or lower and without --long"
                ),
            });
        }
        let what = match error.kind() {
            ErrorKind::UnexpectedEof => "ends in the middle".to_owned(),
            ErrorKind::Unsupported => return Err(FileError::Malformed { line, reason: error.to_string() }),
            _ => format!("is damaged ({error})"),
        };
        let reason = format!("the compressed stream {what}, after {} decompressed bytes", self.decompressed_bytes);
        Err(FileError::Malformed { line, reason })
    }

    fn check_growth(&mut self) -> Result<(), FileError> {
        if matches!(self.codec, Codec::None(_)) {
            return Ok(());
        }
        check_growth(&self.limits, self.decompressed_bytes, self.codec.input().bytes)
    }
}

#[inline]
pub(crate) fn check_growth(limits: &Limits, grown: u64, compressed: u64) -> Result<(), FileError> {
    let Limits { decompressed_bytes_max: bytes_max, decompression_ratio_max: ratio_max, .. } = *limits;
    let limit = if grown > bytes_max {
        format!("the limit is {bytes_max} bytes")
    } else if grown > limits.decompression_ratio_free_bytes && grown > compressed.saturating_mul(ratio_max) {
        format!("the limit is {ratio_max} times the compressed size")
    } else {
        return Ok(());
    };
    Err(FileError::DecompressionLimit { compressed_bytes: compressed, decompressed_bytes: grown, limit })
}

/// Compares texts, because the `zstd` crate keeps only the text of an error code.
fn is_window_too_large(error: &io::Error) -> bool {
    /// `ZSTD_error_frameParameter_windowTooLarge`: <https://github.com/facebook/zstd/blob/v1.5.7/lib/zstd_errors.h>.
    const WINDOW_TOO_LARGE: usize = 16;
    error.to_string() == zstd::zstd_safe::get_error_name(WINDOW_TOO_LARGE.wrapping_neg())
}

impl<'a> Codec<'a> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(input) => input.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Zip(member) => member.read(buffer),
        }
    }

    fn input(&mut self) -> &mut CountedInput<'a> {
        match self {
            Self::None(input) => input,
            Self::Gzip(decoder) => decoder.get_mut().get_mut(),
            Self::Zstd(decoder) => decoder.get_mut().get_mut(),
            Self::Bzip2(decoder) => decoder.get_mut().get_mut(),
            Self::Zip(member) => member.input().get_mut(),
        }
    }
}

/// Counts the bytes of the input, and keeps its read error, which codecs hide.
struct CountedInput<'a> {
    reader: &'a mut dyn Read,
    bytes: u64,
    failure: Option<io::Error>,
    /// The file's first bytes. Detection reads them before the codec does.
    first: [u8; BZIP2_BYTES],
    first_unread: Range<usize>,
}

impl CountedInput<'_> {
    fn read_first(&mut self) -> Result<(), FileError> {
        while self.first_unread.end < self.first.len() {
            match self.reader.read(&mut self.first[self.first_unread.end..]) {
                Ok(0) => break,
                Ok(bytes) => self.first_unread.end += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::Read(error)),
            }
        }
        self.bytes = self.first_unread.end as u64;
        Ok(())
    }

    fn first_bytes(&self) -> &[u8] {
        &self.first[self.first_unread.clone()]
    }
}

impl Read for CountedInput<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.first_unread.is_empty() {
            let bytes = self.first_bytes().read(buffer)?;
            self.first_unread.start += bytes;
            return Ok(bytes);
        }
        match self.reader.read(buffer) {
            Ok(bytes) => {
                self.bytes += bytes as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failure = Some(error);
                Err(io::Error::other("the input failed"))
            }
        }
    }
}

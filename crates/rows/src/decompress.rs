use std::io::{self, BufReader, ErrorKind, Read};

use contracts::Compression;
use flate2::bufread::MultiGzDecoder;

use crate::FileError;
use crate::limits::{Limits, ZSTD_WINDOW_LOG_MAX};

/// Decompresses in passing, within limits, and tells a damaged file from one that could not be read.
pub(crate) struct Decompressor<'a> {
    codec: Codec<'a>,
    decompressed_bytes: u64,
    bytes_max: u64,
    ratio_max: u64,
    ratio_free_bytes: u64,
}

enum Codec<'a> {
    None(Input<'a>),
    Gzip(Box<MultiGzDecoder<BufReader<Input<'a>>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<Input<'a>>>>),
}

pub(crate) fn open<'a>(
    compression: Compression,
    input: &'a mut dyn Read,
    limits: &Limits,
) -> Result<Decompressor<'a>, FileError> {
    let input = Input { reader: input, bytes: 0, failure: None };
    let codec = match compression {
        Compression::None => Codec::None(input),
        Compression::Gzip => Codec::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(input)))),
        Compression::Zstd => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(BufReader::new(input)).map_err(FileError::Read)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(FileError::Read)?;
            Codec::Zstd(Box::new(decoder))
        }
    };
    Ok(Decompressor {
        codec,
        decompressed_bytes: 0,
        bytes_max: limits.decompressed_bytes_max,
        ratio_max: limits.decompression_ratio_max,
        ratio_free_bytes: limits.decompression_ratio_free_bytes,
    })
}

impl Decompressor<'_> {
    /// Zero at the end. `line` is where the reader stands, for the message.
    pub(crate) fn read(&mut self, buffer: &mut [u8], line: u64) -> Result<usize, FileError> {
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
        if asks_for_too_large_a_window(error) {
            let window_max = 1_u64 << ZSTD_WINDOW_LOG_MAX;
            return Err(FileError::DecompressionLimit {
                compressed_bytes: input.bytes,
                decompressed_bytes: self.decompressed_bytes,
                limit: format!(
                    "a zstd frame asks for a window of more than {window_max} bytes, the limit; \
                     level 19 without --long stays within it"
                ),
            });
        }
        let what = match error.kind() {
            ErrorKind::UnexpectedEof => "ends in the middle".to_owned(),
            _ => format!("is damaged ({error})"),
        };
        let reason = format!("the compressed stream {what}, after {} decompressed bytes", self.decompressed_bytes);
        Err(FileError::Malformed { line, reason })
    }

    fn check_growth(&mut self) -> Result<(), FileError> {
        if matches!(self.codec, Codec::None(_)) {
            return Ok(());
        }
        let (grown, compressed) = (self.decompressed_bytes, self.codec.input().bytes);
        let limit = if grown > self.bytes_max {
            format!("the limit is {} bytes", self.bytes_max)
        } else if grown > self.ratio_free_bytes && grown > compressed.saturating_mul(self.ratio_max) {
            format!("the limit is {} times the compressed size", self.ratio_max)
        } else {
            return Ok(());
        };
        Err(FileError::DecompressionLimit { compressed_bytes: compressed, decompressed_bytes: grown, limit })
    }
}

/// The codec keeps of zstd's error code only its text.
fn asks_for_too_large_a_window(error: &io::Error) -> bool {
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
        }
    }

    fn input(&mut self) -> &mut Input<'a> {
        match self {
            Self::None(input) => input,
            Self::Gzip(decoder) => decoder.get_mut().get_mut(),
            Self::Zstd(decoder) => decoder.get_mut().get_mut(),
        }
    }
}

/// Counts what comes in, and keeps a failure of the input apart from what a codec makes of it.
struct Input<'a> {
    reader: &'a mut dyn Read,
    bytes: u64,
    failure: Option<io::Error>,
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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

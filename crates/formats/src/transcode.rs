//! Converts declared encodings to UTF-8. Invalid bytes fail the file, and nothing is replaced.

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};
use pipeline::Encoding;

use crate::decompress::Decompressor;
use crate::error::FileError;
use crate::limits::Limits;
use crate::signature;

/// The decompressed file as UTF-8. A file in UTF-8 passes unchecked, because each field is checked later.
pub(crate) struct TextSource<'a> {
    decompressor: Decompressor<'a>,
    transcoder: Option<Box<Transcoder>>,
}

impl<'a> TextSource<'a> {
    /// Fails for a file in another format than text.
    pub(crate) fn open(
        mut decompressor: Decompressor<'a>,
        encoding: Encoding,
        limits: &Limits,
    ) -> Result<Self, FileError> {
        signature::check(decompressor.peek()?, encoding)?;
        let transcoder = || Box::new(Transcoder::new(encoding, limits.transcode_block_bytes));
        let transcoder = (encoding != Encoding::Utf8).then(transcoder);
        Ok(Self { decompressor, transcoder })
    }

    /// Returns 0 at the end of the file. Errors contain `line`.
    pub(crate) fn read(&mut self, buffer: &mut [u8], line: u64) -> Result<usize, FileError> {
        match &mut self.transcoder {
            None => self.decompressor.read(buffer, line),
            Some(transcoder) => transcoder.read(&mut self.decompressor, buffer),
        }
    }
}

struct Transcoder {
    encoding: Encoding,
    /// `None` for Latin-1, which needs no state.
    decoder: Option<Decoder>,
    /// One block of the file.
    raw: Vec<u8>,
    block_bytes: usize,
    /// Bytes that the encoding leaves undefined, and its decoder accepts as control characters.
    undefined: [bool; 256],
    /// Offset of the block's end in the file.
    byte_offset: u64,
    /// The block in UTF-8.
    text: Vec<u8>,
    text_at: usize,
    /// Line of the block's first byte.
    line: u64,
    ended: bool,
}

/// A byte order mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrderMark {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl ByteOrderMark {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xef, 0xbb, 0xbf, ..] => Some(Self::Utf8),
            [0xff, 0xfe, ..] => Some(Self::Utf16Le),
            [0xfe, 0xff, ..] => Some(Self::Utf16Be),
            _ => None,
        }
    }
}

impl Transcoder {
    fn new(encoding: Encoding, block_bytes: usize) -> Self {
        Self {
            encoding,
            decoder: None,
            raw: Vec::new(),
            block_bytes,
            undefined: undefined_bytes(encoding),
            byte_offset: 0,
            text: Vec::new(),
            text_at: 0,
            line: 1,
            ended: false,
        }
    }

    fn read(&mut self, source: &mut Decompressor<'_>, buffer: &mut [u8]) -> Result<usize, FileError> {
        while self.text_at == self.text.len() && !self.ended {
            self.next_block(source)?;
        }
        let bytes = buffer.len().min(self.text.len() - self.text_at);
        buffer[..bytes].copy_from_slice(&self.text[self.text_at..][..bytes]);
        self.text_at += bytes;
        Ok(bytes)
    }

    fn next_block(&mut self, source: &mut Decompressor<'_>) -> Result<(), FileError> {
        self.line += line_feeds(&self.text);
        self.raw.resize(self.block_bytes, 0);
        let mut length = 0;
        while length < self.raw.len() && !self.ended {
            let bytes = source.read(&mut self.raw[length..], self.line)?;
            length += bytes;
            self.ended = bytes == 0;
        }
        self.raw.truncate(length);
        if self.byte_offset == 0 && length > 0 {
            self.decoder = self.open()?;
        }
        self.byte_offset += length as u64;
        self.text_at = 0;
        self.decode()
    }

    /// Chooses the decoder. It keeps a correct byte order mark: this becomes the mark of UTF-8, which the window skips.
    fn open(&self) -> Result<Option<Decoder>, FileError> {
        let encoding = match (self.encoding, ByteOrderMark::of(&self.raw)) {
            (Encoding::Utf16 | Encoding::Utf16Le, Some(ByteOrderMark::Utf16Le)) | (Encoding::Utf16Le, None) => UTF_16LE,
            (Encoding::Utf16 | Encoding::Utf16Be, Some(ByteOrderMark::Utf16Be)) | (Encoding::Utf16Be, None) => UTF_16BE,
            (Encoding::Utf16, None) => {
                return Err(
                    self.malformed("no byte order mark, so the byte order (utf-16le or utf-16be) is unknown", 0)
                );
            }
            (_, Some(_)) => return Err(self.malformed("the byte order mark of another encoding", 0)),
            (Encoding::Windows1252, None) => WINDOWS_1252,
            (Encoding::Other(encoding), None) => encoding,
            (Encoding::Utf8 | Encoding::Latin1, None) => return Ok(None),
        };
        Ok(Some(encoding.new_decoder_without_bom_handling()))
    }

    fn decode(&mut self) -> Result<(), FileError> {
        let Some(decoder) = &mut self.decoder else {
            self.text.resize(self.raw.len() * 2, 0);
            let written = encoding_rs::mem::convert_latin1_to_utf8(&self.raw, &mut self.text);
            self.text.truncate(written);
            return Ok(());
        };
        let needed = decoder.max_utf8_buffer_length_without_replacement(self.raw.len());
        self.text.resize(needed.unwrap_or(self.raw.len() * 4), 0);
        let is_undefined = |byte: &u8| self.undefined[usize::from(*byte)];
        let defined = self.raw.iter().position(is_undefined).unwrap_or(self.raw.len());
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(&self.raw[..defined], &mut self.text, self.ended);
        self.text.truncate(written);
        let read_to = self.byte_offset - (self.raw.len() - read) as u64;
        let error_at = match result {
            // The first half of a pair may be in the block before.
            DecoderResult::Malformed(length, after) => Some(read_to - u64::from(after) - u64::from(length)),
            DecoderResult::InputEmpty | DecoderResult::OutputFull => (read < self.raw.len()).then_some(read_to),
        };
        if let Some(error_at) = error_at {
            self.line += line_feeds(&self.text);
            return Err(self.malformed("invalid bytes", error_at));
        }
        if self.ended {
            self.decoder = None;
        }
        Ok(())
    }

    fn malformed(&self, what: &str, byte_offset: u64) -> FileError {
        let encoding = self.encoding.as_str();
        let reason = format!("{what}, at byte {byte_offset} of the file; the dataset declares {encoding}");
        FileError::Malformed { line: self.line, reason }
    }
}

/// Returns the bytes that a Windows code page leaves undefined. The WHATWG Encoding Standard maps some of them to control
/// characters. Tables: <https://www.unicode.org/Public/MAPPINGS/VENDORS/MICSFT/WINDOWS/>.
fn undefined_bytes(encoding: Encoding) -> [bool; 256] {
    let mut undefined = [false; 256];
    let code_page = match encoding {
        Encoding::Windows1252 => WINDOWS_1252,
        Encoding::Other(encoding) if encoding.name().starts_with("windows-") => encoding,
        _ => return undefined,
    };
    for byte in 0x80..=0x9f_u8 {
        let decoded = code_page.decode_without_bom_handling_and_without_replacement(std::slice::from_ref(&byte));
        let control = decoded.is_some_and(|text| text.starts_with(char::from(byte)));
        undefined[usize::from(byte)] = control;
    }
    undefined
}

fn line_feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

//! Reads the one member of a ZIP archive as a stream.
//!
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>. The central directory at the end is not read, because a
//! stream cannot seek: the member's local header and data descriptor have the same facts.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::DeflateDecoder;

use crate::signature::ZIP_MAGIC;

const CENTRAL_MAGIC: &[u8] = b"PK\x01\x02";
const EMPTY_MAGIC: &[u8] = b"PK\x05\x06";
const DESCRIPTOR_MAGIC: &[u8] = b"PK\x07\x08";

const FLAG_ENCRYPTED: u16 = 1;
/// Checksum and sizes follow the data.
const FLAG_DESCRIPTOR: u16 = 1 << 3;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Header of the extra field with sizes of 8 bytes.
const ZIP64: u16 = 1;

pub(crate) struct ZipMember<R: BufRead> {
    /// It also holds the input: headers and stored members are read past the decoder.
    decoder: DeflateDecoder<R>,
    state: MemberState,
    checksum: crc32fast::Hasher,
    bytes: u64,
}

#[derive(Clone, Copy)]
enum MemberState {
    Start,
    Stored { left: u64, header: MemberHeader },
    Deflated { header: MemberHeader },
    Ended,
}

#[derive(Clone, Copy)]
struct MemberHeader {
    has_descriptor: bool,
    checksum: u32,
    bytes: u64,
}

impl<R: BufRead> ZipMember<R> {
    pub(crate) fn new(input: R) -> Self {
        let checksum = crc32fast::Hasher::new();
        Self { decoder: DeflateDecoder::new(input), state: MemberState::Start, checksum, bytes: 0 }
    }

    pub(crate) fn input(&mut self) -> &mut R {
        self.decoder.get_mut()
    }

    /// Reads the local header of the first member.
    fn open(&mut self) -> io::Result<()> {
        let input = self.decoder.get_mut();
        let magic = array::<4>(input)?;
        if magic == EMPTY_MAGIC {
            return Err(unsupported("is empty"));
        }
        if magic != ZIP_MAGIC {
            return Err(invalid("no ZIP member"));
        }
        let fields = array::<26>(input)?;
        let short = |at: usize| u16::from_le_bytes([fields[at], fields[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([fields[at], fields[at + 1], fields[at + 2], fields[at + 3]]);
        let (flags, method) = (short(2), short(4));
        let (mut compressed, mut bytes) = (u64::from(long(14)), u64::from(long(18)));
        let mut name = vec![0; usize::from(short(22))];
        input.read_exact(&mut name)?;
        let mut extra = vec![0; usize::from(short(24))];
        input.read_exact(&mut extra)?;
        if flags & FLAG_ENCRYPTED != 0 {
            return Err(unsupported("is encrypted"));
        }
        if name.ends_with(b"/") {
            return Err(unsupported("has a folder, expected one file: upload the files in it"));
        }
        if let Some((large_bytes, large_compressed)) = zip64_sizes(&extra) {
            if bytes == u64::from(u32::MAX) {
                bytes = large_bytes;
            }
            if compressed == u64::from(u32::MAX) {
                compressed = large_compressed;
            }
        }
        let header = MemberHeader { has_descriptor: flags & FLAG_DESCRIPTOR != 0, checksum: long(10), bytes };
        self.state = match method {
            STORED if header.has_descriptor => return Err(unsupported("has a stored member without its size")),
            STORED => MemberState::Stored { left: compressed, header },
            DEFLATED => MemberState::Deflated { header },
            other => return Err(unsupported(&format!("has compression method {other}, expected deflate"))),
        };
        Ok(())
    }

    /// Checks the member, and that no other member follows.
    fn finish(&mut self, header: MemberHeader) -> io::Result<()> {
        let compressed = self.decoder.total_in();
        let input = self.decoder.get_mut();
        let mut magic = array::<4>(input)?;
        let (mut checksum, mut bytes) = (header.checksum, header.bytes);
        if header.has_descriptor {
            if magic == DESCRIPTOR_MAGIC {
                magic = array(input)?;
            }
            checksum = u32::from_le_bytes(magic);
            bytes = descriptor_bytes(input, self.bytes, compressed)?;
            magic = array(input)?;
        }
        if checksum != self.checksum.clone().finalize() || bytes != self.bytes {
            return Err(invalid(WRONG_CHECKSUM));
        }
        if magic == ZIP_MAGIC {
            return Err(unsupported("has several members: upload the files in it"));
        }
        if magic != CENTRAL_MAGIC {
            return Err(invalid("the ZIP archive has no central directory"));
        }
        self.state = MemberState::Ended;
        Ok(())
    }

    fn count(&mut self, read: &[u8]) -> usize {
        self.checksum.update(read);
        self.bytes += read.len() as u64;
        read.len()
    }
}

impl<R: BufRead> Read for ZipMember<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                MemberState::Start => self.open()?,
                MemberState::Stored { left: 0, header } => self.finish(header)?,
                MemberState::Stored { left, header } => {
                    let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let bytes = self.decoder.get_mut().read(&mut buffer[..wanted])?;
                    if bytes == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                    self.state = MemberState::Stored { left: left - bytes as u64, header };
                    return Ok(self.count(&buffer[..bytes]));
                }
                MemberState::Deflated { header } => match self.decoder.read(buffer)? {
                    0 => self.finish(header)?,
                    bytes => return Ok(self.count(&buffer[..bytes])),
                },
                MemberState::Ended => return Ok(0),
            }
        }
    }
}

const WRONG_CHECKSUM: &str = "checksum or size of the ZIP member differs";

/// Reads the sizes of a data descriptor and returns the decompressed size. They have 4 bytes each, or 8 in an archive
/// for large files; nothing but the known sizes tells which.
#[expect(clippy::cast_possible_truncation, reason = "the short form has the low bits")]
fn descriptor_bytes(input: &mut impl Read, bytes: u64, compressed: u64) -> io::Result<u64> {
    let sizes = array::<8>(input)?;
    let short = [(compressed as u32).to_le_bytes(), (bytes as u32).to_le_bytes()].concat();
    if sizes == *short && compressed >> 32 == 0 && bytes >> 32 == 0 {
        return Ok(bytes);
    }
    if u64::from_le_bytes(sizes) != compressed {
        return Err(invalid(WRONG_CHECKSUM));
    }
    Ok(u64::from_le_bytes(array(input)?))
}

/// Returns the sizes of the extra field for large files: decompressed, compressed.
fn zip64_sizes(mut extra: &[u8]) -> Option<(u64, u64)> {
    while let [a, b, c, d, rest @ ..] = extra {
        let (id, length) = (u16::from_le_bytes([*a, *b]), usize::from(u16::from_le_bytes([*c, *d])));
        let (field, after) = rest.split_at_checked(length)?;
        if id == ZIP64 {
            let (bytes, rest) = field.split_first_chunk::<8>()?;
            let (compressed, _) = rest.split_first_chunk::<8>()?;
            return Some((u64::from_le_bytes(*bytes), u64::from_le_bytes(*compressed)));
        }
        extra = after;
    }
    None
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// [`ErrorKind::Unsupported`] marks an archive that is whole, but has another form.
fn unsupported(what: &str) -> io::Error {
    io::Error::new(ErrorKind::Unsupported, format!("the ZIP archive {what}"))
}

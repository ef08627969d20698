//! Compression that gives the same bytes for the same content, wherever it runs.

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use zlib_rs::{Deflate, DeflateFlush, Status};

/// How parts are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Codec {
    /// Gzip: every tool reads it.
    Gzip,
    /// Zstandard: less CPU for the same size. Athena and Glue read it too. A build without the feature `zstd` knows it by name
    /// alone.
    Zstd,
}

impl Codec {
    /// Whether this build compresses with it.
    pub const fn is_available(self) -> bool {
        match self {
            Self::Gzip => true,
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// A codec at its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Compression {
    /// How.
    pub codec: Codec,
    /// How hard.
    pub level: i32,
}

impl Compression {
    /// A codec at the level that is best for logs: gzip 6, zstd 3.
    pub const fn new(codec: Codec) -> Self {
        let level = match codec {
            Codec::Gzip => 6,
            Codec::Zstd => 3,
        };
        Self { codec, level }
    }

    /// At another level; what the codec does not have is taken to its nearest.
    #[must_use]
    pub fn level(mut self, level: i32) -> Self {
        self.level = match self.codec {
            Codec::Gzip => level.clamp(1, 9),
            Codec::Zstd => level.clamp(1, 19),
        };
        self
    }

    /// What names of compressed files end with.
    pub const fn extension(self) -> &'static str {
        match self.codec {
            Codec::Gzip => "gz",
            Codec::Zstd => "zst",
        }
    }
}

/// Bytes on their way into a part.
pub(crate) enum Encoder {
    Gzip(Gzip),
    #[cfg(feature = "zstd")]
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    pub(crate) fn new(compression: Compression) -> io::Result<Self> {
        match compression.codec {
            Codec::Gzip => Ok(Self::Gzip(Gzip::new(compression.level))),
            #[cfg(feature = "zstd")]
            Codec::Zstd => {
                zstd::stream::write::Encoder::new(Vec::new(), compression.level).map(Self::Zstd)
            }
            #[cfg(not(feature = "zstd"))]
            Codec::Zstd => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this build has no zstd",
            )),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(gzip) => gzip.write(bytes),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => io::Write::write_all(zstd, bytes),
        }
    }

    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(gzip) => gzip.finish(),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => zstd.finish(),
        }
    }
}

/// A gzip member without name and time. It is framed here, over zlib-rs itself, so that no feature of another crate in the
/// build can change the compressor and with it the bytes.
pub(crate) struct Gzip {
    deflate: Deflate,
    out: Vec<u8>,
    crc: u32,
    size: u32,
}

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
const WINDOW_BITS: u8 = 15;
const ROOM: usize = 64 * 1024;

impl Gzip {
    fn new(level: i32) -> Self {
        Self {
            deflate: Deflate::new(level, false, WINDOW_BITS),
            out: HEADER.to_vec(),
            crc: 0,
            size: 0,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc = zlib_rs::crc32::crc32(self.crc, bytes);
        // The format counts modulo 2^32.
        self.size = self.size.wrapping_add(bytes.len() as u32);
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.step(rest, DeflateFlush::NoFlush)?.0;
            rest = &rest[taken..];
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        while self.step(&[], DeflateFlush::Finish)?.1 != Status::StreamEnd {}
        self.out.extend(self.crc.to_le_bytes());
        self.out.extend(self.size.to_le_bytes());
        Ok(self.out)
    }

    fn step(&mut self, bytes: &[u8], flush: DeflateFlush) -> io::Result<(usize, Status)> {
        let filled = self.out.len();
        self.out.resize(filled + ROOM, 0);
        let (before_in, before_out) = (self.deflate.total_in(), self.deflate.total_out());
        let status = self
            .deflate
            .compress(bytes, &mut self.out[filled..], flush)
            .map_err(|error| io::Error::other(error.as_str()))?;
        let written = (self.deflate.total_out() - before_out) as usize;
        self.out.truncate(filled + written);
        Ok(((self.deflate.total_in() - before_in) as usize, status))
    }
}

/// Reads what was compressed, told by the name's end.
///
/// # Errors
/// For a name that no codec has, and for one whose codec this build lacks.
pub(crate) fn decoder<'a>(key: &str, bytes: &'a [u8]) -> io::Result<Box<dyn Read + Send + 'a>> {
    if key.ends_with(".gz") {
        return Ok(Box::new(flate2::read::MultiGzDecoder::new(bytes)));
    }
    #[cfg(feature = "zstd")]
    if key.ends_with(".zst") {
        return Ok(Box::new(zstd::stream::read::Decoder::new(bytes)?));
    }
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "it is compressed in a way that this build cannot read",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(compression: Compression, pieces: &[&[u8]]) -> Vec<u8> {
        let mut encoder = Encoder::new(compression).unwrap();
        for piece in pieces {
            encoder.write(piece).unwrap();
        }
        encoder.finish().unwrap()
    }

    fn unpack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let name = format!("x.{}", compression.extension());
        let mut out = Vec::new();
        decoder(&name, bytes)
            .unwrap()
            .read_to_end(&mut out)
            .unwrap();
        out
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let noise: Vec<u8> = (0..400_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let codecs = [
            Compression::new(Codec::Gzip),
            #[cfg(feature = "zstd")]
            Compression::new(Codec::Zstd),
        ];
        for compression in codecs {
            for content in [&b""[..], b"a line\n", &noise] {
                let packed = pack(compression, &[content]);
                assert_eq!(unpack(compression, &packed), content);
                assert_eq!(pack(compression, &[content]), packed);
            }
        }
    }

    #[test]
    fn gzip_has_no_time_and_no_name() {
        let packed = pack(Compression::new(Codec::Gzip), &[b"x"]);
        assert_eq!(packed[..10], HEADER);
        assert!(decoder("x.lz4", &packed).is_err());
    }
}

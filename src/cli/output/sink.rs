//! Bytes on their way out, in large pieces, to a reader that may go away.
//!
//! `ostrich -e 'SELECT …' | head` closes the pipe after ten lines. That is how `head` says "enough", so it ends the
//! output quietly: a closed [`Sink`] swallows what is written to it, and its writer stops wanting rows.

use std::io::{self, ErrorKind, Write};

use crate::error::{Error, Result};

/// How much is gathered before it is passed on.
const CHUNK: usize = 64 * 1024;

pub(super) struct Sink {
    inner: Box<dyn Write + Send>,
    buffer: Vec<u8>,
    open: bool,
}

impl Sink {
    pub(super) fn new(inner: Box<dyn Write + Send>) -> Self {
        Sink { inner, buffer: Vec::with_capacity(CHUNK + CHUNK / 4), open: true }
    }

    /// False once the reader has gone away.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Where text is appended. Call [`pass_on`](Sink::pass_on) between rows.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Passes the buffer on if it has grown large enough to be worth it.
    pub(super) fn pass_on(&mut self) -> Result<()> {
        if self.buffer.len() >= CHUNK { self.drain().map_err(write_error) } else { Ok(()) }
    }

    /// Passes everything on, as far as the operating system.
    pub(super) fn flush_all(&mut self) -> Result<()> {
        self.flush().map_err(write_error)
    }

    fn drain(&mut self) -> io::Result<()> {
        let result = if self.open { self.inner.write_all(&self.buffer) } else { Ok(()) };
        self.buffer.clear();
        self.settle(result)
    }

    fn settle(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.open = false;
                Ok(())
            }
            other => other,
        }
    }
}

/// For the writers of other crates, which bring their own bytes.
impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.drain()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        let result = if self.open { self.inner.flush() } else { Ok(()) };
        self.settle(result)
    }
}

pub(super) fn write_error(error: impl std::fmt::Display) -> Error {
    Error::storage(format!("cannot write the output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind as Kind;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_closes_the_sink_without_an_error() {
        let mut sink = Sink::new(Box::new(Failing(ErrorKind::BrokenPipe)));
        sink.buffer().extend_from_slice(b"row\n");
        sink.flush_all().expect("a broken pipe is quiet");
        assert!(!sink.is_open());
        sink.write_all(&[b'x'; 3 * CHUNK]).expect("a closed sink swallows");
        assert!(sink.buffer().len() < CHUNK, "and does not hoard");
    }

    #[test]
    fn a_full_disk_is_a_storage_error() {
        let mut sink = Sink::new(Box::new(Failing(ErrorKind::StorageFull)));
        sink.buffer().extend_from_slice(b"row\n");
        let error = sink.flush_all().expect_err("nothing was written");
        assert_eq!(error.kind(), Kind::Storage);
        assert!(error.message().starts_with("cannot write the output: "), "{error}");
        assert!(sink.is_open());
    }
}

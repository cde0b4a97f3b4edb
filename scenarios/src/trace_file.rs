//! A trace in a file: each event a line of JSON, written as it happens.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sim::trace::{Observer, Record};

/// When lines reach the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Some time or other, and all by the end.
    AtTheEnd,
    /// Each at once, so that a file of a program that goes on, or is killed, has all that has happened.
    EachLine,
}

/// Writes each event as a line. Clones write to the same file.
#[derive(Clone, Debug)]
pub struct TraceFile(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    writer: BufWriter<File>,
    flushed: Flushed,
    /// The first error; nothing is written after it.
    outcome: io::Result<()>,
}

impl TraceFile {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// The operating system's.
    pub fn create(path: &Path, flushed: Flushed) -> io::Result<Self> {
        let writer = BufWriter::new(File::create(path)?);
        Ok(Self(Arc::new(Mutex::new(Open { writer, flushed, outcome: Ok(()) }))))
    }

    /// Writes what is still to be written.
    ///
    /// # Errors
    /// The first that there was in writing.
    pub fn finish(&self) -> io::Result<()> {
        let mut open = self.open();
        std::mem::replace(&mut open.outcome, Ok(()))?;
        open.writer.flush()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for TraceFile {
    fn observe(&mut self, _record: &Record, line: &str) {
        let mut open = self.open();
        if open.outcome.is_ok() {
            let written = writeln!(open.writer, "{line}");
            open.outcome = match open.flushed {
                Flushed::AtTheEnd => written,
                Flushed::EachLine => written.and_then(|()| open.writer.flush()),
            };
        }
    }
}

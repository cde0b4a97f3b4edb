//! A trace in a file: each event a line of JSON, written as it happens, and read again.

use std::{
    fs::File,
    io::{self, BufRead, BufWriter, Read, Write},
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

/// The longest line of a trace that is read, bytes; the longest event, a connection's data, has some 90,000.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file is no trace, or none that can be gone by.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the words of the message")]
pub enum Unreadable {
    /// Reading has failed.
    #[error("it can't be read: {0}")]
    Io(#[from] io::Error),
    /// It has something else in it.
    #[error("line {line} is no event of a trace: {why}")]
    NoEvent { line: u64, why: String },
    /// It is not whole.
    #[error("line {line} has event {number} where event {expected} should be: lines are missing or doubled")]
    Gap { line: u64, number: u64, expected: u64 },
    /// It is empty.
    #[error("it has no events")]
    Empty,
}

/// The events of a trace or of a part of one, line by line; after the first error there are no more. What has no event at all is
/// an error too.
pub fn read(input: impl BufRead) -> impl Iterator<Item = Result<Record, Unreadable>> {
    let mut lines = Lines { input, line: 0, expected: None, bytes: Vec::new() };
    let mut is_over = false;
    std::iter::from_fn(move || {
        let read = if is_over { None } else { lines.read_one().transpose() };
        is_over = !matches!(read, Some(Ok(_)));
        read
    })
}

/// What is left of a trace.
struct Lines<I> {
    input: I,
    /// How many have been read.
    line: u64,
    /// The number of the next event.
    expected: Option<u64>,
    bytes: Vec<u8>,
}

impl<I: BufRead> Lines<I> {
    fn read_one(&mut self) -> Result<Option<Record>, Unreadable> {
        self.bytes.clear();
        if (&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.bytes)? == 0 {
            return if self.line == 0 { Err(Unreadable::Empty) } else { Ok(None) };
        }
        self.line += 1;
        let line = self.line;
        let record: Record =
            serde_json::from_slice(&self.bytes).map_err(|e| Unreadable::NoEvent { line, why: e.to_string() })?;
        if let Some(expected) = self.expected.filter(|expected| *expected != record.number) {
            return Err(Unreadable::Gap { line, number: record.number, expected });
        }
        self.expected = Some(record.number.saturating_add(1));
        Ok(Some(record))
    }
}

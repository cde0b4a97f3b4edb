//! Where something stands in a scenario file.
//!
//! A [`Location`] carries its file with it, so that a finding hours of virtual time later can still be
//! shown inside the author's own text. Files are read by the caller; nothing here touches a disk.

use std::{fmt, sync::Arc};

/// One scenario file as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the author would type it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// A stretch of one file.
#[derive(Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: Arc<SourceFile>,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Location {
    pub(crate) fn new(file: &Arc<SourceFile>, span: std::ops::Range<usize>) -> Self {
        let end = span.end.min(file.text.len());
        Self { file: file.clone(), start: span.start.min(end), end }
    }

    /// The first line of a file that says something, for mistakes that have no better place.
    pub(crate) fn first_line(file: &Arc<SourceFile>) -> Self {
        let mut start = 0;
        for line in file.text.split_inclusive('\n') {
            let said = line.trim();
            if !said.is_empty() && !said.starts_with('#') {
                let indent = line.len() - line.trim_start().len();
                return Self::new(file, start + indent..start + indent + said.len());
            }
            start += line.len();
        }
        Self::new(file, 0..0)
    }

    /// From the start of this to the end of `other`, if both stand in one file.
    #[must_use]
    pub fn through(&self, other: &Self) -> Self {
        let end = if self.file == other.file { other.end.max(self.end) } else { self.end };
        Self { file: self.file.clone(), start: self.start, end }
    }

    /// The same place, cut off at the end of its first line.
    #[must_use]
    pub fn on_one_line(&self) -> Self {
        let length = self.text().find(['\n', '\r']).unwrap_or(self.end - self.start);
        Self { file: self.file.clone(), start: self.start, end: self.start + length }
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.file.text.as_bytes()[..self.start].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// The text that stands there.
    #[must_use]
    pub fn text(&self) -> &str {
        self.file.text.get(self.start..self.end).unwrap_or_default()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.name, self.line())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

//! What can be wrong with a field of a CA's renewal information.

choices! {
    /// A field of renewal information (RFC 9773 §4.2, §4.3).
    pub enum AriField("a field of renewal information") {
        /// The window, both ends.
        "suggestedWindow" => Window,
        /// The window's start.
        "suggestedWindow.start" => Start,
        /// The window's end.
        "suggestedWindow.end" => End,
        /// The page for people.
        "explanationURL" => ExplanationUrl,
        /// The header.
        "header:Retry-After" => RetryAfter,
    }

    /// What is wrong with a field.
    pub enum AriFault("a fault of a field") {
        /// It is not there.
        "omitted" => Omitted,
        /// It is null; of the header, the word.
        "null" => Null,
        /// It is of another type than RFC 9773 says.
        "wrong-type" => WrongType,
        /// It is beyond what a reader may have room for: longer than any field, or later than any time.
        "huge" => Huge,
    }
}

//! One direction of an HTTP/1.1 connection, cut into messages (RFC 9112).
//!
//! Bytes go in as they come, whole messages come out. What isn't HTTP makes the stream dead for good,
//! and so does a head of more than 64 KiB. Of a body, the first mebibyte is kept.

use super::http::Headers;

const HEAD_LEN_MAX: usize = 64 * 1024;
const BODY_LEN_MAX: usize = 1024 * 1024;
const FIELDS_MAX: usize = 100;

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Of a request.
    Request { method: String, target: String },
    /// Of a response.
    Response { status: u16 },
}

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) start: Start,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// Which messages a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Requests,
    Responses,
}

#[derive(Debug)]
enum State {
    Head,
    Body(Message, Framing),
    Dead,
}

/// What is left of a body (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    UntilClose,
}

/// Cuts one direction's bytes into messages.
#[derive(Debug)]
pub(super) struct Stream {
    kind: Kind,
    state: State,
    buffer: Vec<u8>,
}

impl Stream {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, state: State::Head, buffer: Vec::new() }
    }

    /// Takes more bytes in.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Dead) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole message. `answers_head` says whether the next response answers a `HEAD` request.
    pub(super) fn next(&mut self, answers_head: bool) -> Option<Message> {
        loop {
            match std::mem::replace(&mut self.state, State::Dead) {
                State::Dead => {
                    self.buffer = Vec::new();
                    return None;
                }
                State::Head => {
                    let (message, framing) = match self.read_head(answers_head) {
                        Head::Whole(message, framing) => (message, framing),
                        Head::Interim => {
                            self.state = State::Head;
                            continue;
                        }
                        Head::Partial => {
                            self.state = State::Head;
                            return None;
                        }
                        Head::Nonsense => continue,
                    };
                    self.state = State::Body(message, framing);
                }
                State::Body(mut message, framing) => match self.read_body(&mut message, framing) {
                    Body::Whole => {
                        self.state = State::Head;
                        return Some(message);
                    }
                    Body::Partial(framing) => {
                        self.state = State::Body(message, framing);
                        return None;
                    }
                    Body::Nonsense => {}
                },
            }
        }
    }

    /// The sender has closed: a message that only that ends is whole now.
    pub(super) fn close(&mut self) -> Option<Message> {
        let state = std::mem::replace(&mut self.state, State::Dead);
        self.buffer = Vec::new();
        if let State::Body(message, Framing::UntilClose) = state { Some(message) } else { None }
    }

    fn read_head(&mut self, answers_head: bool) -> Head {
        // A robust reader ignores empty lines before a message (RFC 9112 §2.2).
        let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.buffer.drain(..blank);
        if self.buffer.is_empty() {
            return Head::Partial;
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let (len, start, headers) = match self.kind {
            Kind::Requests => {
                let mut request = httparse::Request::new(&mut fields);
                match request.parse(&self.buffer) {
                    Ok(httparse::Status::Complete(len)) => {
                        let method = request.method.unwrap_or_default().to_owned();
                        let target = request.path.unwrap_or_default().to_owned();
                        (len, Start::Request { method, target }, Headers::read(request.headers))
                    }
                    Ok(httparse::Status::Partial) => return self.partial_head(),
                    Err(_) => return Head::Nonsense,
                }
            }
            Kind::Responses => {
                let mut response = httparse::Response::new(&mut fields);
                match response.parse(&self.buffer) {
                    Ok(httparse::Status::Complete(len)) => {
                        let status = response.code.unwrap_or_default();
                        (len, Start::Response { status }, Headers::read(response.headers))
                    }
                    Ok(httparse::Status::Partial) => return self.partial_head(),
                    Err(_) => return Head::Nonsense,
                }
            }
        };
        self.buffer.drain(..len);
        let framing = match &start {
            Start::Response { status: 101 } => return Head::Nonsense,
            Start::Response { status: 100..=199 } => return Head::Interim,
            Start::Response { status: 204 | 304 } => Framing::Length(0),
            Start::Response { .. } if answers_head => Framing::Length(0),
            Start::Response { .. } => body_framing(&headers, Framing::UntilClose),
            Start::Request { .. } => body_framing(&headers, Framing::Length(0)),
        };
        Head::Whole(Message { start, headers, body: Vec::new() }, framing)
    }

    fn partial_head(&self) -> Head {
        if self.buffer.len() > HEAD_LEN_MAX { Head::Nonsense } else { Head::Partial }
    }

    fn read_body(&mut self, message: &mut Message, mut framing: Framing) -> Body {
        loop {
            framing = match framing {
                Framing::Length(0) => return Body::Whole,
                Framing::Length(left) => match self.take(message, left) {
                    0 => return Body::Partial(framing),
                    taken => Framing::Length(left - taken),
                },
                Framing::Chunk(0) => Framing::ChunkEnd,
                Framing::Chunk(left) => match self.take(message, left) {
                    0 => return Body::Partial(framing),
                    taken => Framing::Chunk(left - taken),
                },
                Framing::ChunkSize => match httparse::parse_chunk_size(&self.buffer) {
                    Ok(httparse::Status::Complete((line, size))) => {
                        self.buffer.drain(..line);
                        if size == 0 { Framing::Trailers } else { Framing::Chunk(size) }
                    }
                    Ok(httparse::Status::Partial) if self.buffer.len() <= HEAD_LEN_MAX => {
                        return Body::Partial(framing);
                    }
                    Ok(httparse::Status::Partial) | Err(_) => return Body::Nonsense,
                },
                Framing::ChunkEnd => match self.take_line() {
                    Some(0) => Framing::ChunkSize,
                    Some(_) => return Body::Nonsense,
                    None => return Body::Partial(framing),
                },
                Framing::Trailers => match self.take_line() {
                    Some(0) => return Body::Whole,
                    Some(_) => Framing::Trailers,
                    None if self.buffer.len() > HEAD_LEN_MAX => return Body::Nonsense,
                    None => return Body::Partial(framing),
                },
                Framing::UntilClose => {
                    self.take(message, u64::MAX);
                    return Body::Partial(framing);
                }
            };
        }
    }

    /// Moves up to `len_max` bytes into the body and says how many.
    fn take(&mut self, message: &mut Message, len_max: u64) -> u64 {
        let taken = self.buffer.len().min(usize::try_from(len_max).unwrap_or(usize::MAX));
        let kept = taken.min(BODY_LEN_MAX.saturating_sub(message.body.len()));
        message.body.extend_from_slice(&self.buffer[..kept]);
        self.buffer.drain(..taken);
        taken as u64
    }

    /// Drops a line and gives its length without the line end.
    fn take_line(&mut self) -> Option<usize> {
        let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
        let len = self.buffer[..end].strip_suffix(b"\r").map_or(end, <[u8]>::len);
        self.buffer.drain(..=end);
        Some(len)
    }
}

enum Head {
    Whole(Message, Framing),
    Interim,
    Partial,
    Nonsense,
}

enum Body {
    Whole,
    Partial(Framing),
    Nonsense,
}

fn body_framing(headers: &Headers, without: Framing) -> Framing {
    if headers.first("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked")) {
        return Framing::ChunkSize;
    }
    match headers.first("content-length").map(|length| length.trim().parse()) {
        Some(Ok(length)) => Framing::Length(length),
        // The message can't be cut; the rest of the stream is taken as its body.
        Some(Err(_)) => Framing::UntilClose,
        None => without,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in every possible pair of pieces and expects the same bodies each time.
    fn check(kind: Kind, bytes: &str, answers_head: bool, expected: &[&str]) {
        for cut in 0..=bytes.len() {
            let mut stream = Stream::new(kind);
            let mut bodies = Vec::new();
            for piece in [&bytes[..cut], &bytes[cut..]] {
                stream.push(piece.as_bytes());
                while let Some(message) = stream.next(answers_head) {
                    bodies.push(String::from_utf8(message.body).unwrap());
                }
            }
            bodies.extend(stream.close().map(|message| String::from_utf8(message.body).unwrap()));
            assert_eq!(bodies, expected, "cut at {cut}");
        }
    }

    #[test]
    fn pipelined_requests_are_told_apart() {
        let text = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
        check(Kind::Requests, text, false, &["abc", ""]);
    }

    #[test]
    fn a_chunked_body_is_joined_and_its_trailers_dropped() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\nHTTP/1.1 204 No\r\n\r\n";
        check(Kind::Responses, text, false, &["abcde", ""]);
    }

    #[test]
    fn an_answer_to_head_has_no_body_whatever_its_length_says() {
        check(Kind::Responses, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true, &[""]);
    }

    #[test]
    fn interim_answers_are_passed_over_and_close_ends_a_body() {
        check(Kind::Responses, "HTTP/1.1 103 Hi\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest", false, &["rest"]);
    }

    #[test]
    fn a_message_that_is_cut_off_is_none() {
        check(Kind::Responses, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false, &[]);
        check(Kind::Requests, "\u{1}\u{2}not http at all\r\n\r\n", false, &[]);
    }

    #[test]
    fn of_a_body_the_first_mebibyte_is_kept() {
        let mut stream = Stream::new(Kind::Requests);
        stream.push(b"POST / HTTP/1.1\r\nContent-Length: 1200000\r\n\r\n");
        stream.push(&vec![b'x'; 1_200_000]);
        assert_eq!(stream.next(false).map(|message| message.body.len()), Some(1_048_576));
    }

    #[test]
    fn what_is_not_finished_may_be_64_kib_long() {
        let [chunks, trailers] =
            ["", "0\r\n"].map(|begun| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{begun}"));
        for (kind, before, begun, end) in [
            (Kind::Requests, "", "GET / HTTP/1.1\r\nA: ", "\r\n\r\n"),
            (Kind::Responses, "", "HTTP/1.1 204 No\r\nA: ", "\r\n\r\n"),
            (Kind::Responses, &chunks, "1;", "\r\na\r\n0\r\n\r\n"),
            (Kind::Responses, &trailers, "T: ", "\r\n\r\n"),
        ] {
            for (len, is_read) in [(65_536, true), (65_537, false)] {
                let mut stream = Stream::new(kind);
                stream.push(before.as_bytes());
                assert_eq!(stream.next(false), None);
                stream.push(begun.as_bytes());
                stream.push(&vec![b'x'; len - begun.len()]);
                assert_eq!(stream.next(false), None);
                stream.push(end.as_bytes());
                assert_eq!(stream.next(false).is_some(), is_read, "{begun} {len}");
            }
        }
    }
}

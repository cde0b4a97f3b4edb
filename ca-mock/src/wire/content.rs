//! What an answer's bytes are on the wire: all of them, or as many as a fault lets pass before the connection ends.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response,
    body::{Body, Frame, SizeHint},
    header::{CONTENT_LENGTH, HeaderValue},
};

use crate::faults::CutOff;

/// The connection is to be closed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fault rule ends the connection here")]
pub(super) struct Ended;

/// An answer's body.
#[derive(Debug)]
pub(super) enum Content {
    Whole(Full<Bytes>),
    /// What is still to be sent before the end.
    CutOff(Bytes),
    /// All is handed over, and the connection has to send it before it may be ended.
    Sending,
    /// The end has come.
    Over,
}

/// The answer as it is to be sent. `Err` if nothing is to be sent at all.
pub(super) fn of(response: Response<Full<Bytes>>) -> Result<Response<Content>, Ended> {
    let Some(CutOff { after_bytes }) = response.extensions().get().copied() else {
        return Ok(response.map(Content::Whole));
    };
    if after_bytes == 0 {
        return Err(Ended);
    }
    let (mut head, body) = response.into_parts();
    let length = body.size_hint().exact().unwrap_or_default();
    // The header promises the whole, as it does when a connection breaks.
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let passes = usize::try_from(after_bytes.min(length)).unwrap_or(usize::MAX);
    let sent = whole(body).map(|bytes| bytes.slice(..passes.min(bytes.len())));
    Ok(Response::from_parts(head, Content::CutOff(sent.unwrap_or_default())))
}

/// The one frame that such a body has.
fn whole(mut body: Full<Bytes>) -> Option<Bytes> {
    let mut context = Context::from_waker(std::task::Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        Poll::Ready(Some(Err(never))) => match never {},
        Poll::Ready(None) | Poll::Pending => None,
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Ended;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Ended>>> {
        match &mut *self {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::CutOff(rest) => {
                let rest = std::mem::take(rest);
                *self = Self::Sending;
                Poll::Ready(Some(Ok(Frame::data(rest))))
            }
            // hyper sends what it has when a body has nothing for it, and throws it away when a body fails.
            Self::Sending => {
                *self = Self::Over;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Over => Poll::Ready(Some(Err(Ended))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::CutOff(_) | Self::Sending | Self::Over => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::CutOff(_) | Self::Sending | Self::Over => SizeHint::default(),
        }
    }
}

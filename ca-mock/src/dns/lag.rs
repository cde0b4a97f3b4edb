//! [`Lagging`]: zones that take updates at once and show them later, as providers do whose servers hear of changes by
//! and by.

use std::time::Duration;

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Name, RecordType},
};
use sim::Env;

use super::{ZoneHandle, server::AnswerSource, update, zone_handle::Answer};

/// Shows updates so much later.
#[derive(Debug)]
pub(super) struct Lagging {
    pub(super) env: Env,
    pub(super) zones: ZoneHandle,
    pub(super) lag: Duration,
}

impl AnswerSource for Lagging {
    fn answer(&self, name: &Name, kind: RecordType) -> Answer {
        self.zones.answer(name, kind)
    }

    fn change(&self, request: &Message) -> ResponseCode {
        if self.lag.is_zero() {
            return self.zones.change(request);
        }
        if let Err(code) = update::read(request) {
            return code;
        }
        let (env, zones, lag, request) = (self.env.clone(), self.zones.clone(), self.lag, request.clone());
        let later = async move {
            env.sleep(lag).await;
            zones.change(&request);
        };
        self.env.spawn("dns update", later).detach();
        ResponseCode::NoError
    }
}

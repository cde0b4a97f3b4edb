//! Fault rules over loopback sockets: what a client sees, and what the CA has done all the same.

use ca_mock::{Endpoint, Fault, FaultRule, ForcedState, Instead, Matcher};
use hyper::Method;
use sim::UtcDateTime;

use crate::stage::{Stage, Url};

/// None of the rules has a time that begins to run.
const BEGIN: UtcDateTime = UtcDateTime::UNIX_EPOCH;

fn on(endpoint: Endpoint, fault: Fault) -> FaultRule {
    let matcher = Matcher { endpoints: vec![endpoint], ..Matcher::default() };
    FaultRule { matcher, count: Some(1), ..FaultRule::new(endpoint.name().to_ascii_lowercase(), fault) }
}

#[tokio::test]
async fn a_problem_comes_from_the_ca_and_a_page_from_before_it() {
    let stage = Stage::new(|_| {}).await;
    let mut client = stage.client().await;
    client.new_account().await;
    let stale = Instead::Problem { kind: "badNonce".to_owned(), detail: "stale".to_owned() };
    stage
        .ca
        .add_fault(
            on(Endpoint::NewOrder, Fault { instead: Some(stale), is_kept_from_ca: true, ..Fault::default() }),
            BEGIN,
        )
        .unwrap();
    client.new_order(&["a.example"], None).await.assert_problem(400, "badNonce");
    let order = client.new_order(&["a.example"], None).await;
    assert_eq!(order.status, 201);

    let page =
        Fault { instead: Some(Instead::html("<p>")), status: Some(503), is_kept_from_ca: true, ..Fault::default() };
    stage.ca.add_fault(on(Endpoint::Directory, page), BEGIN).unwrap();
    let directory = stage.directory_url.clone();
    let reply = client.get(&directory).await;
    assert_eq!(
        (reply.status, reply.header("content-type"), reply.header("replay-nonce")),
        (503, Some("text/html"), None)
    );
    assert_eq!(client.get(&directory).await.status, 200);

    let invalid = Fault { state: Some(ForcedState::Invalid), ..Fault::default() };
    stage.ca.add_fault(on(Endpoint::Order, invalid), BEGIN).unwrap();
    let url = Url(order.header("location").unwrap().to_owned());
    assert_eq!(client.post(&url, None).await.json()["status"], "invalid");
}

#[tokio::test]
async fn a_connection_ends_before_or_amid_an_answer() {
    let stage = Stage::new(|_| {}).await;
    let client = stage.client().await;
    let directory = stage.directory_url.clone();
    for (bytes, arrives) in [(0, None), (20, Some(20))] {
        stage
            .ca
            .add_fault(on(Endpoint::Directory, Fault { cut_off_after_bytes: Some(bytes), ..Fault::default() }), BEGIN)
            .unwrap();
        assert_eq!(client.bytes_until_cut_off(Method::GET, &directory).await, arrives);
    }
    assert_eq!(client.get(&directory).await.status, 200);
}

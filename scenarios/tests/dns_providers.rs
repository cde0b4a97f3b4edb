//! The providers of TXT records against the servers that they are for, over real sockets: what one presents stands beside
//! what is there already, and only that is removed again.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use ca_mock::{
    challenge_test_server::{ChallengeTestServer, Role},
    dns::{DnsServer, Zone, ZoneHandle},
};
use client_under_test::manager::{
    DnsProvider,
    dns01::{TxtRecord, challtestsrv::Challtestsrv, update::DnsUpdate},
};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{Name, RData, RecordType},
};
use sim::{Env, real};

const NAME: &str = "_acme-challenge.a.test";

async fn two_values_come_and_go(env: &Env, provider: &dyn DnsProvider, dns: SocketAddr) {
    let [one, two] = ["one", "two"].map(|value| TxtRecord { name: NAME.to_owned(), value: value.to_owned() });
    // Each change may be made again.
    for record in [&one, &two, &two] {
        provider.present(env, record).await.unwrap();
    }
    assert_eq!(texts(env, dns).await, ["one", "two"]);
    for _ in 0..2 {
        provider.clean_up(env, &one).await.unwrap();
        assert_eq!(texts(env, dns).await, ["two"]);
    }
    provider.clean_up(env, &two).await.unwrap();
    assert!(texts(env, dns).await.is_empty());
}

async fn texts(env: &Env, server: SocketAddr) -> Vec<String> {
    let socket = env.bind_udp((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let mut question = Message::new(7, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(Name::from_ascii(format!("{NAME}.")).unwrap(), RecordType::TXT));
    socket.send_to(&question.to_vec().unwrap(), server).await.unwrap();
    let mut buffer = [0; 1_232];
    let (len, _) = env.timeout(Duration::from_secs(10), socket.receive_from(&mut buffer)).await.unwrap().unwrap();
    let answer = Message::from_vec(&buffer[..len]).unwrap();
    let mut texts: Vec<String> = answer
        .answers
        .iter()
        .filter_map(|record| if let RData::TXT(txt) = &record.data { Some(txt.txt_data.concat()) } else { None })
        .map(|text| String::from_utf8(text).unwrap())
        .collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn dns_update_at_an_authoritative_server() {
    let env = real::env("providers", real::Options::default());
    let zones = ZoneHandle::new(vec![Zone::parse("test", "a A 192.0.2.1").unwrap()]);
    let server = DnsServer::bind_lagging(&env, (Ipv4Addr::LOCALHOST, 0).into(), zones, Duration::ZERO).await.unwrap();
    let address = server.local_address().unwrap();
    let _serving = env.spawn("dns", server.serve());
    two_values_come_and_go(&env, &DnsUpdate { server: address }, address).await;
    let outside = TxtRecord { name: "_acme-challenge.elsewhere.example".into(), value: "one".into() };
    assert!(DnsUpdate { server: address }.present(&env, &outside).await.is_err());
}

#[tokio::test]
async fn the_management_api_of_a_challenge_test_server() {
    let env = real::env("providers", real::Options::default());
    let server = ChallengeTestServer::new(&env, None, None, None);
    let localhost = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let dns = server.bind(Role::Dns, localhost).await.unwrap();
    let management = server.bind(Role::Management, localhost).await.unwrap();
    let (address, api) = (dns.local_address().unwrap(), management.local_address().unwrap());
    let _serving = (env.spawn("dns", dns.serve()), env.spawn("management", management.serve()));
    two_values_come_and_go(&env, &Challtestsrv::new(api), address).await;
}

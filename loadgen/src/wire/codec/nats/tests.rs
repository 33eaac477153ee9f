//! What is written and read of NATS, literally.

use serde_json::json;

use super::{REQUEST_BITS, inbox};
use crate::wire::codec::{Message, Payload, Serializer, Template, decode, encode};

fn written(template: &Template, id: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = b"before".to_vec();
    template.write(id, Payload { raw: payload, items: 1 }, &mut out);
    out.split_off(6)
}

fn parse(frame: &[u8]) -> Option<Message<'_>> {
    Message::parse(Serializer::Nats, frame)
}

#[test]
fn a_call_and_its_answer_are_publications_of_any_length() {
    let call = Template::publish(Some("com.echo"), &inbox("r1"));
    let answer = Template::publish(None, &inbox("r1"));
    for length in [0, 1, 9, 10, 99, 100, 256, 999, 1000, 70_000] {
        let payload = vec![b'\n'; length];
        for (caller, request) in [(0, 1), (7, 10), ((1 << 24) - 1, (1 << 40) - 1)] {
            let id = caller << REQUEST_BITS | request;
            let reply = format!("_INBOX.r1-{caller}.{request}");
            let wanted = |head: String| [head.as_bytes(), &payload, b"\r\n"].concat();
            assert_eq!(written(&call, id, &payload), wanted(format!("PUB com.echo {reply} {length}\r\n")));
            assert_eq!(written(&answer, id, &payload), wanted(format!("PUB {reply} {length}\r\n")));

            let there = [format!("MSG com.echo 12 {reply} {length}\r\n").as_bytes(), &payload].concat();
            let Some(Message::Invocation { request: seen, payload: carried, .. }) = parse(&there) else { panic!() };
            assert_eq!((seen, carried.first_text(Serializer::Nats)), (id, Some(&*payload)));

            let back = [format!("MSG {reply} 1 {length}\r\n").as_bytes(), &payload].concat();
            let Some(Message::Result { request: seen, payload: carried, .. }) = parse(&back) else { panic!() };
            assert_eq!((seen, carried.first_text(Serializer::Nats)), (request, Some(&*payload)));
        }
    }
}

#[test]
fn an_error_is_an_end_with_its_reason() {
    let Some(Message::Abort { reason }) = parse(b"-ERR 'Authorization Violation'") else { panic!() };
    assert_eq!(reason, b"'Authorization Violation'");
}

#[test]
fn what_nobody_awaits_is_no_message() {
    for frame in [
        &b"MSG com.echo 1 5\r\nhello"[..],
        b"MSG com.echo 1 elsewhere 5\r\nhello",
        b"MSG com.echo 1 _INBOX.r1-16777216.1 5\r\nhello",
        b"MSG com.echo 1 _INBOX.r1-1.1099511627776 5\r\nhello",
        b"MSG com.echo 1 _INBOX.r1-1.99999999999999999999 5\r\nhello",
        b"MSG _INBOX.r1-1.x 1 5\r\nhello",
        b"MSG _INBOX.r1-1. 1 5\r\nhello",
        b"MSG",
        b"",
    ] {
        assert!(parse(frame).is_none(), "{}", String::from_utf8_lossy(frame));
    }
}

#[test]
fn each_request_is_followed_by_the_ping_that_confirms_it() {
    let said = |message| {
        let mut out = Vec::new();
        encode(Serializer::Nats, &message, &mut out);
        String::from_utf8(out).expect("it is text")
    };
    assert_eq!(said(json!([64, 3, {}, "com.echo"])), "SUB com.echo 3\r\nPING\r\n");
    assert_eq!(said(json!([64, 3, {"invoke": "random"}, "com.echo"])), "SUB com.echo loadgen 3\r\nPING\r\n");
    assert_eq!(said(json!([32, 1, {}, "_INBOX.r1-0.*"])), "SUB _INBOX.r1-0.* 1\r\nPING\r\n");
    let hello = said(json!([1, "realm1", {"agent": "me"}]));
    let options =
        hello.strip_prefix("CONNECT ").and_then(|it| it.strip_suffix("\r\nPING\r\n")).expect("both are there");
    let options = decode(Serializer::Json, options.as_bytes()).expect("the options are JSON");
    assert_eq!(
        (&options["verbose"], &options["pedantic"], &options["name"]),
        (&json!(false), &json!(false), &json!("me"))
    );
}

//! Heads found and read, pages and refusals answered.

use super::{HeadScanner, Refusal, Request, answer, may_begin};

const GET: &[u8] = b"GET /healthz?x=1 HTTP/1.1\r\nHost: a\r\nX-List: a, b ,,\r\nx-list: c\r\n\r\n";

fn get(path: &str) -> String {
    text(answer(&Request::parse(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap(), "wamp.2.json", true))
}

fn text(response: Vec<u8>) -> String {
    String::from_utf8(response).unwrap()
}

/// The head is found at its last byte, however it arrives, and not before.
#[test]
fn a_head_ends_at_its_empty_line() {
    for step in 1..GET.len() {
        let mut scanner = HeadScanner::default();
        for arrived in (0..GET.len()).step_by(step) {
            assert_eq!(scanner.find(&GET[..arrived], 1024), Ok(None), "{arrived} by {step}");
        }
        assert_eq!(scanner.find(GET, 1024), Ok(Some(GET.len())));
    }
    let with_more = [GET, b"\x81\x80more\r\n\r\n"].concat();
    assert_eq!(HeadScanner::default().find(&with_more, 1024), Ok(Some(GET.len())));
    assert_eq!(HeadScanner::default().find(b"GET / HTTP/1.1\n\n", 1024), Ok(Some(16)));
}

#[test]
fn a_head_beyond_its_limit_is_refused_with_431() {
    let long = [b"GET / HTTP/1.1\r\nX: ", &[b'x'; 2000][..]].concat();
    for arrived in 1..100 {
        assert_eq!(HeadScanner::default().find(&long[..arrived], 100), Ok(None));
    }
    assert_eq!(HeadScanner::default().find(&long[..100], 100), Err(Refusal::HeadTooLong));
    assert_eq!(HeadScanner::default().find(GET, GET.len() - 1), Err(Refusal::HeadTooLong));
    assert_eq!(HeadScanner::default().find(GET, GET.len()), Ok(Some(GET.len())));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(101));
    assert_eq!(Request::parse(many.as_bytes()).unwrap_err(), Refusal::HeadTooLong);
}

/// RAW-7: what cannot become a request is refused at its first wrong byte.
#[test]
fn bytes_that_are_no_request_are_refused_at_once() {
    let foreign: [&[u8]; 6] = [b"\x16\x03\x01", b"\x10\x04MQTT", b"get /", b" ", b"GET\t", b"AAAAAAAAAAAAAAAA"];
    for bytes in foreign {
        assert_eq!(HeadScanner::default().find(bytes, 1024), Err(Refusal::Malformed), "{bytes:?}");
    }
    assert!(may_begin(b'G') && !may_begin(0x16) && !may_begin(0x7f) && !may_begin(b'g'));
}

#[test]
fn fields_are_lists_in_any_case_and_over_several_lines() {
    let request = Request::parse(GET).unwrap();
    assert_eq!((request.method, request.path, request.is_1_1), ("GET", "/healthz", true));
    assert_eq!(request.elements("x-LIST").collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((request.only("host"), request.only("X-List"), request.only("none")), (Some("a"), None, None));
}

#[test]
fn healthz_says_ok() {
    let response = get("/healthz");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\nConnection: close\r\n"), "{response}");
    assert!(response.contains("Content-Length: 3\r\n") && response.ends_with("\r\n\r\nok\n"), "{response}");
    let head = text(answer(&Request::parse(b"HEAD /healthz HTTP/1.0\r\n\r\n").unwrap(), "", true));
    assert!(head.contains("Content-Length: 3\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn other_pages_tell_people_what_this_is() {
    assert!(get("/").starts_with("HTTP/1.1 200 ") && get("/").contains("wamp.2.json"));
    assert!(get("/ws").starts_with("HTTP/1.1 426 ") && get("/ws").contains("Upgrade: websocket\r\n"));
    assert!(get("/favicon.ico").starts_with("HTTP/1.1 404 "));
    let post = text(answer(&Request::parse(b"POST / HTTP/1.1\r\n\r\n").unwrap(), "", true));
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("Allow: GET, HEAD\r\n"), "{post}");
}

#[test]
fn random_bytes_never_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..20_000 {
        let mut input = GET.to_vec();
        for _ in 0..rng.usize(0..4) {
            let at = rng.usize(..input.len());
            input[at] = rng.u8(..);
        }
        if let Ok(Some(length)) = HeadScanner::default().find(&input, 64) {
            assert!(length <= 64);
            if let Ok(request) = Request::parse(&input[..length]) {
                answer(&request, "", true);
            }
        }
    }
}

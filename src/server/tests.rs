use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Server;
use crate::config::Config;
use crate::transport::listener::Address;

fn start() -> (Server, impl Fn() -> TcpStream) {
    let mut config = Config::default_config().unwrap();
    config.listen = vec![Address::Tcp("127.0.0.1:0".parse().unwrap())];
    let server = Server::start(config).unwrap();
    let Address::Tcp(address) = server.addresses()[0].clone() else { panic!("a TCP address") };
    let join = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"\x7f\xf1\0\0").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        say(&mut stream, r#"[1,"realm1",{"roles":{"caller":{},"callee":{}}}]"#);
        assert!(hear(&mut stream).starts_with("[2,"));
        stream
    };
    (server, join)
}

fn say(stream: &mut TcpStream, message: &str) {
    stream.write_all(&[&(message.len() as u32).to_be_bytes()[..], message.as_bytes()].concat()).unwrap();
}

fn hear(stream: &mut TcpStream) -> String {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// A fault of ours in the realm costs the connection it happened in, what that held, and nothing else.
#[test]
fn a_panic_costs_one_connection() {
    let (server, join) = start();
    let mut bystander = join();
    let mut victim = join();
    say(&mut victim, r#"[64,1,{},"a.held"]"#);
    assert!(hear(&mut victim).starts_with("[65,1,"));
    say(&mut bystander, r#"[48,1,{},"a.held"]"#);
    assert!(hear(&mut victim).starts_with("[68,1,"));
    say(&mut victim, r#"[48,2,{},"test.panic"]"#);
    assert_eq!(victim.read(&mut [0; 1]).unwrap_or(0), 0, "the connection is closed");
    assert!(hear(&mut bystander).starts_with(r#"[8,48,1,{},"wamp.error.canceled""#));
    say(&mut bystander, r#"[64,2,{},"a.held"]"#);
    assert!(hear(&mut bystander).starts_with("[65,2,"));
    drop((bystander, join()));
    server.shutdown();
    server.wait().unwrap();
}

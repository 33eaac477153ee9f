//! A small NATS server that can be told to misbehave: one table of subscriptions, a thread per connection.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How it misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// Not at all.
    None,
    /// Each so many-th answer carries another payload.
    WrongAnswer(u64),
    /// Each so many-th answer comes twice.
    DoubleAnswer(u64),
    /// Each so many-th answer is lost.
    NoAnswer(u64),
    /// All connections close after so many messages.
    CloseAfter(u64),
    /// A publisher gets `-ERR` after so many messages.
    ErrorAfter(u64),
    /// CONNECT is refused.
    Refuse,
    /// INFO demands TLS.
    Tls,
    /// It begins with something else than INFO.
    Stranger,
    /// It says nothing.
    Mute,
}

/// Who takes what: subject, queue group, connection and subscription id.
struct Subscription {
    subject: String,
    queue: Option<String>,
    connection: u64,
    sid: String,
}

struct Server {
    quirk: Quirk,
    writers: HashMap<u64, TcpStream>,
    subscriptions: Vec<Subscription>,
    messages: u64,
    answers: u64,
}

/// Listens on a free port until the test process ends; its URL.
pub fn start(quirk: Quirk) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("nats://{}", listener.local_addr().expect("it listens"));
    let empty = Server { quirk, writers: HashMap::new(), subscriptions: Vec::new(), messages: 0, answers: 0 };
    let server = Arc::new(Mutex::new(empty));
    std::thread::spawn(move || {
        for (stream, connection) in listener.incoming().map_while(Result::ok).zip(0..) {
            let server = Arc::clone(&server);
            std::thread::spawn(move || converse(stream, connection, &server, quirk));
        }
    });
    url
}

/// Serves one connection. An end of it is no failure: the generator closes as it likes.
fn converse(stream: TcpStream, connection: u64, server: &Mutex<Server>, quirk: Quirk) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let info = match quirk {
        Quirk::Mute => "",
        Quirk::Stranger => "220 mail.example.com ESMTP\r\n",
        Quirk::Tls => "INFO {\"version\":\"0.1\",\"tls_required\":true}\r\n",
        _ => "INFO {\"version\":\"0.1\",\"max_payload\":1048576}\r\n",
    };
    writer.write_all(info.as_bytes()).ok()?;
    server.lock().expect("no panic under the lock").writers.insert(connection, writer.try_clone().ok()?);
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 0 {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let mut server = server.lock().expect("no panic under the lock");
        match words[..] {
            ["CONNECT", ..] if quirk == Quirk::Refuse => {
                writer.write_all(b"-ERR 'Authorization Violation'\r\n").ok()?;
                return writer.shutdown(Shutdown::Both).ok();
            }
            ["CONNECT", ..] => assert!(line.contains("\"verbose\":false"), "{line}"),
            // A PING of its own now and then, which must be answered and must not disturb.
            ["PING"] => writer.write_all(b"PING\r\nPONG\r\n").ok()?,
            ["PONG"] => (),
            ["SUB", subject, sid] => server.subscribe(connection, subject, None, sid),
            ["SUB", subject, queue, sid] => server.subscribe(connection, subject, Some(queue), sid),
            ["PUB", subject, length] | ["PUB", subject, _, length] => {
                let mut payload = vec![0; length.parse::<usize>().expect("a length") + 2];
                reader.read_exact(&mut payload).ok()?;
                assert!(payload.ends_with(b"\r\n"));
                let reply = if words.len() == 4 { words[2] } else { "" };
                server.publish(connection, subject, reply, &payload);
            }
            _ => panic!("the generator sent {line}"),
        }
        drop(server);
        line.clear();
    }
    Some(())
}

/// Whether a subject is what was subscribed; of patterns those that end with `*` or `>`.
fn matches(pattern: &str, subject: &str) -> bool {
    if let Some(front) = pattern.strip_suffix('>') {
        return subject.starts_with(front);
    }
    match pattern.strip_suffix('*') {
        Some(front) => subject.strip_prefix(front).is_some_and(|rest| !rest.contains('.')),
        None => pattern == subject,
    }
}

impl Server {
    fn subscribe(&mut self, connection: u64, subject: &str, queue: Option<&str>, sid: &str) {
        let (subject, queue, sid) = (subject.to_owned(), queue.map(str::to_owned), sid.to_owned());
        self.subscriptions.push(Subscription { subject, queue, connection, sid });
    }

    fn publish(&mut self, publisher: u64, subject: &str, reply: &str, payload: &[u8]) {
        self.messages += 1;
        let mut copies = 1;
        let mut payload = payload.to_vec();
        if reply.is_empty() {
            self.answers += 1;
            match self.quirk {
                Quirk::WrongAnswer(each) if self.answers % each == 0 => payload[0] ^= 1,
                Quirk::DoubleAnswer(each) if self.answers % each == 0 => copies = 2,
                Quirk::NoAnswer(each) if self.answers % each == 0 => copies = 0,
                _ => (),
            }
        }
        match self.quirk {
            Quirk::CloseAfter(messages) if self.messages == messages => {
                return self.writers.values().for_each(|writer| drop(writer.shutdown(Shutdown::Both)));
            }
            Quirk::ErrorAfter(messages) if self.messages == messages => {
                let _ = self.writers[&publisher].try_clone().map(|mut it| it.write_all(b"-ERR 'Slow Consumer'\r\n"));
                return;
            }
            _ => (),
        }
        for _ in 0..copies {
            self.deliver(subject, reply, &payload);
        }
    }

    /// To each subscription, and to one of each queue group in turn.
    fn deliver(&mut self, subject: &str, reply: &str, payload: &[u8]) {
        let found: Vec<&Subscription> = self.subscriptions.iter().filter(|it| matches(&it.subject, subject)).collect();
        let chosen = match found.first() {
            Some(first) if first.queue.is_some() => vec![found[self.messages as usize % found.len()]],
            _ => found,
        };
        let reply = if reply.is_empty() { String::new() } else { format!("{reply} ") };
        for it in chosen {
            let head = format!("MSG {subject} {} {reply}{}\r\n", it.sid, payload.len() - 2);
            let _ = self.writers[&it.connection]
                .try_clone()
                .map(|mut to| to.write_all(&[head.as_bytes(), payload].concat()));
        }
    }
}

//! How the stub reads and writes: RawSocket, or WebSocket with one message or a batch in each frame. All of it JSON.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::Value;
use tungstenite::WebSocket;
use tungstenite::handshake::server::{Request, Response};

/// What a connection's frames are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    RawSocket,
    WebSocket,
    Batched,
}

/// The reading side.
pub enum Reader {
    RawSocket(TcpStream),
    WebSocket(Box<WebSocket<TcpStream>>),
}

/// The writing side.
pub struct Writer {
    stream: TcpStream,
    shape: Shape,
}

/// Shakes hands; `None` if the peer wants what the stub has not.
pub fn accept(mut stream: TcpStream) -> Option<(Reader, Writer)> {
    let mut first = [0];
    stream.peek(&mut first).ok()?;
    let writer = stream.try_clone().ok()?;
    if first[0] == 0x7f {
        let mut hello = [0; 4];
        stream.read_exact(&mut hello).ok()?;
        if hello[1] & 0x0f != 1 {
            stream.write_all(&[0x7f, 0x10, 0, 0]).ok()?;
            return None;
        }
        stream.write_all(&[0x7f, 0xf1, 0, 0]).ok()?;
        return Some((Reader::RawSocket(stream), Writer { stream: writer, shape: Shape::RawSocket }));
    }
    let mut shape = Shape::WebSocket;
    #[allow(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let agree = |request: &Request, mut response: Response| {
        let protocol = request.headers()["Sec-WebSocket-Protocol"].clone();
        if protocol == "wamp.2.json.batched" {
            shape = Shape::Batched;
        }
        response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        Ok(response)
    };
    let socket = tungstenite::accept_hdr(stream, agree).ok()?;
    Some((Reader::WebSocket(Box::new(socket)), Writer { stream: writer, shape }))
}

impl Reader {
    /// The messages of the next frame; `None` at the end.
    pub fn read(&mut self) -> Option<Vec<Value>> {
        let body = match self {
            Reader::RawSocket(stream) => {
                let mut prefix = [0; 4];
                stream.read_exact(&mut prefix).ok()?;
                let mut body = vec![0; u32::from_be_bytes(prefix) as usize];
                stream.read_exact(&mut body).ok()?;
                body
            }
            Reader::WebSocket(socket) => socket.read().ok()?.into_data().to_vec(),
        };
        let parts = body.split(|&octet| octet == 0x1e).filter(|part| !part.is_empty());
        Some(parts.map(|part| serde_json::from_slice(part).expect("the generator writes JSON")).collect())
    }
}

impl Writer {
    /// Writes a message. A peer that has gone takes nothing.
    pub fn write(&mut self, message: &Value) {
        let mut body = message.to_string().into_bytes();
        if self.shape == Shape::Batched {
            body.push(0x1e);
        }
        let length = body.len();
        let mut frame = match (self.shape, length) {
            (Shape::RawSocket, _) => (length as u32).to_be_bytes().to_vec(),
            (_, 0..=125) => vec![0x81, length as u8],
            (_, 126..=0xffff) => vec![0x81, 126, (length >> 8) as u8, length as u8],
            _ => [&[0x81, 127][..], &(length as u64).to_be_bytes()].concat(),
        };
        frame.extend_from_slice(&body);
        let _ = self.stream.write_all(&frame);
    }

    /// Closes the connection.
    pub fn close(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

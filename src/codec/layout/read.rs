//! What clients send, message by message.

use super::elements::{Elements, Fault, illegal};
use super::{code, hello, options};
use crate::codec::token::{Container, Malformed, Reader};
use crate::wamp::{ClientMessage, Encoding, Violation};

/// Reads the one message that `bytes` hold.
///
/// One function for each encoding, with the whole layout in it: a message is built where the caller wants it, and not
/// handed from function to function.
#[inline(never)]
pub(in crate::codec) fn read<'a, R: Reader<'a>>(
    encoding: Encoding,
    bytes: &'a [u8],
    max_depth: usize,
) -> Result<ClientMessage<'a>, Violation> {
    let mut reader = R::new(bytes).map_err(|why| malformed(encoding, why, 0))?;
    match message(encoding, &mut reader, max_depth) {
        Ok(message) => Ok(message),
        Err(Fault::Illegal(violation)) => Err(*violation),
        Err(Fault::Malformed(why)) => Err(malformed(encoding, why, reader.position())),
    }
}

#[cold]
fn malformed(encoding: Encoding, why: Malformed, at: usize) -> Violation {
    Violation(format!("malformed {} near byte {at}: {}", encoding.as_str(), why.as_str()))
}

#[inline(always)]
fn message<'a, R: Reader<'a>>(
    encoding: Encoding,
    reader: &mut R,
    max_depth: usize,
) -> Result<ClientMessage<'a>, Fault> {
    let room = max_depth.checked_sub(1).ok_or(Malformed::TooDeep)?;
    let mut list = begin(reader)?;
    let code = match reader.more(&mut list)? {
        true => reader.uint()?.ok_or_else(|| illegal("the first element must be the message code".to_owned()))?,
        false => return Err(illegal("a message must not be an empty list".to_owned())),
    };
    let mut elements = Elements { reader, encoding, code, list, room };
    let message = body(code, &mut elements)?;
    elements.end()?;
    Ok(message)
}

#[inline(always)]
fn begin<'a, R: Reader<'a>>(reader: &mut R) -> Result<Container, Fault> {
    let kind = reader.peek()?;
    match reader.container()? {
        Some(list) if !list.map => Ok(list),
        _ => Err(illegal(format!("a message must be a list, not {}", kind.as_str()))),
    }
}

/// The elements behind the code, in their order.
#[inline(always)]
fn body<'a, R: Reader<'a>>(code: u64, m: &mut Elements<'_, R>) -> Result<ClientMessage<'a>, Fault> {
    Ok(match code {
        code::CALL => call(m)?,
        code::YIELD => r#yield(m)?,
        code::PUBLISH => publish(m)?,
        code::REGISTER => {
            let (request, options) = (m.id("Request")?, options::register(m)?);
            ClientMessage::Register { request, options, procedure: m.text("Procedure")? }
        }
        code::UNREGISTER => {
            // Routers add Options among themselves.
            let (request, registration) = (m.id("Request")?, m.id("Registration")?);
            m.optional_map("Options")?;
            ClientMessage::Unregister { request, registration }
        }
        code::SUBSCRIBE => {
            let (request, options) = (m.id("Request")?, options::subscribe(m)?);
            ClientMessage::Subscribe { request, options, topic: m.text("Topic")? }
        }
        code::UNSUBSCRIBE => {
            let (request, subscription) = (m.id("Request")?, m.id("Subscription")?);
            m.optional_map("Options")?;
            ClientMessage::Unsubscribe { request, subscription }
        }
        code::CANCEL => ClientMessage::Cancel { request: m.id("Request")?, mode: options::cancel(m)? },
        code::ERROR => error(m)?,
        code::EVENT_RECEIVED | code::EVENT_RECEIVED_PROVISIONAL => {
            ClientMessage::EventReceived { publication: m.id("Publication")? }
        }
        _ => opening_or_closing(code, m)?,
    })
}

#[inline(always)]
fn call<'a, R: Reader<'a>>(m: &mut Elements<'_, R>) -> Result<ClientMessage<'a>, Fault> {
    let request = m.id("Request")?;
    let options = options::call(m)?;
    let procedure = m.text("Procedure")?;
    let payload = m.payload(options::is_transparent(&options.passthru))?;
    Ok(ClientMessage::Call { request, options, procedure, payload })
}

#[inline(always)]
fn r#yield<'a, R: Reader<'a>>(m: &mut Elements<'_, R>) -> Result<ClientMessage<'a>, Fault> {
    let request = m.id("Request")?;
    let options = options::r#yield(m)?;
    let payload = m.payload(options::is_transparent(&options.passthru))?;
    Ok(ClientMessage::Yield { request, options, payload })
}

#[inline]
fn publish<'a, R: Reader<'a>>(m: &mut Elements<'_, R>) -> Result<ClientMessage<'a>, Fault> {
    let request = m.id("Request")?;
    let options = options::publish(m)?;
    let topic = m.text("Topic")?;
    let payload = m.payload(options::is_transparent(&options.passthru))?;
    Ok(ClientMessage::Publish { request, options, topic, payload })
}

fn error<'a, R: Reader<'a>>(m: &mut Elements<'_, R>) -> Result<ClientMessage<'a>, Fault> {
    match m.uint("Type")? {
        code::INVOCATION => {}
        other => return Err(illegal(format!("a client's ERROR.Type must be 68 (INVOCATION), not {other}"))),
    }
    let request = m.id("Request")?;
    let passthru = options::error(m)?;
    let error = m.text("Error")?;
    let payload = m.payload(options::is_transparent(&passthru))?;
    Ok(ClientMessage::Error { request, passthru, error, payload })
}

fn opening_or_closing<'a, R: Reader<'a>>(code: u64, m: &mut Elements<'_, R>) -> Result<ClientMessage<'a>, Fault> {
    Ok(match code {
        code::HELLO => ClientMessage::Hello { realm: m.text_or_null("Realm")?, details: hello::hello(m)? },
        code::AUTHENTICATE => {
            ClientMessage::Authenticate { signature: m.text("Signature")?, extra: m.raw_map("Extra")? }
        }
        code::ABORT => {
            m.any_map("Details")?;
            let reason = m.text("Reason")?;
            m.payload(false)?;
            ClientMessage::Abort { reason }
        }
        code::GOODBYE => {
            m.any_map("Details")?;
            ClientMessage::Goodbye { reason: m.text("Reason")? }
        }
        _ => return Err(unexpected(code)),
    })
}

/// A code that no client may send (GEN-1, GEN-10).
#[cold]
fn unexpected(code: u64) -> Fault {
    match code::name(code) {
        Some(name) => illegal(format!("{name} ({code}) is sent by routers, never by clients")),
        None => illegal(format!("{code} is no message code")),
    }
}

//! What a message asks for, from its first bytes: for looking ahead, not for deciding anything.

use std::borrow::Cow;

use super::elements::{Elements, Fault};
use super::entries::{Path, entries};
use super::{code, options};
use crate::codec::token::Reader;
use crate::wamp::{Encoding, Glimpse, Policy, uri};

/// How many levels of lists and maps are looked into.
const ROOM: usize = 8;

/// What the message asks for that begins with `head`. `None` for all other messages, and for whatever is unusual: a
/// head that ends within the URI, a URI with escapes, no message at all.
#[inline(never)]
pub(in crate::codec) fn glimpse<'a, R: Reader<'a>>(encoding: Encoding, head: &'a [u8]) -> Option<Glimpse<'a>> {
    let mut reader = R::new(head).ok()?;
    let mut list = reader.container().ok()?.filter(|list| !list.map)?;
    let code = reader.more(&mut list).ok()?.then(|| reader.uint().ok()?)??;
    asked(code, &mut Elements { reader: &mut reader, encoding, code, list, room: ROOM }).ok()?
}

fn asked<'a, R: Reader<'a>>(code: u64, m: &mut Elements<'_, R>) -> Result<Option<Glimpse<'a>>, Fault> {
    if !matches!(code, code::CALL | code::PUBLISH | code::REGISTER | code::SUBSCRIBE) {
        return Ok(None);
    }
    m.id("Request")?;
    Ok(match code {
        code::CALL => match behind_options(m)? {
            Some(procedure) if uri::is_reserved(procedure) => meta(m, procedure)?,
            procedure => procedure.map(Glimpse::Call),
        },
        code::PUBLISH => behind_options(m)?.map(Glimpse::Publish),
        code::REGISTER => {
            let policy = options::register(m)?.policy;
            borrowed(m.text("Procedure")?).map(|procedure| Glimpse::Register(policy, procedure))
        }
        _ => {
            let policy = options::subscribe(m)?.policy;
            borrowed(m.text("Topic")?).map(|topic| Glimpse::Subscribe(policy, topic))
        }
    })
}

fn behind_options<'a, R: Reader<'a>>(m: &mut Elements<'_, R>) -> Result<Option<&'a str>, Fault> {
    m.any_map("Options")?;
    m.text("URI").map(borrowed)
}

/// What a procedure of the router's is asked: `[URI, {"match": policy}]`, the options mostly not there.
fn meta<'a, R: Reader<'a>>(m: &mut Elements<'_, R>, procedure: &'a str) -> Result<Option<Glimpse<'a>>, Fault> {
    if !m.more()? {
        return Ok(None);
    }
    let Some(mut args) = m.reader.container()?.filter(|args| !args.map) else { return Ok(None) };
    if !m.reader.more(&mut args)? {
        return Ok(None);
    }
    let Some(uri) = m.reader.text()?.and_then(borrowed) else { return Ok(None) };
    let mut policy = Policy::Exact;
    if m.reader.more(&mut args)? {
        entries(m.reader, &Path::Message(m.code), m.room, |key, entry| {
            match key {
                "match" => policy = entry.word(Policy::from_wire, options::MATCH_WORDS)?,
                _ => entry.skip()?,
            }
            Ok(())
        })?;
    }
    Ok(Some(Glimpse::Meta(procedure, policy, uri)))
}

fn borrowed(text: Cow<'_, str>) -> Option<&str> {
    match text {
        Cow::Borrowed(text) => Some(text),
        Cow::Owned(_) => None,
    }
}

//! HELLO.Details (SES-2, SES-9).

use super::elements::{Elements, Fault, illegal};
use super::entries::Entry;
use crate::codec::token::Reader;
use crate::wamp::{Features, HelloDetails};

/// The roles a client may have.
const ROLES: [&str; 4] = ["publisher", "subscriber", "caller", "callee"];

/// Reads HELLO.Details; at least one client role must be there.
pub(super) fn hello<'a, R: Reader<'a>>(message: &mut Elements<'_, R>) -> Result<Box<HelloDetails<'a>>, Fault> {
    let mut details = Box::<HelloDetails<'a>>::default();
    message.map("Details", |key, entry| {
        match key {
            "roles" => roles(&mut details, entry)?,
            "authmethods" => details.authmethods = Some(entry.texts()?),
            "authid" => details.authid = Some(entry.text()?),
            "authrole" => details.authrole = Some(entry.text()?),
            "agent" => details.agent = Some(entry.text()?),
            "authextra" => details.authextra = entry.raw_map()?,
            _ => entry.skip()?,
        }
        Ok(())
    })?;
    match details.roles {
        0 => Err(illegal(format!("HELLO.Details.roles must hold at least one of {}", ROLES.join(", ")))),
        _ => Ok(details),
    }
}

fn roles<'a, R: Reader<'a>>(details: &mut HelloDetails<'a>, entry: Entry<'_, R>) -> Result<(), Fault> {
    entry.map(|name, entry| {
        let Some(role) = ROLES.into_iter().find(|role| *role == name) else { return entry.skip() };
        details.roles += 1;
        entry.map(|key, entry| match key {
            "features" => entry.map(|feature, entry| note(&mut details.features, role, feature, entry)),
            _ => entry.skip(),
        })
    })
}

/// Notes one feature, where the router takes note of it (FEA-28).
fn note<'a, R: Reader<'a>>(features: &mut Features, role: &str, name: &str, entry: Entry<'_, R>) -> Result<(), Fault> {
    // One chapter of the specification spells it so (D-09).
    let name = if name == "call_cancelling" { "call_canceling" } else { name };
    let known = Features::KNOWN.iter().find(|known| known.0 == role && known.1 == name);
    let Some(&(_, _, flag)) = known else { return entry.skip() };
    if entry.bool()? {
        features.insert(flag);
    }
    Ok(())
}

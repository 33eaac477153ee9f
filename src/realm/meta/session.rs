//! The session meta procedures (SSM rows).

use super::{Failure, Procedure, Reply, Request};
use crate::codec::Writer;
use crate::realm::{Effects, MemberKey, Realm};
use crate::wamp::{ErrorUri, Id, Peer, Policy};

/// `{"session", "authid", "authrole", "authmethod", "authprovider", "transport"}` (SSM-1, SSM-6). Nothing of the
/// transport that could hold a secret is told (MTA-2).
pub(super) fn write_details(writer: &mut Writer<'_>, session: Id, peer: &Peer) {
    writer.begin_map(6);
    writer.text("session");
    writer.uint(session.get());
    for (key, text) in [
        ("authid", &*peer.authid),
        ("authrole", &*peer.authrole),
        ("authmethod", peer.authmethod),
        ("authprovider", peer.authprovider),
    ] {
        writer.text(key);
        writer.text(text);
    }
    writer.text("transport");
    writer.begin_map(3);
    for (key, text) in [("type", peer.transport), ("peer", &*peer.address), ("serializer", peer.encoding.as_str())] {
        writer.text(key);
        writer.text(text);
    }
    writer.end_map();
    writer.end_map();
}

/// The procedures.
pub(super) const PROCEDURES: &[Procedure] = &[];

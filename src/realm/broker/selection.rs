//! Which of a topic's subscribers a publication is for.

use std::borrow::Cow;

use crate::realm::MemberKey;
use crate::realm::members::Member;
use crate::wamp::{Id, PublishOptions, Selection};

/// The receivers that PUBLISH.Options leave over (SEL-1 to SEL-8).
pub(super) struct Receivers<'a> {
    /// The publisher, where it is excluded.
    excluded: Option<u32>,
    selection: Option<Selection<'a>>,
}

impl<'a> Receivers<'a> {
    pub(super) fn new(from: MemberKey, options: &mut PublishOptions<'a>) -> Receivers<'a> {
        let excluded = options.exclude_me.unwrap_or(true).then_some(from.slot());
        let selection = options.selection.take().map(|selection| sorted(*selection));
        Receivers { excluded, selection }
    }

    /// Whether this member is one of them: it passes every list that is present (SEL-4), also an empty one (SEL-5).
    pub(super) fn admit(&self, slot: u32, member: &Member) -> bool {
        if self.excluded == Some(slot) {
            return false;
        }
        let Some(lists) = &self.selection else { return true };
        let (authid, authrole) = (&*member.peer.authid, &*member.peer.authrole);
        !id_in(&lists.exclude, member.session).unwrap_or(false)
            && !text_in(&lists.exclude_authid, authid).unwrap_or(false)
            && !text_in(&lists.exclude_authrole, authrole).unwrap_or(false)
            && id_in(&lists.eligible, member.session).unwrap_or(true)
            && text_in(&lists.eligible_authid, authid).unwrap_or(true)
            && text_in(&lists.eligible_authrole, authrole).unwrap_or(true)
    }
}

/// Long lists meet many subscribers: each question is a binary search.
fn sorted(mut lists: Selection<'_>) -> Selection<'_> {
    for ids in [&mut lists.exclude, &mut lists.eligible].into_iter().flatten() {
        ids.sort_unstable();
    }
    let texts = [
        &mut lists.exclude_authid,
        &mut lists.exclude_authrole,
        &mut lists.eligible_authid,
        &mut lists.eligible_authrole,
    ];
    for texts in texts.into_iter().flatten() {
        texts.sort_unstable();
    }
    lists
}

/// Whether a sorted list holds the id; `None` if there is no list.
fn id_in(list: &Option<Vec<Id>>, id: Id) -> Option<bool> {
    list.as_ref().map(|list| list.binary_search(&id).is_ok())
}

fn text_in(list: &Option<Vec<Cow<'_, str>>>, text: &str) -> Option<bool> {
    list.as_ref().map(|list| list.binary_search_by(|item| (**item).cmp(text)).is_ok())
}

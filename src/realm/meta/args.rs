//! Reading the arguments of the router's own procedures (MTA-7, D-42).
//!
//! Positional arguments are what the specification says; a surplus one is an error. Options are read from the map
//! that stands last among the positional arguments, or from the keyword arguments of the same names; `null` counts
//! as absent, and unknown names are ignored, as everywhere (GEN-3).

use super::{Failure, Request};
use crate::codec::Value;
use crate::wamp::{Id, Policy};

impl<'a> Request<'a> {
    /// Checks the number of positional arguments: `min` to `max`.
    ///
    /// # Errors
    /// `wamp.error.invalid_argument`, as everything here.
    pub(in crate::realm) fn arity(&self, min: usize, max: usize) -> Result<(), Failure> {
        let given = self.args.len();
        if (min..=max).contains(&given) {
            return Ok(());
        }
        let wanted = if min == max { min.to_string() } else { format!("{min} to {max}") };
        Err(Failure::invalid(format!("the number of positional arguments must be {wanted}, not {given}")))
    }

    /// The positional argument `index`, where it is present and not null.
    pub(in crate::realm) fn arg(&self, index: usize) -> Option<&Value<'a>> {
        self.args.get(index).filter(|value| **value != Value::Null)
    }

    /// The positional argument `index` as an id.
    pub(in crate::realm) fn id(&self, index: usize) -> Result<Id, Failure> {
        self.optional_id(index)?.ok_or_else(|| wrong(index, "an id"))
    }

    /// The positional argument `index` as an id, where it is given.
    pub(in crate::realm) fn optional_id(&self, index: usize) -> Result<Option<Id>, Failure> {
        self.arg(index).map(|value| id(value).ok_or_else(|| wrong(index, "an id"))).transpose()
    }

    /// The positional argument `index` as a string.
    pub(in crate::realm) fn text(&self, index: usize) -> Result<&str, Failure> {
        match self.arg(index) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(wrong(index, "a string")),
        }
    }

    /// Checks that the positional argument `index` is a map of options, where it is given.
    pub(in crate::realm) fn options(&self, index: usize) -> Result<(), Failure> {
        match self.arg(index) {
            None | Some(Value::Map(_)) => Ok(()),
            Some(_) => Err(wrong(index, "a dict of options")),
        }
    }

    /// The option `name`, from the keyword arguments or the map that stands last.
    pub(in crate::realm) fn option(&self, name: &str) -> Option<&Value<'a>> {
        let map = match self.args.last() {
            Some(Value::Map(map)) => map.as_slice(),
            _ => &[],
        };
        let mut options = self.kwargs.iter().chain(map);
        options.find(|(key, _)| key == name).map(|(_, value)| value).filter(|value| **value != Value::Null)
    }

    /// The option `name` as a string.
    pub(in crate::realm) fn text_option(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.option(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_option(name, "a string")),
        }
    }

    /// The option `name` as a boolean.
    pub(in crate::realm) fn bool_option(&self, name: &str) -> Result<Option<bool>, Failure> {
        match self.option(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(wrong_option(name, "a boolean")),
        }
    }

    /// The option `name` as an id: an integer in 1 to 2^53.
    pub(in crate::realm) fn id_option(&self, name: &str) -> Result<Option<Id>, Failure> {
        let read = |value| id(value).ok_or_else(|| wrong_option(name, "an integer in 1..=2^53"));
        self.option(name).map(read).transpose()
    }

    /// The option `match`, exact where it is not given.
    pub(in crate::realm) fn policy_option(&self) -> Result<Policy, Failure> {
        match self.text_option("match")? {
            None => Ok(Policy::Exact),
            Some(word) => {
                Policy::from_wire(word).ok_or_else(|| wrong_option("match", "\"exact\", \"prefix\" or \"wildcard\""))
            }
        }
    }
}

fn id(value: &Value<'_>) -> Option<Id> {
    match value {
        Value::Uint(number) => Id::new(*number),
        _ => None,
    }
}

fn wrong(index: usize, wanted: &str) -> Failure {
    Failure::invalid(format!("positional argument {} must be {wanted}", index + 1))
}

fn wrong_option(name: &str, wanted: &str) -> Failure {
    Failure::invalid(format!("option \"{name}\" must be {wanted}"))
}

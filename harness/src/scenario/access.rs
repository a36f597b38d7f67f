//! The inside of structs, lists, maps and enums, as the decoder walks it.

use serde::de::value::StrDeserializer;
use serde::de::{self, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::decode::Repaired;
use super::fault::{Fault, FaultKind, Place};
use super::joker::Joker;
use super::source::{Source, expected};
use super::span::{Item, Shape, ValueId};

/// Reads a struct from the fields in a value's parentheses.
pub(super) fn read_fields<'de, V: Visitor<'de>>(
    from: Repaired<'_>,
    id: ValueId,
    fields: &'static [&'static str],
    visitor: V,
) -> Result<V::Value, Fault> {
    let Shape::Paren(items) = &from.tree.value(id).shape else {
        return Err(expected(id, format!("fields in parentheses, `({}: ...)`", fields.first().unwrap_or(&""))));
    };
    let current = std::cell::Cell::new(0);
    let given = from.repairs.given.get(&id).map_or(&[][..], Vec::as_slice);
    let access =
        Fields { from, id, items, given: given.iter(), next: 0, joker: false, current: &current, valid: fields };
    visitor.visit_map(access).map_err(|fault: Fault| match fault.kind {
        FaultKind::Duplicate(_) => fault.at(Place::Item(id, current.get())),
        _ => fault.at(Place::Value(id)),
    })
}

struct Fields<'a> {
    from: Repaired<'a>,
    id: ValueId,
    items: &'a [Item],
    given: std::slice::Iter<'a, &'static str>,
    next: usize,
    /// Whether the next value is one that was taken for given.
    joker: bool,
    /// The item that is being read: serde's complaint about a duplicate does not say which.
    current: &'a std::cell::Cell<usize>,
    valid: &'static [&'static str],
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Fault;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        while self.from.repairs.skipped.contains(&(self.id, self.next)) {
            self.next += 1;
        }
        let index = self.next;
        let place = Place::Item(self.id, index);
        let Some(item) = self.items.get(index) else {
            self.joker = true;
            let key = |field: &&'static str| seed.deserialize(StrDeserializer::<Fault>::new(field));
            return self.given.next().map(key).transpose();
        };
        self.next += 1;
        self.current.set(index);
        let meant = self.from.repairs.fields.get(&(self.id, index)).map(String::as_str);
        let Some(name) = meant.or_else(|| item.name.as_ref().map(|name| self.from.tree.identifier(name))) else {
            return Err(Fault::new(place, FaultKind::Unnamed(self.valid)));
        };
        seed.deserialize(StrDeserializer::<Fault>::new(name)).map(Some).map_err(|fault| fault.at(place))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.items.get(self.current.get()) {
            Some(item) if !self.joker => seed
                .deserialize(Source::Value(self.from, item.value))
                .map_err(|fault| fault.at(Place::Value(item.value))),
            _ => seed.deserialize(Joker).map_err(|fault| fault.at(Place::Value(self.id))),
        }
    }
}

/// A list's elements.
pub(super) struct Elements<'a> {
    from: Repaired<'a>,
    rest: std::slice::Iter<'a, ValueId>,
}

impl<'a> Elements<'a> {
    pub(super) fn new(from: Repaired<'a>, values: &'a [ValueId]) -> Self {
        Self { from, rest: values.iter() }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Fault;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(&id) = self.rest.next() else { return Ok(None) };
        seed.deserialize(Source::Value(self.from, id)).map(Some).map_err(|fault| fault.at(Place::Value(id)))
    }
}

/// A map's entries.
pub(super) struct Entries<'a> {
    from: Repaired<'a>,
    rest: std::slice::Iter<'a, (ValueId, ValueId)>,
    value: Option<ValueId>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(from: Repaired<'a>, entries: &'a [(ValueId, ValueId)]) -> Self {
        Self { from, rest: entries.iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(&(key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(Source::Value(self.from, key)).map(Some).map_err(|fault| fault.at(Place::Value(key)))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.value.take() {
            Some(id) => seed.deserialize(Source::Value(self.from, id)).map_err(|fault| fault.at(Place::Value(id))),
            None => seed.deserialize(Joker),
        }
    }
}

/// A name of an enum, with or without parentheses.
pub(super) struct Variant<'a> {
    from: Repaired<'a>,
    id: ValueId,
    name: String,
}

impl<'a> Variant<'a> {
    pub(super) fn new(from: Repaired<'a>, id: ValueId, name: String) -> Self {
        Self { from, id, name }
    }

    /// Whether the name has parentheses.
    fn has_content(&self) -> bool {
        matches!(self.from.tree.value(self.id).shape, Shape::Paren(_)) && !self.from.repairs.bare.contains(&self.id)
    }

    fn bare(&self, fields: &'static [&'static str]) -> Fault {
        Fault::new(Place::Value(self.id), FaultKind::Bare(fields))
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name: StrDeserializer<'_, Fault> = self.name.as_str().into_deserializer();
        let variant = seed.deserialize(name).map_err(|fault| fault.at(Place::Name(self.id)))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        if self.has_content() { Err(Fault::new(Place::Value(self.id), FaultKind::NotBare)) } else { Ok(()) }
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        if !self.has_content() {
            return Err(self.bare(&[]));
        }
        seed.deserialize(Source::Inside(self.from, self.id))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(expected(self.id, "another kind of value"))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        if !self.has_content() {
            return Err(self.bare(fields));
        }
        read_fields(self.from, self.id, fields, visitor)
    }
}

//! The inside of structs, lists, maps and enums, as the decoder walks it.

use serde::de::value::StrDeserializer;
use serde::de::{self, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::{Source, expected};
use crate::text::decode_error::{DecodeError, DecodeErrorKind, ErrorPlace};
use crate::text::placeholder::Placeholder;
use crate::text::repaired::Repaired;
use crate::text::span::{Item, Syntax, ValueId};

/// Reads a struct from the fields in a value's parentheses.
pub(super) fn read_fields<'de, V: Visitor<'de>>(
    from: Repaired<'_>,
    id: ValueId,
    fields: &'static [&'static str],
    visitor: V,
) -> Result<V::Value, DecodeError> {
    let Syntax::Paren(items) = &from.tree.value(id).shape else {
        return Err(expected(id, format!("fields in parentheses, `({}: ...)`", fields.first().unwrap_or(&""))));
    };
    let current = std::cell::Cell::new(0);
    let given = from.repairs.given.get(&id).map_or(&[][..], Vec::as_slice);
    let access =
        Fields { from, id, items, given: given.iter(), next: 0, placeholder: false, current: &current, valid: fields };
    visitor.visit_map(access).map_err(|error: DecodeError| match error.kind {
        DecodeErrorKind::Duplicate(_) => error.at(ErrorPlace::Item(id, current.get())),
        _ => error.at(ErrorPlace::Value(id)),
    })
}

struct Fields<'a> {
    from: Repaired<'a>,
    id: ValueId,
    items: &'a [Item],
    given: std::slice::Iter<'a, &'static str>,
    next: usize,
    /// Whether the next value is one that was taken for given.
    placeholder: bool,
    /// The item that is being read: serde's complaint about a duplicate does not say which.
    current: &'a std::cell::Cell<usize>,
    valid: &'static [&'static str],
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        while self.from.repairs.skipped.contains(&(self.id, self.next)) {
            self.next += 1;
        }
        let index = self.next;
        let place = ErrorPlace::Item(self.id, index);
        let Some(item) = self.items.get(index) else {
            self.placeholder = true;
            let key = |field: &&'static str| seed.deserialize(StrDeserializer::<DecodeError>::new(field));
            return self.given.next().map(key).transpose();
        };
        self.next += 1;
        self.current.set(index);
        let repaired = self.from.repairs.fields.get(&(self.id, index)).map(String::as_str);
        let Some(name) = repaired.or_else(|| item.name.as_ref().map(|name| self.from.tree.identifier(name))) else {
            return Err(DecodeError::new(place, DecodeErrorKind::Unnamed(self.valid)));
        };
        seed.deserialize(StrDeserializer::<DecodeError>::new(name)).map(Some).map_err(|error| error.at(place))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        match self.items.get(self.current.get()) {
            Some(item) if !self.placeholder => seed
                .deserialize(Source::Value(self.from, item.value))
                .map_err(|error| error.at(ErrorPlace::Value(item.value))),
            _ => seed.deserialize(Placeholder).map_err(|error| error.at(ErrorPlace::Value(self.id))),
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
    type Error = DecodeError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        let Some(&id) = self.rest.next() else { return Ok(None) };
        seed.deserialize(Source::Value(self.from, id)).map(Some).map_err(|error| error.at(ErrorPlace::Value(id)))
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
    type Error = DecodeError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some(&(key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(Source::Value(self.from, key)).map(Some).map_err(|error| error.at(ErrorPlace::Value(key)))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        match self.value.take() {
            Some(id) => seed.deserialize(Source::Value(self.from, id)).map_err(|error| error.at(ErrorPlace::Value(id))),
            None => seed.deserialize(Placeholder),
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
        matches!(self.from.tree.value(self.id).shape, Syntax::Paren(_)) && !self.from.repairs.bare.contains(&self.id)
    }

    fn bare(&self, fields: &'static [&'static str]) -> DecodeError {
        DecodeError::new(ErrorPlace::Value(self.id), DecodeErrorKind::Bare(fields))
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let name: StrDeserializer<'_, DecodeError> = self.name.as_str().into_deserializer();
        let variant = seed.deserialize(name).map_err(|error| error.at(ErrorPlace::Name(self.id)))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        if self.has_content() {
            Err(DecodeError::new(ErrorPlace::Value(self.id), DecodeErrorKind::NotBare))
        } else {
            Ok(())
        }
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        if !self.has_content() {
            return Err(self.bare(&[]));
        }
        seed.deserialize(Source::Inside(self.from, self.id))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DecodeError> {
        Err(expected(self.id, "another kind of value"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if !self.has_content() {
            return Err(self.bare(fields));
        }
        read_fields(self.from, self.id, fields, visitor)
    }
}

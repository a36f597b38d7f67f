//! serde's side of the decoder: what it asks for, answered from the tree.

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::decode::Repaired;
use super::fault::{Fault, FaultKind, Place};
use super::joker::Joker;
use super::span::{Item, Shape, ValueId};

/// Where serde reads from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// A value.
    Value(Repaired<'a>, ValueId),
    /// What a named value's parentheses hold: a struct's fields, or one value.
    Inside(Repaired<'a>, ValueId),
}

impl<'a> Source<'a> {
    /// The value to read a scalar, list or map from; in parentheses there must be just one.
    fn single(self) -> Result<(Repaired<'a>, ValueId), Fault> {
        let (from, id) = match self {
            Self::Value(from, id) => return Ok((from, id)),
            Self::Inside(from, id) => (from, id),
        };
        let Shape::Paren(items) = &from.tree.value(id).shape else { return Ok((from, id)) };
        let mut single = None;
        for (index, item) in items.iter().enumerate() {
            let at = (id, index);
            if from.repairs.skipped.contains(&at) {
                continue;
            }
            if single.is_some() {
                return Err(Fault::new(Place::Item(id, index), FaultKind::TooMany));
            }
            if item.name.is_some() && !from.repairs.unnamed.contains(&at) {
                return Err(Fault::new(Place::Item(id, index), FaultKind::Named));
            }
            single = Some(item.value);
        }
        let expected = || FaultKind::Expected("a value in the parentheses".to_owned());
        single.map(|value| (from, value)).ok_or_else(|| Fault::new(Place::Value(id), expected()))
    }

    fn joker(self) -> bool {
        let (Self::Value(from, id) | Self::Inside(from, id)) = self;
        from.is_joker(id)
    }
}

fn expected(id: ValueId, what: impl Into<String>) -> Fault {
    Fault::new(Place::Value(id), FaultKind::Expected(what.into()))
}

/// Answers a request for a scalar.
macro_rules! scalar {
    ($method:ident, $visit:ident, $type:ty, $expected:expr) => {
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            if self.joker() {
                return Joker.$method(visitor);
            }
            let (from, id) = self.single()?;
            if from.is_joker(id) {
                return Joker.$method(visitor);
            }
            let value = from.scalar::<$type>(id, &$expected)?;
            visitor.$visit(value).map_err(|fault: Fault| fault.at(Place::Value(id)))
        }
    };
}

/// The words for a whole number that a type can hold.
macro_rules! whole {
    ($type:ty) => {
        format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX)
    };
}

impl<'de> Deserializer<'de> for Source<'_> {
    type Error = Fault;

    scalar!(deserialize_bool, visit_bool, bool, "`true` or `false`");
    scalar!(deserialize_i64, visit_i64, i64, whole!(i64));
    scalar!(deserialize_u8, visit_u8, u8, whole!(u8));
    scalar!(deserialize_u16, visit_u16, u16, whole!(u16));
    scalar!(deserialize_u32, visit_u32, u32, whole!(u32));
    scalar!(deserialize_u64, visit_u64, u64, whole!(u64));
    scalar!(deserialize_f64, visit_f64, f64, "a number");
    scalar!(deserialize_str, visit_string, String, "text in quotes");
    scalar!(deserialize_string, visit_string, String, "text in quotes");

    /// Durations and sizes ask for anything, so that a number without its unit gets an answer of its own.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.joker() {
            return Joker.deserialize_any(visitor);
        }
        let (from, id) = self.single()?;
        if from.is_joker(id) {
            return Joker.deserialize_any(visitor);
        }
        let answer = match &from.tree.value(id).shape {
            Shape::Text => visitor.visit_string(from.scalar(id, "text in quotes")?),
            Shape::Number => match from.scalar::<u64>(id, "a number") {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_f64(from.scalar(id, "a number")?),
            },
            _ => Err(de::Error::invalid_type(Unexpected::Other("something else"), &visitor)),
        };
        answer.map_err(|fault: Fault| fault.at(Place::Value(id)))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.joker() {
            return visitor.visit_none();
        }
        let (from, id) = self.single()?;
        let value = from.tree.value(id);
        match (&value.shape, from.name(id).as_deref()) {
            (Shape::Word, Some("None")) => visitor.visit_none(),
            (Shape::Paren(_), Some("Some")) => visitor.visit_some(Source::Inside(from, id)),
            _ => visitor.visit_some(Source::Value(from, id)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.joker() {
            return Joker.deserialize_seq(visitor);
        }
        let (from, id) = self.single()?;
        match &from.tree.value(id).shape {
            _ if from.is_joker(id) => Joker.deserialize_seq(visitor),
            Shape::List(values) => visitor.visit_seq(Elements { from, rest: values.iter() }),
            _ => Err(expected(id, "a list in square brackets, `[...]`")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.joker() {
            return Joker.deserialize_map(visitor);
        }
        let (from, id) = self.single()?;
        match &from.tree.value(id).shape {
            _ if from.is_joker(id) => Joker.deserialize_map(visitor),
            Shape::Map(entries) => visitor.visit_map(Entries { from, rest: entries.iter(), value: None }),
            _ => Err(expected(id, "a map in braces, `{ \"key\": value }`")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.joker() {
            return Joker.deserialize_struct(name, fields, visitor);
        }
        let (from, id) = match self {
            Self::Value(from, id) => {
                let named = from.tree.value(id).name.is_some() && from.name(id).as_deref() != Some(name);
                if named && !from.repairs.bare.contains(&id) {
                    return Err(Fault::new(Place::Name(id), FaultKind::OddName));
                }
                (from, id)
            }
            Self::Inside(from, id) => (from, id),
        };
        read_fields(from, id, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.joker() {
            return Joker.deserialize_enum(name, variants, visitor);
        }
        let (from, id) = self.single()?;
        if from.is_joker(id) {
            return Joker.deserialize_enum(name, variants, visitor);
        }
        let Some(variant) = from.name(id) else {
            return Err(expected(id, format!("one of {}", variants.join(", "))));
        };
        visitor.visit_enum(Variant { from, id, name: variant }).map_err(|fault| fault.at(Place::Value(id)))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// Reads a struct from the fields in a value's parentheses.
fn read_fields<'de, V: Visitor<'de>>(
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
    let access = Fields { from, id, items, given: given.iter(), next: 0, joker: false, current: &current, fields };
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
    fields: &'static [&'static str],
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
            return Err(Fault::new(place, FaultKind::Unnamed(self.fields)));
        };
        seed.deserialize(StrDeserializer::<Fault>::new(name)).map(Some).map_err(|fault| fault.at(place))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.items.get(self.current.get()) {
            Some(item) if !self.joker => {
                seed.deserialize(Source::Value(self.from, item.value)).map_err(|fault| fault.at(Place::Value(item.value)))
            }
            _ => seed.deserialize(Joker).map_err(|fault| fault.at(Place::Value(self.id))),
        }
    }
}

struct Elements<'a> {
    from: Repaired<'a>,
    rest: std::slice::Iter<'a, ValueId>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Fault;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(&id) = self.rest.next() else { return Ok(None) };
        seed.deserialize(Source::Value(self.from, id)).map(Some).map_err(|fault| fault.at(Place::Value(id)))
    }
}

struct Entries<'a> {
    from: Repaired<'a>,
    rest: std::slice::Iter<'a, (ValueId, ValueId)>,
    value: Option<ValueId>,
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

struct Variant<'a> {
    from: Repaired<'a>,
    id: ValueId,
    name: String,
}

impl<'a> Variant<'a> {
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

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if !self.has_content() {
            return Err(self.bare(fields));
        }
        read_fields(self.from, self.id, fields, visitor)
    }
}

//! serde's side of the decoder: what it asks for, answered from the tree.

mod access;

use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use self::access::{Elements, Entries, Variant, read_fields};
use super::decode_error::{DecodeError, DecodeErrorKind, ErrorPlace};
use super::instead::TEXT;
use super::placeholder::Placeholder;
use super::repaired::Repaired;
use super::span::{Syntax, ValueId};

/// Where serde reads from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A value.
    Value(Repaired<'a>, ValueId),
    /// What a named value's parentheses hold: a struct's fields, or one value.
    Inside(Repaired<'a>, ValueId),
}

impl<'a> Source<'a> {
    /// The value to read a scalar, list or map from; in parentheses there must be just one.
    fn single(self) -> Result<(Repaired<'a>, ValueId), DecodeError> {
        let (from, id) = match self {
            Self::Value(from, id) => return Ok((from, id)),
            Self::Inside(from, id) => (from, id),
        };
        let Syntax::Paren(items) = &from.tree.value(id).shape else { return Ok((from, id)) };
        let mut single = None;
        for (index, item) in items.iter().enumerate() {
            let at = (id, index);
            if from.repairs.skipped.contains(&at) {
                continue;
            }
            if single.is_some() {
                return Err(DecodeError::new(ErrorPlace::Item(id, index), DecodeErrorKind::TooMany));
            }
            if item.name.is_some() && !from.repairs.unnamed.contains(&at) {
                return Err(DecodeError::new(ErrorPlace::Item(id, index), DecodeErrorKind::Named));
            }
            single = Some(item.value);
        }
        let expected = || DecodeErrorKind::Expected("a value in the parentheses".to_owned());
        single.map(|value| (from, value)).ok_or_else(|| DecodeError::new(ErrorPlace::Value(id), expected()))
    }

    fn placeholder(self) -> bool {
        let (Self::Value(from, id) | Self::Inside(from, id)) = self;
        from.is_placeholder(id)
    }
}

fn expected(id: ValueId, what: impl Into<String>) -> DecodeError {
    DecodeError::new(ErrorPlace::Value(id), DecodeErrorKind::Expected(what.into()))
}

/// Answers a request for a scalar.
macro_rules! scalar {
    ($method:ident, $visit:ident, $type:ty, $expected:expr) => {
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            if self.placeholder() {
                return Placeholder.$method(visitor);
            }
            let (from, id) = self.single()?;
            if from.is_placeholder(id) {
                return Placeholder.$method(visitor);
            }
            let value = from.scalar::<$type>(id, &$expected)?;
            visitor.$visit(value).map_err(|error: DecodeError| error.at(ErrorPlace::Value(id)))
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
    type Error = DecodeError;

    scalar!(deserialize_bool, visit_bool, bool, "`true` or `false`");
    scalar!(deserialize_i64, visit_i64, i64, "a whole number");
    scalar!(deserialize_u8, visit_u8, u8, whole!(u8));
    scalar!(deserialize_u16, visit_u16, u16, whole!(u16));
    scalar!(deserialize_u32, visit_u32, u32, whole!(u32));
    scalar!(deserialize_u64, visit_u64, u64, "a whole number, 0 or more");
    scalar!(deserialize_f64, visit_f64, f64, "a number");
    scalar!(deserialize_str, visit_string, String, TEXT);
    scalar!(deserialize_string, visit_string, String, TEXT);

    /// Durations and sizes ask for anything, so that a number without its unit gets an answer of its own; what may be a size or
    /// several of them does, too.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.placeholder() {
            return Placeholder.deserialize_any(visitor);
        }
        let (from, id) = self.single()?;
        if from.is_placeholder(id) {
            return Placeholder.deserialize_any(visitor);
        }
        let answer = match &from.tree.value(id).shape {
            Syntax::Text => visitor.visit_string(from.scalar(id, TEXT)?),
            Syntax::Paren(_) => read_fields(from, id, &[], visitor),
            Syntax::List(values) => visitor.visit_seq(Elements::new(from, values)),
            Syntax::Number => match from.scalar::<u64>(id, "a number") {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => match from.scalar::<f64>(id, "a number") {
                    Ok(number) => visitor.visit_f64(number),
                    // A number with its unit and without quotes.
                    Err(_) => Err(de::Error::invalid_type(Unexpected::Other("something else"), &visitor)),
                },
            },
            _ => Err(de::Error::invalid_type(Unexpected::Other("something else"), &visitor)),
        };
        answer.map_err(|error: DecodeError| error.at(ErrorPlace::Value(id)))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.placeholder() {
            return visitor.visit_none();
        }
        let (from, id) = self.single()?;
        let value = from.tree.value(id);
        match (&value.shape, from.name(id).as_deref()) {
            (Syntax::Word, Some("None")) => visitor.visit_none(),
            (Syntax::Paren(_), Some("Some")) => visitor.visit_some(Source::Inside(from, id)),
            _ => visitor.visit_some(Source::Value(from, id)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.placeholder() {
            return Placeholder.deserialize_seq(visitor);
        }
        let (from, id) = self.single()?;
        match &from.tree.value(id).shape {
            _ if from.is_placeholder(id) => Placeholder.deserialize_seq(visitor),
            Syntax::List(values) => visitor.visit_seq(Elements::new(from, values)),
            _ => Err(expected(id, "a list in square brackets, `[...]`")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.placeholder() {
            return Placeholder.deserialize_map(visitor);
        }
        let (from, id) = self.single()?;
        match &from.tree.value(id).shape {
            _ if from.is_placeholder(id) => Placeholder.deserialize_map(visitor),
            Syntax::Map(entries) => visitor.visit_map(Entries::new(from, entries)),
            _ => Err(expected(id, "a map in braces, `{ \"key\": value }`")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if self.placeholder() {
            return Placeholder.deserialize_struct(name, fields, visitor);
        }
        let (from, id) = match self {
            Self::Value(from, id) => {
                let named = from.tree.value(id).name.is_some() && from.name(id).as_deref() != Some(name);
                if named && !from.repairs.bare.contains(&id) {
                    return Err(DecodeError::new(ErrorPlace::Name(id), DecodeErrorKind::OddName));
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
    ) -> Result<V::Value, DecodeError> {
        if self.placeholder() {
            return Placeholder.deserialize_enum(name, variants, visitor);
        }
        let (from, id) = self.single()?;
        if from.is_placeholder(id) {
            return Placeholder.deserialize_enum(name, variants, visitor);
        }
        let Some(variant) = from.name(id) else {
            let (_, kind) = from.vocabulary.noun(name);
            let one_of = if variants.len() == 1 { "" } else { "one of " };
            return Err(expected(id, format!("{kind}: {one_of}{}", variants.join(", "))));
        };
        visitor.visit_enum(Variant::new(from, id, variant)).map_err(|mut error: DecodeError| {
            if let (DecodeErrorKind::UnknownVariant { noun, .. }, Some(ErrorPlace::Name(place))) =
                (&mut error.kind, error.place)
                && place == id
            {
                from.vocabulary.noun(name).0.clone_into(noun);
            }
            error.at(ErrorPlace::Value(id))
        })
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

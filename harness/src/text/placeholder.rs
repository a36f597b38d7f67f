//! A value that stands for anything. It takes the place of what is wrong, so that the rest can still be read.

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::decode_error::DecodeError;

/// The smallest sensible value of whatever type is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placeholder;

/// What a visitor says it expects.
struct Expectation<V>(V);

impl<'de, V: Visitor<'de>> std::fmt::Display for Expectation<&V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }
}

impl IntoDeserializer<'_, DecodeError> for Placeholder {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! answer {
    ($($method:ident => $visit:ident($value:expr),)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            visitor.$visit($value)
        })*
    };
}

impl<'de> Deserializer<'de> for Placeholder {
    type Error = DecodeError;

    answer! {
        deserialize_bool => visit_bool(true),
        deserialize_i64 => visit_i64(1),
        deserialize_u8 => visit_u8(1),
        deserialize_u16 => visit_u16(1),
        deserialize_u32 => visit_u32(1),
        deserialize_u64 => visit_u64(1),
        deserialize_f64 => visit_f64(1.0),
        deserialize_str => visit_str(""),
        deserialize_string => visit_str(""),
    }

    /// Durations, rates and sizes ask for anything and tell apart by what they expect.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let expectation = Expectation(&visitor).to_string();
        let examples = [("duration", "1s"), ("bits a second", "1Mbit")];
        let example = examples.iter().find(|(word, _)| expectation.contains(word));
        visitor.visit_str(example.map_or("1MiB", |(_, example)| example))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_seq(SeqDeserializer::<_, DecodeError>::new(std::iter::empty::<Self>()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_map(MapDeserializer::<_, DecodeError>::new(std::iter::empty::<(Self, Self)>()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_map(MapDeserializer::<_, DecodeError>::new(fields.iter().map(|&field| (field, self))))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(First(variants.first().unwrap_or(&"")))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// An enum's first variant.
struct First(&'static str);

impl<'de> de::EnumAccess<'de> for First {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        Ok((seed.deserialize(StrDeserializer::<DecodeError>::new(self.0))?, self))
    }
}

impl<'de> de::VariantAccess<'de> for First {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(Placeholder)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        Placeholder.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        Placeholder.deserialize_struct("", fields, visitor)
    }
}

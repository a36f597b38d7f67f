//! How a quantity with a unit is read from a scenario: as text in quotes, never as a bare number.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserializer, de};

/// A quantity that a scenario writes as text with its unit. The error of `from_str` is for people.
pub(super) trait WithUnit: FromStr<Err = String> {
    /// What it is called after "a": `duration`.
    const NAME: &'static str;
    /// What belongs in its place, for the error about something else: `a duration with its unit in quotes`.
    const EXPECTED: &'static str;
    /// The units that the error about a bare number suggests.
    const SUGGESTED_UNITS: &'static [&'static str];

    /// Reads it from text; refuses a bare number by suggesting its units.
    fn deserialize_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: WithUnit> de::Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        let suggested: Vec<_> = T::SUGGESTED_UNITS.iter().map(|unit| format!("\"{number}{unit}\"")).collect();
        Err(E::custom(format!(
            "`{number}` is not a {}: it needs a unit and quotes, such as {}",
            T::NAME,
            suggested.join(" or ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde::de::DeserializeOwned;

    use crate::vocab::{Duration, Rate, Size};

    fn refusal<T: DeserializeOwned>(value: serde_json::Value) -> String {
        serde_json::from_value::<T>(value).map(drop).expect_err("it is refused").to_string()
    }

    #[rstest]
    #[case::duration(refusal::<Duration>, "`5` is not a duration: it needs a unit and quotes, such as \"5s\" or \"5ms\"")]
    #[case::size(refusal::<Size>, "`5` is not a size: it needs a unit and quotes, such as \"5B\"")]
    #[case::rate(refusal::<Rate>, "`5` is not a rate: it needs a unit and quotes, such as \"5Mbit\"")]
    fn a_bare_number_is_refused_with_units(#[case] refusal: fn(serde_json::Value) -> String, #[case] message: &str) {
        assert_eq!(refusal(5.into()), message);
    }

    #[rstest]
    #[case::duration(refusal::<Duration>, "expected a duration with its unit in quotes, such as \"500ms\" or \"2s\"")]
    #[case::size(refusal::<Size>, "expected a size with its unit in quotes, such as \"16B\" or \"4KiB\"")]
    #[case::rate(refusal::<Rate>, "expected bits a second with their unit in quotes, such as \"10Mbit\"")]
    fn anything_else_is_refused_with_what_belongs_there(
        #[case] refusal: fn(serde_json::Value) -> String,
        #[case] message: &str,
    ) {
        let told = refusal(true.into());
        assert!(told.ends_with(message), "{told}");
    }
}

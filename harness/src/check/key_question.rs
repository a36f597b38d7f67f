//! What checks ask of keys. All questions are answered in one look at every key.

use std::any::Any;
use std::borrow::Cow;

use super::case::Case;
use super::key_history::KeyHistory;
use super::keys::in_parts;
use super::preload::Preloads;

/// A question about each key, whose answers are added up.
pub(crate) trait KeyQuestion: Clone + PartialEq + Send + Sync + 'static {
    /// The answers, added up.
    type Tally: Clone + Default + Send + Sync;

    /// Adds the answer for a key.
    fn add(&self, tally: &mut Self::Tally, key: &KeyHistory<'_>);

    /// Adds the answers for keys that come after those of `tally`.
    fn merge(&self, tally: &mut Self::Tally, later: Self::Tally);
}

/// A question with its answers so far, whatever question it is.
pub(crate) trait AskedOfKeys: Any + Send + Sync {
    /// The question, without any answer.
    fn anew(&self) -> Box<dyn AskedOfKeys>;

    /// Whether another one asks the same.
    fn asks_like(&self, other: &dyn AskedOfKeys) -> bool;

    /// Adds the answer for a key.
    fn add(&mut self, key: &KeyHistory<'_>);

    /// Adds the answers to the same question for keys that come after its own.
    fn merge(&mut self, later: Box<dyn AskedOfKeys>);
}

/// A question, and its answers so far.
struct Asked<Q: KeyQuestion> {
    question: Q,
    tally: Q::Tally,
}

impl<Q: KeyQuestion> AskedOfKeys for Asked<Q> {
    fn anew(&self) -> Box<dyn AskedOfKeys> {
        to_ask(self.question.clone())
    }

    fn asks_like(&self, other: &dyn AskedOfKeys) -> bool {
        (other as &dyn Any).downcast_ref::<Self>().is_some_and(|other| other.question == self.question)
    }

    fn add(&mut self, key: &KeyHistory<'_>) {
        self.question.add(&mut self.tally, key);
    }

    fn merge(&mut self, later: Box<dyn AskedOfKeys>) {
        if let Ok(later) = (later as Box<dyn Any>).downcast::<Self>() {
            self.question.merge(&mut self.tally, later.tally);
        }
    }
}

/// A question that is about to be asked.
pub(crate) fn to_ask<Q: KeyQuestion>(question: Q) -> Box<dyn AskedOfKeys> {
    Box::new(Asked { question, tally: Q::Tally::default() })
}

/// Asks these questions of every key, each once. [`answer`] has the answers for a case that knows what comes of this.
pub(crate) fn ask(case: &Case<'_>, questions: Vec<Box<dyn AskedOfKeys>>) -> Vec<Box<dyn Any + Send + Sync>> {
    let mut asked = Vec::<Box<dyn AskedOfKeys>>::new();
    for question in questions {
        if !asked.iter().any(|other| other.asks_like(&*question)) {
            asked.push(question);
        }
    }
    let (preloads, prototypes) = (Preloads::of(case.evidence), asked.iter().map(|question| question.anew()));
    let prototypes: Vec<_> = prototypes.collect();
    in_parts(
        case.evidence,
        |part| {
            let (mut of_part, parts) =
                (prototypes.iter().map(|question| question.anew()).collect::<Vec<_>>(), part.parts);
            part.for_each_key(|id, operations| {
                let key = KeyHistory::new(case, (&preloads, parts), id, operations);
                for question in &mut of_part {
                    question.add(&key);
                }
            });
            of_part
        },
        |of_part| asked.iter_mut().zip(of_part).for_each(|(question, later)| question.merge(later)),
    );
    asked.into_iter().map(|asked| asked as Box<dyn Any + Send + Sync>).collect()
}

/// The answers to a question, from the case if it was asked before.
pub(crate) fn answer<'c, Q: KeyQuestion>(case: &'c Case<'_>, question: &Q) -> Cow<'c, Q::Tally> {
    let mut known = case.of_keys.iter().filter_map(|asked| asked.downcast_ref::<Asked<Q>>());
    if let Some(known) = known.find(|asked| asked.question == *question) {
        return Cow::Borrowed(&known.tally);
    }
    let answered = ask(case, vec![to_ask(question.clone())]).pop();
    let answered = answered.and_then(|asked| asked.downcast::<Asked<Q>>().ok());
    Cow::Owned(answered.map(|asked| asked.tally).unwrap_or_default())
}

//! What a list is to have. The filters are the API's, as a form sends them: those that say nothing are empty.

use std::sync::Arc;

use form_urlencoded::{Serializer, parse};

use super::visitor::plain;
use crate::http::api::Api;
use crate::http::errors::ApiError;
use crate::http::query::filter_alone;
use crate::journal::query::{Filter, Query};
use crate::journal::record::{Id, Kind, Record};

/// Records on a page.
const MOST: usize = 50;

/// Lanes that are offered.
const MOST_LANES: usize = 200;

const BEFORE: &str = "before";

/// What a list is to have.
#[derive(Debug)]
pub(super) struct Wanted {
    /// What the filters say, those that say something.
    given: Vec<(String, String)>,
    pub(super) filter: Filter,
    /// Only what is older than this record.
    before: Option<Id>,
}

impl Wanted {
    pub(super) fn read(api: &Api, query: Option<&str>, kind: Kind) -> Result<Self, ApiError> {
        let Split { given, before } = split(&plain(query));
        let filter = filter_alone(Some(&written(&given)), kind, &api.clocks())?;
        let before = before.map(|text| Id::parse(&text).ok_or_else(|| ApiError::parameter(BEFORE, "this is no id")));
        Ok(Self { given, filter, before: before.transpose()? })
    }

    /// What a filter says, or nothing.
    pub(super) fn said(&self, name: &str) -> &str {
        self.given.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether the newest are shown.
    pub(super) const fn is_newest(&self) -> bool {
        self.before.is_none()
    }

    /// Whether not all are shown.
    pub(super) const fn is_filtered(&self) -> bool {
        !self.given.is_empty()
    }

    /// The records of the page, newest first, and, if there are any, where those are that are older.
    pub(super) async fn page<R: Record>(
        &self,
        api: &Api,
        path: &str,
    ) -> Result<(Vec<Arc<R>>, Option<String>), ApiError> {
        let query = Query { filter: self.filter.clone(), before: self.before, limit: MOST + 1 };
        let mut records: Vec<Arc<R>> = api.journal().page(&query).await?;
        let more = records.len() > MOST;
        records.truncate(MOST);
        let last = records.last().filter(|_| more);
        let older = last.map(|last| {
            let last = (BEFORE.to_owned(), last.id().to_string());
            format!("{path}?{}", written(self.given.iter().chain([&last])))
        });
        Ok((records, older))
    }
}

struct Split {
    given: Vec<(String, String)>,
    before: Option<String>,
}

/// The filters of a query that say something.
fn split(query: &str) -> Split {
    let said = parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.trim().to_owned()));
    let said = said.filter(|(_, value)| !value.is_empty());
    let (before, given): (Vec<_>, Vec<_>) = said.partition(|(name, _)| name == BEFORE);
    Split { given, before: before.into_iter().next().map(|(_, value)| value) }
}

fn written<'p>(pairs: impl IntoIterator<Item = &'p (String, String)>) -> String {
    let pairs = pairs.into_iter().map(|(name, value)| (name, value));
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// What can be chosen from.
pub(super) struct Choices {
    pub(super) lanes: Vec<String>,
    pub(super) providers: Vec<String>,
}

impl Choices {
    pub(super) fn of(api: &Api) -> Self {
        Self {
            lanes: api.lanes().all().iter().take(MOST_LANES).map(|lane| lane.name.to_string()).collect(),
            providers: api.generation().policy.provider_ids().map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_leaves_empty_is_no_filter() {
        let Split { given, before } =
            split(&plain(Some("lane=&text=+a%26b+&before=1&lang=zh&theme=&provider=%20&before=2")));
        assert_eq!(before.as_deref(), Some("1"));
        assert_eq!(written(&given), "text=a%26b");
    }
}

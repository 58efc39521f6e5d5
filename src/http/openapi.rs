//! The OpenAPI document, made of the handlers and of the tables of parameters.

use std::sync::LazyLock;

use axum::extract::RawQuery;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, Required, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi};

use super::errors::{ApiError, PROBLEM_JSON, Problem};
use super::parameters::{Given, Holds, LANE, Parameter};
use super::{
    api, check, clock, events, messages, metrics, outbox, providers, query, report, reproduce, sessions, state, stubs,
    verdicts,
};
use crate::journal::record::Kind;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "mockmx",
        description = "What a mockmx has seen and said, and what a test changes about it.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        api::healthz,
        api::readyz,
        document,
        sessions::list,
        sessions::delete,
        sessions::find,
        sessions::transcript,
        verdicts::list,
        verdicts::delete,
        verdicts::find,
        messages::list,
        messages::delete,
        messages::find,
        messages::raw,
        messages::attachment,
        outbox::list,
        outbox::delete,
        outbox::find,
        outbox::raw,
        events::events,
        providers::list,
        providers::find,
        check::check,
        clock::show,
        clock::change,
        metrics::metrics,
        stubs::list,
        stubs::add,
        stubs::replace,
        stubs::remove_all,
        stubs::find,
        stubs::remove,
        stubs::save,
        report::senders,
        reproduce::reproduce,
        state::list,
        state::release,
        state::scenarios,
        state::scenario,
        state::move_scenario,
        state::reset,
    ),
    components(schemas(Problem)),
    modifiers(&Completed)
)]
struct Described;

/// This document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", operation_id = "getDocument", tag = "document",
    responses((status = 200, description = "it", body = Object))
)]
pub(crate) async fn document(RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    Given::read(query.as_deref(), &[])?;
    static DOCUMENT: LazyLock<serde_json::Result<String>> = LazyLock::new(|| Described::openapi().to_json());
    let document = DOCUMENT.as_deref().map_err(|error| ApiError::fault(error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document).into_response())
}

/// Adds what the tables of parameters know, and the problems that every endpoint can answer with.
struct Completed;

impl Modify for Completed {
    fn modify(&self, document: &mut Document) {
        for kind in Kind::ALL {
            let path = path(kind);
            let Some(item) = document.paths.paths.get_mut(&path) else { continue };
            add_parameters(item.get.as_mut(), &query::parameters(kind));
            add_parameters(item.delete.as_mut(), &query::filters(kind));
            add_problems(item.get.as_mut(), &[(503, "mockmx is stopping")]);
            add_links(item.get.as_mut(), LINKS[kind as usize]);
        }
        for (path, parameters) in OTHERS {
            let Some(item) = document.paths.paths.get_mut(*path) else { continue };
            operations(item).for_each(|operation| add_parameters(Some(operation), parameters));
        }
        if let Some(item) = document.paths.paths.get_mut("/api/v1/stubs") {
            add_parameters(item.get.as_mut(), &[stubs::UNMATCHED]);
            add_links(item.get.as_mut(), &["getStub"]);
        }
        for (path, item) in &mut document.paths.paths {
            if path.ends_with("z") {
                continue;
            }
            for operation in operations(item) {
                let missing = path.contains('{').then_some((404, "there is no such thing"));
                let of_body = [
                    (408, "the body came too slowly"),
                    (413, "the body is too large"),
                    (415, "the body is of another media type"),
                ];
                let of_body = of_body.into_iter().filter(|_| operation.request_body.is_some());
                let problems: Vec<_> = ALWAYS.into_iter().chain(missing).chain(of_body).collect();
                add_problems(Some(operation), &problems);
                operation.security =
                    Some(vec![SecurityRequirement::default(), SecurityRequirement::new("token", Vec::<String>::new())]);
            }
        }
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("asked for if one is set"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
    }
}

/// Where the id of a record in a page leads, by its kind.
const LINKS: [&[&str]; Kind::ALL.len()] = [
    &["getSession", "getTranscript"],
    &["getVerdict"],
    &["getMessage", "getRawMessage", "getAttachment"],
    &["getNotification", "getRawNotification"],
    &[],
];

/// Where the records of a kind are.
fn path(kind: Kind) -> String {
    match kind {
        Kind::Notification => outbox::PATH.to_owned(),
        kind => format!("/api/v1/{}s", kind.name()),
    }
}

/// The parameters of what is no collection.
const OTHERS: &[(&str, &[Parameter])] = &[
    ("/api/v1/messages/{id}/raw", &messages::RAW),
    ("/api/v1/events", &events::PARAMETERS),
    ("/api/v1/check", &check::PARAMETERS),
    ("/api/v1/clock", &[LANE]),
    ("/api/v1/stubs", &[LANE]),
    ("/api/v1/stubs/save", &[LANE]),
    ("/api/v1/state", &[LANE]),
    ("/api/v1/state/{key}", &[LANE]),
    ("/api/v1/scenarios", &[LANE]),
    ("/api/v1/scenarios/{name}", &[LANE]),
    ("/api/v1/reset", &[LANE]),
    ("/api/v1/senders/report", &report::PARAMETERS),
    ("/api/v1/reproduce", &reproduce::PARAMETERS),
];

/// The problems that every endpoint can answer with, health aside.
const ALWAYS: [(u16, &str); 5] = [
    (400, "the request is not understood"),
    (401, "the token is missing or wrong"),
    (403, "the request comes from another site"),
    (421, "the request is for another host"),
    (500, "mockmx could not do it"),
];

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
}

fn add_problems(operation: Option<&mut Operation>, problems: &[(u16, &str)]) {
    let Some(operation) = operation else { return };
    for (status, about) in problems {
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new().description(*about).content(PROBLEM_JSON, problem).build();
        let known = &mut operation.responses.responses;
        known.entry(status.to_string()).or_insert(RefOr::T(response));
    }
}

/// Says that the id of a page's first record is a parameter of other operations.
fn add_links(operation: Option<&mut Operation>, to: &[&str]) {
    let page = operation.and_then(|operation| operation.responses.responses.get_mut("200"));
    let Some(RefOr::T(page)) = page else { return };
    for id in to {
        let link = Link::builder().operation_id(*id).parameter("id", "$response.body#/items/0/id");
        page.links.insert((*id).to_owned(), RefOr::T(link.build()));
    }
}

fn add_parameters(operation: Option<&mut Operation>, parameters: &[Parameter]) {
    let Some(operation) = operation else { return };
    let built = parameters.iter().map(|parameter| {
        let schema = schema_of(parameter.holds);
        let (schema, example) = if parameter.repeats {
            (Schema::Array(ArrayBuilder::new().items(schema).build()), serde_json::json!([parameter.example]))
        } else {
            let example = match parameter.holds {
                Holds::Number { .. } | Holds::Boolean => serde_json::from_str(parameter.example).unwrap_or_default(),
                _ => parameter.example.into(),
            };
            (Schema::Object(schema), example)
        };
        let built = ParameterBuilder::new()
            .name(parameter.name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(parameter.about))
            .schema(Some(schema))
            .example(Some(example))
            .build();
        RefOr::T(built)
    });
    operation.parameters.get_or_insert_default().extend(built);
}

fn schema_of(holds: Holds) -> Object {
    let of = |kind| ObjectBuilder::new().schema_type(SchemaType::Type(kind));
    let text = of(Type::String);
    let object = match holds {
        Holds::Text => text,
        Holds::Like(pattern) => text.pattern(Some(pattern)),
        Holds::Id => text.format(Some(SchemaFormat::Custom("uuid".to_owned()))),
        Holds::Time => text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
        Holds::OneOf(words) => text.enum_values(Some(words())),
        Holds::Number { least, most } => of(Type::Integer).minimum(Some(least as u64)).maximum(Some(most as u64)),
        Holds::Boolean => of(Type::Boolean),
    };
    object.build()
}

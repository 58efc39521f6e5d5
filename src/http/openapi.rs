//! The OpenAPI document, made of the handlers and of the tables of parameters.

use std::sync::LazyLock;

use axum::extract::RawQuery;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, Required, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi};

use super::errors::{ApiError, PROBLEM_JSON, Problem};
use super::parameters::{Given, Holds, Parameter};
use super::{api, messages, query, sessions, verdicts};
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
            let path = format!("/api/v1/{}s", kind.name());
            let Some(item) = document.paths.paths.get_mut(&path) else { continue };
            add_parameters(item.get.as_mut(), &query::parameters(kind));
            add_parameters(item.delete.as_mut(), &query::filters(kind));
            add_problems(item.get.as_mut(), &[(503, "mockmx is stopping")]);
        }
        for (path, item) in &mut document.paths.paths {
            if path.ends_with("z") {
                continue;
            }
            for operation in operations(item) {
                let missing = path.contains('{').then_some((404, "there is no such thing"));
                let of_body = [(413, "the body is too large"), (415, "the body is of another media type")];
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
    match holds {
        Holds::Text | Holds::Time => ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).build(),
        Holds::OneOf(words) => {
            ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(words())).build()
        }
        Holds::Number { least, most } => ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(least as u64))
            .maximum(Some(most as u64))
            .build(),
        Holds::Boolean => ObjectBuilder::new().schema_type(SchemaType::Type(Type::Boolean)).build(),
    }
}

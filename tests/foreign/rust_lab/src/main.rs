//! Tells a story through the OpenTelemetry SDK for Rust: foreign PROTOCOL STORY.json.
//!
//! The exporter finds its endpoint in OTEL_EXPORTER_OTLP_ENDPOINT.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Link, Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value as Said};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::Resource;
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let story: Value = serde_json::from_str(&std::fs::read_to_string(&arguments[2])?)?;
    // The exporter for gRPC wants a runtime around it; the batches have a thread of their own.
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let resource = Resource::builder().with_attributes(attributes(&story["resource"])).build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter(&arguments[1])?)
        .with_resource(resource)
        .build();
    tell(&provider.tracer("foreign"), story["spans"].as_array().ok_or("no spans")?)?;
    provider.force_flush()?;
    provider.shutdown()?;
    Ok(())
}

fn exporter(protocol: &str) -> Outcome<SpanExporter> {
    let built = match protocol {
        "grpc" => SpanExporter::builder().with_tonic().build()?,
        "http/json" => SpanExporter::builder().with_http().with_protocol(Protocol::HttpJson).build()?,
        _ => SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?,
    };
    Ok(built)
}

fn tell<T: Tracer>(tracer: &T, spans: &[Value]) -> Outcome<()>
where
    T::Span: Send + Sync + 'static,
{
    let mut contexts: Vec<Context> = Vec::new();
    for one in spans {
        let under = one["parent"].as_u64().map_or(Context::new(), |at| contexts[at as usize].clone());
        let links = one["links"].as_array().map_or(&[][..], Vec::as_slice).iter();
        let links = links.filter_map(Value::as_u64).map(|to| {
            Link::with_context(contexts[to as usize].span().span_context().clone())
        });
        let mut span = tracer
            .span_builder(one["name"].as_str().unwrap_or_default().to_owned())
            .with_kind(kind(one["kind"].as_str().unwrap_or_default()))
            .with_start_time(time(&one["start"]))
            .with_links(links.collect())
            .with_attributes(attributes(&one["attributes"]))
            .start_with_context(tracer, &under);
        if one["error"].as_bool() == Some(true) {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(time(&one["end"]));
        contexts.push(Context::new().with_span(span));
    }
    Ok(())
}

fn kind(name: &str) -> SpanKind {
    match name {
        "client" => SpanKind::Client,
        "server" => SpanKind::Server,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn time(nanoseconds: &Value) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds.as_u64().unwrap_or_default())
}

/// What Rust's SDK has for a value: a list has no nulls there, only empty strings.
fn attributes(values: &Value) -> Vec<KeyValue> {
    let said = |value: &Value| match value {
        Value::Bool(yes) => Said::Bool(*yes),
        Value::Number(number) => Said::I64(number.as_i64().expect("a whole number")),
        Value::Array(items) => Said::Array(Array::String(
            items.iter().map(|item| StringValue::from(item.as_str().unwrap_or_default().to_owned())).collect(),
        )),
        other => Said::String(other.as_str().unwrap_or_default().to_owned().into()),
    };
    values
        .as_object()
        .map(|found| found.iter().map(|(name, value)| KeyValue::new(name.clone(), said(value))).collect())
        .unwrap_or_default()
}

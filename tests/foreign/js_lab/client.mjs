// Tells a story through the OpenTelemetry SDK for JavaScript: client.mjs PROTOCOL STORY.json.
//
// The exporter finds its endpoint in OTEL_EXPORTER_OTLP_ENDPOINT.
import { readFileSync } from "node:fs";
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const EXPORTERS = {
  grpc: "@opentelemetry/exporter-trace-otlp-grpc",
  "http/json": "@opentelemetry/exporter-trace-otlp-http",
  "http/protobuf": "@opentelemetry/exporter-trace-otlp-proto",
};

const [, , protocol, path] = process.argv;
// Times in nanoseconds are beyond what a number holds: pairs of seconds and nanoseconds.
const text = readFileSync(path, "utf8").replace(/"(start|end)": ?(\d+)(\d{9})/g, '"$1": [$2, "$3"]');
const story = JSON.parse(text);
const time = ([seconds, nanoseconds]) => [seconds, Number(nanoseconds)];

const { OTLPTraceExporter } = await import(EXPORTERS[protocol]);
const provider = new NodeTracerProvider({
  resource: defaultResource().merge(resourceFromAttributes(story.resource)),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
const tracer = provider.getTracer("foreign");
const spans = [];
for (const one of story.spans) {
  const under = one.parent === null ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, spans[one.parent]);
  const span = tracer.startSpan(one.name, {
    kind: SpanKind[one.kind.toUpperCase()],
    startTime: time(one.start),
    attributes: one.attributes, // null entries of a list go as they are
    links: one.links.map((to) => ({ context: spans[to].spanContext() })),
  }, under);
  if (one.error) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(time(one.end));
  spans.push(span);
}
await provider.forceFlush();
await provider.shutdown();

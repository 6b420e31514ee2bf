// Tells a story through the OpenTelemetry SDK for Go: main PROTOCOL STORY.json.
//
// The exporter finds its endpoint in OTEL_EXPORTER_OTLP_ENDPOINT.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type told struct {
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	Start      int64          `json:"start"`
	End        int64          `json:"end"`
	Parent     *int           `json:"parent"`
	Links      []int          `json:"links"`
	Error      bool           `json:"error"`
	Attributes map[string]any `json:"attributes"`
}

type story struct {
	Resource map[string]any `json:"resource"`
	Spans    []told         `json:"spans"`
}

var kinds = map[string]trace.SpanKind{
	"internal": trace.SpanKindInternal,
	"client":   trace.SpanKindClient,
	"server":   trace.SpanKindServer,
	"producer": trace.SpanKindProducer,
	"consumer": trace.SpanKindConsumer,
}

func main() {
	ctx := context.Background()
	exporter, err := exporterOf(ctx, os.Args[1])
	check(err)
	told := read(os.Args[2])
	named := resource.NewWithAttributes("", attributes(told.Resource)...)
	merged, err := resource.Merge(resource.Default(), named)
	check(err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(merged))
	tell(ctx, provider.Tracer("foreign"), told.Spans)
	check(provider.ForceFlush(ctx))
	check(provider.Shutdown(ctx))
}

func exporterOf(ctx context.Context, protocol string) (sdktrace.SpanExporter, error) {
	if protocol == "grpc" {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx) // protobuf: it has no other
}

func tell(ctx context.Context, tracer trace.Tracer, spans []told) {
	var contexts []context.Context
	for _, one := range spans {
		under := ctx
		if one.Parent != nil {
			under = contexts[*one.Parent]
		}
		var links []trace.Link
		for _, to := range one.Links {
			links = append(links, trace.LinkFromContext(contexts[to]))
		}
		begun, span := tracer.Start(under, one.Name,
			trace.WithSpanKind(kinds[one.Kind]),
			trace.WithTimestamp(time.Unix(0, one.Start)),
			trace.WithLinks(links...),
			trace.WithAttributes(attributes(one.Attributes)...))
		if one.Error {
			span.SetStatus(codes.Error, "")
		}
		span.End(trace.WithTimestamp(time.Unix(0, one.End)))
		contexts = append(contexts, begun)
	}
}

// attributes gives what Go's SDK has for a value: a list has no nulls there, only empty strings.
func attributes(values map[string]any) []attribute.KeyValue {
	var found []attribute.KeyValue
	for name, value := range values {
		switch said := value.(type) {
		case string:
			found = append(found, attribute.String(name, said))
		case bool:
			found = append(found, attribute.Bool(name, said))
		case json.Number:
			number, err := said.Int64()
			check(err)
			found = append(found, attribute.Int64(name, number))
		case []any:
			texts := make([]string, len(said))
			for at, item := range said {
				texts[at], _ = item.(string)
			}
			found = append(found, attribute.StringSlice(name, texts))
		default:
			log.Fatalf("%s: no attribute is a %T", name, value)
		}
	}
	return found
}

func read(path string) story {
	text, err := os.ReadFile(path)
	check(err)
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var found story
	check(decoder.Decode(&found))
	return found
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

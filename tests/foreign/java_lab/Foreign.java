import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/**
 * Tells a story through the OpenTelemetry SDK for Java: Foreign PROTOCOL STORY.json.
 *
 * <p>The endpoint is OTEL_EXPORTER_OTLP_ENDPOINT, which this SDK reads only with autoconfiguration.
 */
public final class Foreign {
  private Foreign() {}

  public static void main(String[] arguments) throws Exception {
    JsonNode story = new ObjectMapper().readTree(new File(arguments[1]));
    Resource resource = Resource.getDefault().merge(Resource.create(attributes(story.get("resource"))));
    try (SdkTracerProvider provider =
        SdkTracerProvider.builder()
            .setResource(resource)
            .addSpanProcessor(BatchSpanProcessor.builder(exporter(arguments[0])).build())
            .build()) {
      tell(provider.get("foreign"), story.get("spans"));
      if (!provider.forceFlush().join(20, TimeUnit.SECONDS).isSuccess()) {
        throw new IllegalStateException("not exported");
      }
    }
  }

  private static SpanExporter exporter(String protocol) {
    String endpoint = System.getenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    return protocol.equals("grpc")
        ? OtlpGrpcSpanExporter.builder().setEndpoint(endpoint).build()
        : OtlpHttpSpanExporter.builder().setEndpoint(endpoint + "/v1/traces").build();
  }

  private static void tell(Tracer tracer, JsonNode spans) {
    List<Span> begun = new ArrayList<>();
    for (JsonNode one : spans) {
      SpanBuilder builder =
          tracer
              .spanBuilder(one.get("name").asText())
              .setSpanKind(SpanKind.valueOf(one.get("kind").asText().toUpperCase(Locale.ROOT)))
              .setStartTimestamp(one.get("start").asLong(), TimeUnit.NANOSECONDS)
              .setAllAttributes(attributes(one.get("attributes")));
      if (one.get("parent").isNull()) {
        builder.setNoParent();
      } else {
        builder.setParent(Context.root().with(begun.get(one.get("parent").asInt())));
      }
      for (JsonNode to : one.get("links")) {
        builder.addLink(begun.get(to.asInt()).getSpanContext());
      }
      Span span = builder.startSpan();
      if (one.get("error").asBoolean()) {
        span.setStatus(StatusCode.ERROR);
      }
      span.end(one.get("end").asLong(), TimeUnit.NANOSECONDS);
      begun.add(span);
    }
  }

  /** What Java's SDK has for a value; it takes nulls in a list for what they are. */
  private static Attributes attributes(JsonNode values) {
    AttributesBuilder found = Attributes.builder();
    values
        .fields()
        .forEachRemaining(
            entry -> {
              JsonNode value = entry.getValue();
              String name = entry.getKey();
              if (value.isBoolean()) {
                found.put(name, value.asBoolean());
              } else if (value.isIntegralNumber()) {
                found.put(name, value.asLong());
              } else if (value.isArray()) {
                List<String> texts = new ArrayList<>();
                value.forEach(item -> texts.add(item.isNull() ? null : item.asText()));
                found.put(AttributeKey.stringArrayKey(name), texts);
              } else {
                found.put(name, value.asText());
              }
            });
    return found.build();
  }
}

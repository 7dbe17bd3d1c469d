/**
 * OpenTelemetry, as the standard OTEL_* variables say: traces, metrics and logs go to the endpoint by OTLP. Without an endpoint nothing
 * leaves the process, but a request still has its trace id, in the log and on the way to other services.
 *
 * `node --import` loads this module before the service. It patches node:http in place, which ES modules see too; hence no loader hook,
 * which would double the time to start. A library that only a hook can reach, such as a database's, needs
 * `register("@opentelemetry/instrumentation/hook.mjs", import.meta.url)` here.
 */

import { createRequire, syncBuiltinESMExports } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { context, metrics } from "@opentelemetry/api";
import { logs } from "@opentelemetry/api-logs";
import { isTracingSuppressed } from "@opentelemetry/core";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace-node";
import { SERVICE } from "./config.ts";
import { isOperational } from "./router.ts";

const FLUSH_LIMIT_MS = 5_000;

const { env } = process;
const started = env.OTEL_SDK_DISABLED === "true" ? [] : await start();

/** Send what is still here, and stop. A collector that does not answer never keeps the process, nor fails it. */
export async function flush(): Promise<void> {
  await Promise.race([Promise.allSettled(started.map((provider) => provider.shutdown())), sleep(FLUSH_LIMIT_MS)]);
}

async function start(): Promise<{ shutdown(): Promise<void> }[]> {
  // What the environment says of the resource goes first.
  const resource = resourceFromAttributes({
    "service.name": SERVICE,
    "service.version": env.VERSION || "development",
  }).merge(detectResources({ detectors: [envDetector] }));

  const tracing = new NodeTracerProvider({ resource, spanProcessors: await spanProcessors() });
  tracing.register();
  const providers: { shutdown(): Promise<void> }[] = [tracing];

  // What is not sent is not loaded: each of these costs some megabytes.
  if (isSent("METRICS")) {
    const { MeterProvider, PeriodicExportingMetricReader } = await import("@opentelemetry/sdk-metrics");
    const { OTLPMetricExporter } = await import("@opentelemetry/exporter-metrics-otlp-proto");
    const exportIntervalMillis = Number(env.OTEL_METRIC_EXPORT_INTERVAL) || 60_000;
    const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis });
    const provider = new MeterProvider({ resource, readers: [reader] });
    metrics.setGlobalMeterProvider(provider);
    providers.push(provider);
  }
  if (isSent("LOGS")) {
    const { BatchLogRecordProcessor, LoggerProvider } = await import("@opentelemetry/sdk-logs");
    const { OTLPLogExporter } = await import("@opentelemetry/exporter-logs-otlp-proto");
    const processor = new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() });
    const provider = new LoggerProvider({ resource, processors: [processor] });
    logs.setGlobalLoggerProvider(provider);
    providers.push(provider);
  }

  instrument();
  return providers;
}

async function spanProcessors(): Promise<SpanProcessor[]> {
  if (!isSent("TRACES")) return [];
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
  return [new BatchSpanProcessor(new OTLPTraceExporter())];
}

/** There is an endpoint for this signal, and nobody switched it off. */
function isSent(signal: "TRACES" | "METRICS" | "LOGS"): boolean {
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT || env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`];
  return Boolean(endpoint) && env[`OTEL_${signal}_EXPORTER`] !== "none";
}

/** Requests that come in and go out by node:http, and those that go out by fetch. */
function instrument(): void {
  const http = new HttpInstrumentation({
    ignoreIncomingRequestHook: ({ url = "" }) => isOperational(url),
    ignoreOutgoingRequestHook: () => isTracingSuppressed(context.active()), // telemetry's own, which would be measured
  });
  registerInstrumentations({ instrumentations: [http, new UndiciInstrumentation()] });
  // A module is patched when it is required. Its names are then bound anew for those who import it.
  const require = createRequire(import.meta.url);
  require("node:http");
  require("node:https");
  syncBuiltinESMExports();
}

/** These need the service as a process: telemetry is loaded before everything else, or it sees nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVICE } from "../src/config.ts";
import { NOBODY, type Received, Service, standIn } from "./support.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;

/** Everything that was sent to one path of the collector. Protobuf leaves text as it is, and ids as bytes. */
function sent(received: readonly Received[], path: string): Buffer {
  return Buffer.concat(received.filter((request) => request.path === path).map(({ body }) => body));
}

test("a request is a span, a log line and a measurement at the collector", { timeout: 20_000 }, async () => {
  const collector = await standIn();
  const service = new Service({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, VERSION: "abc123" });
  const base = await service.listening();

  await fetch(base, { headers: { traceparent } });
  for (const path of ["/healthz", "/readyz", "/metrics"]) await fetch(base + path);
  service.signal("SIGTERM");
  assert.equal(await service.exitCode(), 0);

  const [spans, logs, measurements] = ["traces", "logs", "metrics"].map((signal) =>
    sent(collector.received, `/v1/${signal}`),
  );
  for (const text of [SERVICE, "abc123", "GET /", "http.route"]) assert.ok(spans?.includes(text), text);
  assert.ok(spans?.includes(Buffer.from(TRACE, "hex")));
  assert.ok(logs?.includes("listening"));
  assert.ok(logs?.includes(Buffer.from(TRACE, "hex")));
  assert.ok(measurements?.includes("http.server.request.duration"));
  assert.doesNotMatch(spans?.toString("latin1") ?? "", /healthz|readyz|\/metrics/);
});

test("a line of the log names the trace that the request came with", { timeout: 20_000 }, async () => {
  const service = new Service({});
  await fetch(await service.listening(), { headers: { traceparent } });
  service.signal("SIGTERM");
  await service.exitCode();

  const line = service.log.find(({ msg }) => msg === "request");
  assert.equal(line?.trace_id, TRACE);
  assert.match(String(line?.span_id), /^[0-9a-f]{16}$/);
});

test("a signal that is switched off is not sent", { timeout: 20_000 }, async () => {
  const collector = await standIn();
  const service = new Service({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_METRICS_EXPORTER: "none",
    OTEL_LOGS_EXPORTER: "none",
  });
  await fetch(await service.listening());
  service.signal("SIGTERM");
  await service.exitCode();

  assert.deepEqual(new Set(collector.received.map(({ path }) => path)), new Set(["/v1/traces"]));
});

test("a collector that is away does not fail the service, nor keep it for long", { timeout: 20_000 }, async () => {
  const service = new Service({ OTEL_EXPORTER_OTLP_ENDPOINT: NOBODY });
  const response = await fetch(await service.listening());
  const before = performance.now();
  service.signal("SIGTERM");

  assert.equal(response.status, 200);
  assert.equal(await service.exitCode(), 0);
  assert.ok(performance.now() - before < 10_000);
});

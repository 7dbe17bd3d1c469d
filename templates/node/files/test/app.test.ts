import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type App, createApp } from "../src/app.ts";
import { SERVICE } from "../src/config.ts";
import { createDependencies } from "../src/dependencies.ts";
import { createLog } from "../src/log.ts";
import { createMetrics } from "../src/metrics.ts";
import type { Route } from "../src/router.ts";
import { NOBODY, standIn } from "./support.ts";

const ROUTES: Route[] = [
  { method: "GET", path: "/", answer: ({ query }) => ({ body: { from: query.get("from") } }) },
  { method: "GET", path: "/bikes/:id", answer: ({ params }) => ({ body: params.id }) },
  { method: "POST", path: "/bikes", answer: async ({ json }) => ({ status: 201, body: await json() }) },
  { method: "GET", path: "/empty", answer: () => ({ body: undefined }) },
  {
    method: "POST",
    path: "/fail",
    answer: () => {
      throw new Error("on purpose");
    },
  },
];

let app: App;
let base: string;
let lines: string[];

/** An app that calls other services; `required` are the names that it cannot do without. */
async function start(urls: Record<string, string> = {}, required: readonly string[] = []): Promise<void> {
  lines = [];
  const log = createLog("debug", "test", { write: (line) => lines.push(line) });
  const dependencies = createDependencies(
    Object.entries(urls).map(([name, url]) => ({ name, url, required: required.includes(name) })),
  );
  app = createApp({ log, metrics: createMetrics(), dependencies, routes: ROUTES });
  base = `http://127.0.0.1:${await app.listen(0, "127.0.0.1")}`;
}

beforeEach(() => start());
afterEach(() => app.close());

async function get(path: string): Promise<[number, unknown]> {
  const response = await fetch(base + path);
  return [response.status, await response.json()];
}

test("a route has its parameters decoded, and the query", async () => {
  assert.equal(await (await fetch(`${base}/bikes/Zo%C3%AB`)).text(), "Zoë");
  assert.deepEqual(await get("/?from=test"), [200, { from: "test" }]);
});

test("a JSON body is read", async () => {
  const response = await fetch(`${base}/bikes`, { method: "POST", body: '{"color":"red"}' });

  assert.equal(response.status, 201);
  assert.deepEqual(await response.json(), { color: "red" });
});

for (const [body, status] of [
  ["", 400],
  ["{", 400],
  ["1".repeat(1024 * 1024 + 1), 413],
] as const) {
  test(`a body of ${body.length} bytes that is no use is a ${status}`, async () => {
    assert.equal((await fetch(`${base}/bikes`, { method: "POST", body })).status, status);
  });
}

test("HEAD is answered as GET without the body", async () => {
  const response = await fetch(base, { method: "HEAD" });

  assert.equal(response.status, 200);
  assert.equal(await response.text(), "");
});

for (const path of ["/nothing/here", "/bikes/", "/bikes/%E0%A4%A", "//"]) {
  test(`${path} is not found`, async () => {
    assert.deepEqual(await get(path), [404, { error: "not found" }]);
  });
}

test("another method is refused with the allowed one", async () => {
  const response = await fetch(base, { method: "DELETE" });

  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "GET");
});

test("a failure is a 500 that tells the caller nothing and the log everything", async () => {
  const response = await fetch(`${base}/fail`, { method: "POST", body: "{}" });

  assert.equal(response.status, 500);
  assert.deepEqual(await response.json(), { error: "internal error" });
  assert.ok(lines.some((line) => line.includes("on purpose") && JSON.parse(line).level === "error"));
});

test("an answer that cannot be sent is a failure, not a crash", async () => {
  assert.equal((await fetch(`${base}/empty`)).status, 500);
});

test("requests are measured by route template, probes are not", async () => {
  for (const path of ["/bikes/one", "/bikes/two", "/healthz", "/readyz", "/nothing/here"]) await fetch(base + path);
  const page = await (await fetch(`${base}/metrics`)).text();

  const counted = page.split("\n").filter((line) => line.startsWith("http_requests_total{"));
  assert.deepEqual(counted, [
    `http_requests_total{method="GET",route="/bikes/:id",status="200"} 2`,
    `http_requests_total{method="GET",route="unmatched",status="404"} 1`,
  ]);
  assert.match(page, /^http_request_duration_seconds_bucket\{le="0.1",/m);
  assert.match(page, /^nodejs_eventloop_lag_seconds /m);
  assert.doesNotMatch(page, /^# TYPE \w+_total gauge$/m);
});

test("each request is one line of JSON", async () => {
  await fetch(`${base}/bikes/7`);

  const [line] = lines.map((text) => JSON.parse(text));
  assert.equal(line.service, SERVICE);
  assert.equal(line.version, "test");
  assert.equal(line.level, "info");
  assert.equal(line.msg, "request");
  assert.equal(line.method, "GET");
  assert.equal(line.route, "/bikes/:id");
  assert.equal(line.status, 200);
  assert.equal(typeof line.duration, "number");
  assert.ok(line.time.endsWith("Z") && !Number.isNaN(Date.parse(line.time)));
});

test("a caller that leaves is a 499", { timeout: 10_000 }, async () => {
  const caller = new AbortController();
  const silent = await standIn(() => caller.abort()); // asked, so that the request has come; and never answered
  await app.close();
  await start({ silent: silent.url });

  await assert.rejects(() => fetch(`${base}/readyz`, { signal: caller.signal }));
  while (lines.length === 0) await sleep(10);

  const line = JSON.parse(lines[0] ?? "");
  assert.equal(line.status, 499);
  assert.equal(line.level, "debug");
});

test("it is ready, and says which dependencies answer", async () => {
  const healthy = await standIn();
  await app.close();

  await start({ away: NOBODY, healthy: healthy.url }, ["healthy"]);
  assert.deepEqual(await get("/readyz"), [
    200,
    { status: "degraded", dependencies: { away: "unreachable", healthy: "ok" } },
  ]);
  const page = await (await fetch(`${base}/metrics`)).text();
  assert.match(page, /^dependency_up\{dependency="away"\} 0$/m);
  assert.match(page, /^dependency_up\{dependency="healthy"\} 1$/m);
  await app.close();

  await start({ away: NOBODY }, ["away"]);
  assert.deepEqual(await get("/readyz"), [503, { status: "unavailable", dependencies: { away: "unreachable" } }]);
  assert.deepEqual(await get("/healthz"), [200, { status: "ok" }]);
});

test("while it drains it is alive, not ready, and still answers", async () => {
  assert.deepEqual(await get("/readyz"), [200, { status: "ok", dependencies: {} }]);

  app.drain();

  assert.deepEqual(await get("/readyz"), [503, { status: "stopping" }]);
  assert.equal((await fetch(`${base}/healthz`)).status, 200);
  const response = await fetch(base);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("connection"), "close");
});

test("closing does not wait for connections that ask nothing", { timeout: 10_000 }, async () => {
  await fetch(base); // leaves an idle keep-alive connection
  const unused = connect(Number(new URL(base).port), "127.0.0.1");
  await new Promise((resolve) => unused.once("connect", resolve));
  await sleep(20);

  await app.close();
  unused.destroy();
  await app.listen(0, "127.0.0.1");
});

import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { type App, createApp, type Route, serviceRoutes } from "../src/app.ts";
import { SERVICE } from "../src/config.ts";
import { createLog } from "../src/log.ts";
import { createMetrics } from "../src/metrics.ts";

let app: App;
let base: string;
let lines: string[];

const failing: Route = {
  method: "POST",
  path: "/fail",
  answer: () => {
    throw new Error("on purpose");
  },
};

const empty: Route = { method: "GET", path: "/empty", answer: () => ({ body: undefined }) };

beforeEach(async () => {
  lines = [];
  const log = createLog("debug", "test", { write: (line) => lines.push(line) });
  const routes = [...serviceRoutes("test"), failing, empty];
  app = createApp({ log, metrics: createMetrics(), version: "test", routes });
  base = `http://127.0.0.1:${await app.listen(0, "127.0.0.1")}`;
});

afterEach(() => app.close());

test("/ says which service in which version answers", async () => {
  const response = await fetch(`${base}/?from=test`);

  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { service: SERVICE, version: "test" });
});

test("a route's parameters are decoded", async () => {
  const response = await fetch(`${base}/hello/Zo%C3%AB`);

  assert.deepEqual(await response.json(), { message: "Hello, Zoë!" });
});

test("HEAD is answered as GET without the body", async () => {
  const response = await fetch(base, { method: "HEAD" });

  assert.equal(response.status, 200);
  assert.equal(await response.text(), "");
});

for (const path of ["/nothing/here", "/hello/", "/hello/%E0%A4%A", "//"]) {
  test(`${path} is not found`, async () => {
    assert.equal((await fetch(base + path)).status, 404);
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
  for (const path of ["/hello/one", "/hello/two", "/healthz", "/readyz", "/nothing/here"]) await fetch(base + path);
  const page = await (await fetch(`${base}/metrics`)).text();

  const counted = page.split("\n").filter((line) => line.startsWith("http_requests_total{"));
  assert.deepEqual(counted, [
    `http_requests_total{method="GET",route="/hello/:name",status="200",service="${SERVICE}"} 2`,
    `http_requests_total{method="GET",route="unmatched",status="404",service="${SERVICE}"} 1`,
  ]);
  assert.match(page, /^http_request_duration_seconds_bucket\{le="0.1",/m);
  assert.match(page, /^nodejs_eventloop_lag_seconds\{/m);
});

test("each request is one line of JSON", async () => {
  await fetch(`${base}/hello/you`);

  const [line] = lines.map((text) => JSON.parse(text));
  assert.equal(line.service, SERVICE);
  assert.equal(line.level, "info");
  assert.equal(line.msg, "request");
  assert.equal(line.method, "GET");
  assert.equal(line.route, "/hello/:name");
  assert.equal(line.status, 200);
  assert.equal(typeof line.duration, "number");
  assert.ok(!Number.isNaN(Date.parse(line.time)));
});

test("while it drains it is alive, not ready, and still answers", async () => {
  assert.equal((await fetch(`${base}/readyz`)).status, 200);

  app.drain();

  assert.equal((await fetch(`${base}/readyz`)).status, 503);
  assert.equal((await fetch(`${base}/healthz`)).status, 200);
  const response = await fetch(base);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("connection"), "close");
});

test("closing does not wait for connections that ask nothing", { timeout: 2_000 }, async () => {
  await fetch(base); // leaves an idle keep-alive connection
  const unused = connect(Number(new URL(base).port), "127.0.0.1");
  await new Promise((resolve) => unused.once("connect", resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));

  await app.close();
  unused.destroy();
  await app.listen(0, "127.0.0.1");
});

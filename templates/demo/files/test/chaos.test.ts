import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type App, createApp } from "../src/app.ts";
import { withChaos } from "../src/chaos.ts";
import { createDependencies } from "../src/dependencies.ts";
import { createLog } from "../src/log.ts";
import { createMetrics } from "../src/metrics.ts";

let app: App;
let base: string;
/** What comes in place of chance, in this order; then 0.5 for ever. */
let chances: number[];

beforeEach(async () => {
  chances = [];
  const log = createLog("silent", "test");
  const routes = withChaos([{ method: "GET", path: "/", answer: () => ({ body: "fine" }) }], log, () => {
    return chances.shift() ?? 0.5;
  });
  app = createApp({ log, metrics: createMetrics(), dependencies: createDependencies([]), routes });
  base = `http://127.0.0.1:${await app.listen(0, "127.0.0.1")}`;
  await configure({ errorRate: 0, latencyMax: 0 });
});
afterEach(() => app.close());

async function configure(body: unknown): Promise<[number, unknown]> {
  const response = await fetch(`${base}/config`, { method: "POST", body: JSON.stringify(body) });
  return [response.status, await response.json()];
}

const status = async (path: string): Promise<number> => (await fetch(base + path)).status;

test("it is told in parts, and says what it has", async () => {
  await configure({ errorRate: 0.25 });
  await configure({ latencyMax: 20 });

  assert.deepEqual(await configure({}), [200, { errorRate: 0.25, latencyMax: 20 }]);
  assert.deepEqual(await (await fetch(`${base}/config`)).json(), { errorRate: 0.25, latencyMax: 20 });
});

test("a share of requests fails, until it is set back", async () => {
  await configure({ errorRate: 0.3 });
  chances = [0.29, 0.3];

  const failed = await fetch(base);
  assert.equal(failed.status, 500);
  assert.deepEqual(await failed.json(), { error: "failed on purpose" });
  assert.equal(await status("/"), 200);

  await configure({ errorRate: 0 });
  chances = [0];
  assert.equal(await status("/"), 200);
});

test("a request waits its share of the longest time, then fails or does not", async () => {
  await configure({ errorRate: 1, latencyMax: 200 });
  chances = [0.5, 0];
  const started = performance.now();

  assert.equal(await status("/"), 500);
  const took = performance.now() - started;
  assert.ok(took >= 95 && took < 1_000, `${took} ms`);
});

test("what the platform asks, and /config, never fail", async () => {
  await configure({ errorRate: 1, latencyMax: 10_000 });

  for (const path of ["/healthz", "/readyz", "/metrics", "/config"]) assert.equal(await status(path), 200);
});

for (const [body, error] of [
  [{ errorRate: "high" }, 'errorRate must be a number from 0 to 1, not "high"'],
  [{ errorRate: 30 }, "errorRate must be a number from 0 to 1, not 30"],
  [
    { latencyMax: -1, errorRate: null },
    "latencyMax must be a number from 0 to 10000, not -1; errorRate must be a number from 0 to 1, not null",
  ],
  [{ errorrate: 0.5 }, "errorrate is not known"],
  [0.5, "body must be an object"],
  [null, "body must be an object"],
] as const) {
  test(`${JSON.stringify(body)} is refused, and changes nothing`, async () => {
    assert.deepEqual(await configure(body), [400, { error }]);
    assert.deepEqual(await configure({}), [200, { errorRate: 0, latencyMax: 0 }]);
  });
}

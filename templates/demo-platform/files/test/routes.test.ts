import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SERVICE } from "../src/config.ts";
import { NOBODY, Service, type StandIn, standIn } from "./support.ts";

function knows(body: unknown): Promise<StandIn> {
  return standIn((request, response) => {
    const status = request.url?.endsWith("/7") || request.url === "/healthz" ? 200 : 404;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
}

async function platform(env: Record<string, string>) {
  const service = new Service({ VERSION: "test", ...env });
  const base = await service.listening();
  const ask = async (path: string, body?: string) => {
    const response = await fetch(base + path, body === undefined ? {} : { method: "POST", body });
    return [response.status, await response.json()];
  };
  return { service, ask, pace: (interval: number) => ask("/config/scheduler", JSON.stringify({ interval })) };
}

/** As Kubernetes does; only what ends so counts as covered. */
async function stopped(service: Service): Promise<void> {
  service.signal("SIGTERM");
  assert.equal(await service.exitCode(), 0);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

test("an overview is what both say, in one trace", { timeout: 20_000 }, async () => {
  const rental = await knows({ rentals: [] });
  const vehicles = await knows({ kind: "scooter" });
  const { service, ask, pace } = await platform({
    RENTAL_SERVICE_URL: rental.url,
    VEHICLES_SERVICE_URL: vehicles.url,
  });
  await pace(0);

  assert.deepEqual(await ask("/"), [200, { service: SERVICE, version: "test" }]);
  assert.deepEqual(await ask("/overview/8"), [404, { error: "no such vehicle" }]);
  const overview = { id: "7", vehicle: { kind: "scooter" }, history: { rentals: [] } };
  assert.deepEqual(await ask("/overview/7"), [200, overview]);

  const calls = [rental, vehicles].map(({ received }) => received.at(-1));
  assert.deepEqual(
    calls.map((call) => call?.path),
    ["/history/7", "/vehicles/7"],
  );
  const traces = new Set(calls.map((call) => String(call?.headers.traceparent).split("-")[1]));
  await until(() => service.log.filter(({ route }) => route === "/overview/:id").length === 2);
  const line = service.log.findLast(({ route }) => route === "/overview/:id");
  assert.deepEqual([...traces], [line?.trace_id]);
  await stopped(service);
});

test("one that does not answer is named", { timeout: 20_000 }, async () => {
  const vehicles = await knows({});
  const { service, ask, pace } = await platform({ RENTAL_SERVICE_URL: NOBODY, VEHICLES_SERVICE_URL: vehicles.url });

  assert.deepEqual(await ask("/overview/7"), [502, { error: "rental did not answer" }]);
  await pace(10);
  await until(() => service.log.some(({ msg }) => msg === "looked in vain"));
  await stopped(service);
});

test("without addresses it stands still, and says whom it lacks", { timeout: 20_000 }, async () => {
  const { service, ask, pace } = await platform({});
  assert.deepEqual(await ask("/config/scheduler"), [200, { interval: 0 }]);

  assert.deepEqual(await ask("/overview/7"), [502, { error: "rental did not answer" }]);
  await pace(10);
  await until(() => service.log.some(({ msg }) => msg === "looked in vain"));
  await stopped(service);
});

test("the scheduler looks at its own pace, each time in a trace of its own", { timeout: 20_000 }, async () => {
  const rental = await knows({});
  const vehicles = await knows({});
  const { service, ask, pace } = await platform({
    RENTAL_SERVICE_URL: rental.url,
    VEHICLES_SERVICE_URL: vehicles.url,
  });

  assert.deepEqual(await pace(20), [200, { interval: 20 }]);
  assert.deepEqual(await ask("/config/scheduler"), [200, { interval: 20 }]);
  await until(() => service.log.filter(({ msg }) => msg === "looked").length >= 3);
  await pace(0);

  const looked = service.log.filter(({ msg }) => msg === "looked");
  const ids = new Set(looked.map(({ trace_id }) => trace_id));
  assert.equal(ids.size, looked.length);
  for (const { received } of [rental, vehicles]) {
    const called = new Set(received.map(({ headers }) => String(headers.traceparent).split("-")[1]));
    for (const id of ids) assert.ok(called.has(String(id)));
  }
  await stopped(service);
});

test("an interval that is none is refused", { timeout: 20_000 }, async () => {
  const { service, ask, pace } = await platform({});
  await pace(0);
  const refused = (given: string) => [
    400,
    { error: `interval must be a number of milliseconds from 0 to 600000, not ${given}` },
  ];

  assert.deepEqual(await ask("/config/scheduler", '{"interval": "fast"}'), refused('"fast"'));
  assert.deepEqual(await ask("/config/scheduler", '{"interval": -1}'), refused("-1"));
  assert.deepEqual(await ask("/config/scheduler", "{}"), refused("left out"));
  assert.deepEqual(await ask("/config/scheduler", "null"), refused("left out"));
  assert.deepEqual(await ask("/config/scheduler"), [200, { interval: 0 }]);
  await stopped(service);
});

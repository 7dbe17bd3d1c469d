import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVICE } from "../src/config.ts";
import { NOBODY, Service, type StandIn, standIn } from "./support.ts";

const VEHICLE = { id: "7", kind: "scooter" };

function fleet(): Promise<StandIn> {
  return standIn((request, response) => {
    const known = request.url === "/vehicles/7" || request.url === "/healthz";
    response.writeHead(known ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(VEHICLE));
  });
}

async function rental(env: Record<string, string>) {
  const service = new Service({ VERSION: "test", ...env });
  const base = await service.listening();
  const ask = async (method: string, path: string, body?: string) => {
    const response = await fetch(base + path, { method, ...(body && { body }) });
    return { status: response.status, body: await response.json() };
  };
  await ask("POST", "/config", '{"errorRate":0,"latencyMax":0}');
  return { service, ask };
}

/** As Kubernetes does; only what ends so counts as covered. */
async function stopped(service: Service): Promise<void> {
  service.signal("SIGTERM");
  assert.equal(await service.exitCode(), 0);
}

test("a vehicle is rented, given back, and remembered", { timeout: 20_000 }, async () => {
  const vehicles = await fleet();
  const { service, ask } = await rental({ VEHICLES_SERVICE_URL: vehicles.url });

  assert.deepEqual(await ask("GET", "/"), { status: 200, body: { service: SERVICE, version: "test" } });
  assert.deepEqual(await ask("POST", "/end/7"), { status: 409, body: { error: "not rented" } });
  const started = await ask("POST", "/start/7");
  assert.equal(started.status, 201);
  assert.equal(started.body.endedAt, null);
  assert.deepEqual(await ask("POST", "/start/7"), { status: 409, body: { error: "rented already" } });
  const { status, body } = await ask("POST", "/end/7");
  assert.equal(status, 200);

  const { id, ...ended } = body;
  assert.deepEqual(await ask("GET", "/history/7"), { status: 200, body: { id, vehicle: VEHICLE, rentals: [ended] } });
  await stopped(service);
});

test("what the fleet does not know is not rented", { timeout: 20_000 }, async () => {
  const vehicles = await fleet();
  const { service, ask } = await rental({ VEHICLES_SERVICE_URL: vehicles.url });
  const unknown = { status: 404, body: { error: "no such vehicle" } };

  assert.deepEqual(await ask("POST", "/start/100"), unknown);
  assert.deepEqual(await ask("GET", "/history/a%2Fb"), unknown);
  assert.equal(vehicles.received.at(-1)?.path, "/vehicles/a%2Fb");
  await stopped(service);
});

for (const [what, env] of [
  ["is down", { VEHICLES_SERVICE_URL: NOBODY }],
  ["has no address", {}],
] as const) {
  test(`while vehicles ${what}, nothing new is rented and the rest goes on`, { timeout: 20_000 }, async () => {
    const { service, ask } = await rental(env);

    assert.deepEqual(await ask("POST", "/start/7"), { status: 502, body: { error: "vehicles did not answer" } });
    assert.deepEqual(await ask("GET", "/history/7"), { status: 200, body: { id: "7", vehicle: null, rentals: [] } });
    assert.deepEqual(await ask("POST", "/end/7"), { status: 409, body: { error: "not rented" } });
    assert.ok(service.log.some(({ level, msg }) => level === "warn" && msg === "history without its vehicle"));
    await stopped(service);
  });
}

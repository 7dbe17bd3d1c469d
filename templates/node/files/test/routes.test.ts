import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVICE } from "../src/config.ts";
import { NOBODY, Service, standIn } from "./support.ts";

test("each route answers, and a call to a dependency is part of the request's trace", { timeout: 20_000 }, async () => {
  const vehicles = await standIn();
  const failing = await standIn((_, response) => response.writeHead(500).end());
  const service = new Service({
    VERSION: "test",
    VEHICLES_SERVICE_URL: vehicles.url,
    FAILING_SERVICE_URL: failing.url,
    AWAY_SERVICE_URL: NOBODY,
  });
  const base = await service.listening();
  const get = async (path: string) => {
    const response = await fetch(base + path);
    return [response.status, await response.json()];
  };

  assert.deepEqual(await get("/"), [200, { service: SERVICE, version: "test" }]);
  assert.deepEqual(await get("/hello/Zo%C3%AB"), [200, { message: "Hello, Zoë!" }]);
  assert.deepEqual(await get("/dependencies/vehicles"), [200, { dependency: "vehicles", status: 200 }]);
  assert.deepEqual(await get("/dependencies/failing"), [502, { error: "failing did not answer" }]);
  assert.deepEqual(await get("/dependencies/away"), [502, { error: "away did not answer" }]);
  assert.deepEqual(await get("/dependencies/unknown"), [404, { error: "not found" }]);

  service.signal("SIGTERM");
  await service.exitCode();
  const [call] = vehicles.received;
  const line = service.log.find(({ route }) => route === "/dependencies/:name");
  assert.equal(call?.path, "/");
  assert.equal(String(call?.headers.traceparent).split("-")[1], line?.trace_id);
});

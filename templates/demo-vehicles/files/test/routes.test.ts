import assert from "node:assert/strict";
import { test } from "node:test";
import { SERVICE } from "../src/config.ts";
import { Service } from "./support.ts";

test("the fleet is a hundred vehicles, each at its address", { timeout: 20_000 }, async () => {
  const service = new Service({ VERSION: "test" });
  const base = await service.listening();
  await fetch(`${base}/config`, { method: "POST", body: '{"errorRate":0,"latencyMax":0}' });
  const get = async (path: string) => {
    const response = await fetch(base + path);
    return [response.status, await response.json()];
  };

  assert.deepEqual(await get("/"), [200, { service: SERVICE, version: "test" }]);
  const [, fleet] = await get("/vehicles");
  assert.equal(fleet.length, 100);
  assert.deepEqual(await get("/vehicles/7"), [200, fleet[7]]);
  assert.deepEqual(fleet[7], { id: "7", kind: "scooter" });
  for (const id of ["100", "-1", "07", "one"]) {
    assert.deepEqual(await get(`/vehicles/${id}`), [404, { error: "no such vehicle" }]);
  }

  service.signal("SIGTERM");
  assert.equal(await service.exitCode(), 0);
});

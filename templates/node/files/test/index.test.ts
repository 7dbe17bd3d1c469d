import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Service } from "./support.ts";

test("SIGTERM lets a request under way finish and exits 0", { timeout: 20_000 }, async () => {
  const service = new Service({ SHUTDOWN_DELAY_MS: "50" });
  const { port } = new URL(await service.listening());
  const socket = connect(Number(port), "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.write("GET /healthz HTTP/1.1\r\nhost: test\r\n"); // the head is not complete yet
  await sleep(100);

  service.signal("SIGTERM");
  await sleep(300);
  socket.write("\r\n");

  assert.equal(await service.exitCode(), 0);
  assert.match(answer, /^HTTP\/1\.1 200 OK/);
  assert.deepEqual(
    service.log.map(({ msg }) => msg),
    ["listening", "stopping", "stopped"],
  );
});

test("a request that does not end holds the service only for so long", { timeout: 20_000 }, async () => {
  const service = new Service({ SHUTDOWN_TIMEOUT_MS: "100" });
  const { port } = new URL(await service.listening());
  const socket = connect(Number(port), "127.0.0.1").on("error", () => undefined);
  await once(socket, "connect");
  socket.write("GET /healthz HTTP/1.1\r\n");
  await sleep(100);

  service.signal("SIGINT");

  assert.equal(await service.exitCode(), 1);
  assert.equal(service.log.at(-1)?.msg, "requests took too long to finish");
});

test("bad settings stop the start, and all are named", { timeout: 20_000 }, async () => {
  const service = new Service({ PORT: "eighty", REQUIRED_DEPENDENCIES: "vehicles" });

  assert.equal(await service.exitCode(), 1);
  const [line, ...more] = service.log;
  assert.equal(line?.level, "fatal");
  assert.match(JSON.stringify(line), /"message":"PORT .*; REQUIRED_DEPENDENCIES .* VEHICLES_SERVICE_URL"/);
  assert.deepEqual(more, []);
});

test("a port in use stops the start", { timeout: 20_000 }, async () => {
  const { port } = new URL(await new Service({}).listening());
  const second = new Service({ PORT: port });

  assert.equal(await second.exitCode(), 1);
  assert.equal(second.log[0]?.msg, "cannot listen");
});

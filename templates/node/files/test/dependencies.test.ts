import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, DependencyError } from "../src/dependencies.ts";
import { NOBODY, standIn } from "./support.ts";

const client = (url: string) => new Client({ name: "vehicles", url, required: false });

test("JSON goes out and comes in", async () => {
  const server = await standIn((_, response) => {
    response.writeHead(201, { "content-type": "application/json; charset=utf-8" }).end('{"id":7}');
  });

  const answer = await client(`${server.url}/api`).call<{ id: number }>("/bikes", {
    method: "POST",
    body: { color: "red" },
  });

  assert.deepEqual(answer, { status: 201, body: { id: 7 } });
  assert.equal(server.received[0]?.path, "/api/bikes");
  assert.equal(server.received[0]?.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(`${server.received[0]?.body}`), { color: "red" });
});

test("what is not JSON comes as text, and a 404 is an answer", async () => {
  const server = await standIn((_, response) => response.writeHead(404).end("no such bike"));

  assert.deepEqual(await client(server.url).call("/bikes/1"), { status: 404, body: "no such bike" });
});

test("a failure, a refusal, silence and broken JSON are all no answer", async () => {
  const failing = await standIn((_, response) => response.writeHead(503).end());
  const silent = await standIn(() => undefined);
  const broken = await standIn((_, response) => response.setHeader("content-type", "application/json").end("{"));

  for (const url of [failing.url, NOBODY, silent.url, broken.url]) {
    await assert.rejects(
      () => client(url).call("/", { timeoutMs: 100 }),
      (error) => error instanceof DependencyError && error.message === "vehicles did not answer",
    );
  }
});

test("it is up when its /healthz says so", async () => {
  const healthy = await standIn();
  const missing = await standIn((_, response) => response.writeHead(404).end());

  assert.equal(await client(healthy.url).check(), true);
  assert.equal(healthy.received[0]?.path, "/healthz");
  assert.equal(await client(missing.url).check(), false);
  assert.equal(await client(NOBODY).check(), false);
});

import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

type Service = ChildProcessByStdio<null, Readable, null>;

function start(env: Record<string, string>): Service {
  return spawn(process.execPath, [fileURLToPath(new URL("../src/index.js", import.meta.url))], {
    env: { PATH: process.env.PATH, HOST: "127.0.0.1", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function listening(service: Service): Promise<number> {
  for await (const line of createInterface(service.stdout)) {
    const { msg, port } = JSON.parse(line);
    if (msg === "listening") return port;
  }
  throw new Error("the service ended before it listened");
}

test("SIGTERM lets a request under way finish and exits 0", { timeout: 10_000 }, async () => {
  const service = start({ PORT: "0", SHUTDOWN_DELAY_MS: "50" });
  const exited = once(service, "exit");
  const port = await listening(service);
  service.stdout.resume();
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  socket.write("GET / HTTP/1.1\r\nhost: test\r\n"); // the head is not complete yet
  await new Promise((resolve) => setTimeout(resolve, 100));

  service.kill("SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 300));
  socket.write("\r\n");

  assert.deepEqual(await exited, [0, null]);
  assert.match(answer, /^HTTP\/1\.1 200 OK/);
});

test("a bad PORT stops the start and is named", { timeout: 10_000 }, async () => {
  const service = start({ PORT: "eighty" });
  const exited = once(service, "exit");
  let output = "";
  service.stdout.on("data", (chunk) => {
    output += chunk;
  });

  assert.deepEqual(await exited, [1, null]);
  assert.match(JSON.parse(output).err.message, /^PORT must be/);
});

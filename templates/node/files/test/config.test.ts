import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, readConfig } from "../src/config.ts";

test("an empty environment gives the defaults", () => {
  assert.deepEqual(readConfig({}), {
    port: [[ port ]],
    host: undefined,
    logLevel: "info",
    version: "development",
    shutdownDelayMs: 5_000,
    shutdownTimeoutMs: 20_000,
  });
});

test("what is set is used", () => {
  const config = readConfig({ PORT: "8080", HOST: "127.0.0.1", LOG_LEVEL: "debug", VERSION: "abc" });

  assert.equal(config.port, 8080);
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.logLevel, "debug");
  assert.equal(config.version, "abc");
});

for (const port of ["eighty", "-1", "65536", "3.5", "0x50", " 80"]) {
  test(`PORT ${JSON.stringify(port)} is refused by name`, () => {
    assert.throws(() => readConfig({ PORT: port }), { name: "ConfigError", message: /^PORT must be a whole number/ });
  });
}

test("all mistakes are named at once", () => {
  assert.throws(
    () => readConfig({ PORT: "x", LOG_LEVEL: "loud" }),
    (error) => error instanceof ConfigError && /PORT .*; LOG_LEVEL /.test(error.message),
  );
});

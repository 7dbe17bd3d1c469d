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
    dependencies: [],
  });
});

test("what is set is used", () => {
  const config = readConfig({ PORT: "8080", HOST: "127.0.0.1", LOG_LEVEL: "debug", VERSION: "abc" });

  assert.equal(config.port, 8080);
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.logLevel, "debug");
  assert.equal(config.version, "abc");
});

test("each *_SERVICE_URL is a dependency", () => {
  const { dependencies } = readConfig({
    VEHICLES_SERVICE_URL: "http://vehicles:8080/",
    BIKE_PARTS_SERVICE_URL: "https://parts.example/api",
    EMPTY_SERVICE_URL: "",
    REQUIRED_DEPENDENCIES: "vehicles, ",
  });

  assert.deepEqual(dependencies, [
    { name: "bike-parts", url: "https://parts.example/api", required: false },
    { name: "vehicles", url: "http://vehicles:8080", required: true },
  ]);
});

for (const port of ["eighty", "-1", "65536", "3.5", "0x50", " 80"]) {
  test(`PORT ${JSON.stringify(port)} is refused by name`, () => {
    assert.throws(() => readConfig({ PORT: port }), { name: "ConfigError", message: /^PORT must be a whole number/ });
  });
}

for (const url of [
  "vehicles:80",
  "ftp://vehicles",
  "http://",
  "http://vehicles?page=1",
  "http://vehicles:port",
  "http://me:secret@vehicles",
  "//vehicles",
]) {
  test(`VEHICLES_SERVICE_URL ${url} is refused by name`, () => {
    assert.throws(() => readConfig({ VEHICLES_SERVICE_URL: url }), { message: /^VEHICLES_SERVICE_URL must be/ });
  });
}

test("all mistakes are named at once", () => {
  assert.throws(
    () => readConfig({ PORT: "x", LOG_LEVEL: "loud", REQUIRED_DEPENDENCIES: "bike-parts" }),
    (error) =>
      error instanceof ConfigError &&
      /PORT .*; LOG_LEVEL .*; REQUIRED_DEPENDENCIES .*BIKE_PARTS_SERVICE_URL/.test(error.message),
  );
});

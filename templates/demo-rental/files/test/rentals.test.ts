import assert from "node:assert/strict";
import { test } from "node:test";
import { Rentals } from "../src/rentals.ts";

test("a vehicle is rented once at a time", () => {
  const rentals = new Rentals();

  assert.equal(rentals.end("7"), undefined);
  assert.ok(rentals.start("7"));
  assert.equal(rentals.start("7"), undefined);
  assert.ok(rentals.start("8"));
  assert.ok(rentals.end("7")?.endedAt);
  assert.equal(rentals.end("7"), undefined);
});

test("the latest rentals are remembered, and no more than that", () => {
  const rentals = new Rentals();
  for (let time = 0; time < 30; time++) {
    rentals.start("7");
    rentals.end("7");
  }
  const current = rentals.start("7");

  assert.equal(rentals.history("7").length, 20);
  assert.equal(rentals.history("7")[0], current);
  assert.deepEqual(rentals.history("8"), []);
});

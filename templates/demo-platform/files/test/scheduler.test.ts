import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Scheduler } from "../src/scheduler.ts";

test("it goes on with a pause below its interval, one at a time", async () => {
  let running = 0;
  let done = 0;
  const scheduler = new Scheduler(async () => {
    assert.equal(++running, 1);
    await sleep(10);
    running--;
    done++;
  });
  scheduler.interval = 10;
  await sleep(500);

  assert.ok(done >= 5, `${done} times`);
});

test("another interval counts from then on, and 0 stops it", async () => {
  let done = 0;
  const scheduler = new Scheduler(
    async () => {
      done++;
    },
    () => 1,
  );
  scheduler.interval = 600_000;
  scheduler.interval = 5;
  await sleep(200);
  assert.ok(done > 0);

  scheduler.interval = 0;
  const before = done;
  await sleep(100);
  assert.equal(scheduler.interval, 0);
  assert.equal(done, before);
});

test("an interval that is set while the task runs leaves one timer", async () => {
  const starts: number[] = [];
  const scheduler = new Scheduler(
    async () => {
      starts.push(performance.now());
      if (starts.length === 1) scheduler.interval = 50;
      await sleep(20);
    },
    () => 1,
  );
  scheduler.interval = 1;
  await sleep(300);
  scheduler.interval = 0;

  assert.ok(starts.length >= 2 && starts.length <= 6, `${starts.length} times`);
});

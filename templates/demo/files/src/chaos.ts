/** Faults on demand: each request waits a random while, and a share of them fails. POST /config says how long, and how many. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Route } from "./router.ts";

export interface Chaos {
  /** Share of the requests that fail, 0 to 1. */
  readonly errorRate: number;
  /** Each request waits a random time below this, in milliseconds. */
  readonly latencyMax: number;
}

/** The most of each: a wait may be longer than the 5 seconds of callers, not than the 20 of a service that stops. */
const LIMITS: ReadonlyMap<string, number> = new Map([
  ["errorRate", 1],
  ["latencyMax", 10_000],
]);

const START: Chaos = { errorRate: [[ errorRatePercent ]] / 100, latencyMax: [[ latencyMax ]] };

/** The routes with faults, and /config, which has none. Nor have the probes and the metrics: they are not among the routes. */
export function withChaos(routes: readonly Route[], log: Logger, random = Math.random): Route[] {
  let chaos = START;

  function faulty(route: Route): Route {
    return {
      ...route,
      async answer(call) {
        if (chaos.latencyMax > 0) await sleep(random() * chaos.latencyMax);
        if (random() >= chaos.errorRate) return route.answer(call);
        log.error({ method: route.method, route: route.path }, "failed on purpose");
        return { status: 500, body: { error: "failed on purpose" } };
      },
    };
  }

  return [
    ...routes.map(faulty),
    { method: "GET", path: "/config", answer: () => ({ body: chaos }) },
    {
      method: "POST",
      path: "/config",
      async answer({ json }) {
        const asked = await json();
        const mistakes = mistakesIn(asked);
        if (mistakes.length > 0) return { status: 400, body: { error: mistakes.join("; ") } };
        chaos = { ...chaos, ...(asked as Partial<Chaos>) };
        log.info(chaos, "chaos");
        return { body: chaos };
      },
    },
  ];
}

function mistakesIn(asked: unknown): string[] {
  if (typeof asked !== "object" || asked === null || Array.isArray(asked)) return ["body must be an object"];
  return Object.entries(asked).flatMap(([name, value]) => {
    const limit = LIMITS.get(name);
    if (limit === undefined) return `${name} is not known`;
    if (typeof value === "number" && value >= 0 && value <= limit) return [];
    return `${name} must be a number from 0 to ${limit}, not ${JSON.stringify(value)}`;
  });
}

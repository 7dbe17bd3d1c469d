/** The service's own routes: an overview that crosses all three services, and the pace of the scheduler. */

import type { Logger } from "pino";
import { type Config, SERVICE } from "./config.ts";
import type { Dependencies } from "./dependencies.ts";
import { lookAtOne, overviewOf } from "./overview.ts";
import type { Route } from "./router.ts";
import { Scheduler } from "./scheduler.ts";

/** What routes may use. */
export interface Parts {
  readonly config: Config;
  readonly dependencies: Dependencies;
  /** Inside a request its lines have the request's trace id. */
  readonly log: Logger;
}

const INTERVAL_MS = [[ interval ]];
const LONGEST_MS = 600_000;

export function serviceRoutes({ config, dependencies, log }: Parts): Route[] {
  const scheduler = new Scheduler(() => lookAtOne(dependencies, log));
  scheduler.interval = dependencies.size > 0 ? INTERVAL_MS : 0; // with nobody to ask there is nothing to look at

  return [
    { method: "GET", path: "/", answer: () => ({ body: { service: SERVICE, version: config.version } }) },
    {
      method: "GET",
      path: "/overview/:id",
      async answer({ params: { id = "" } }) {
        const overview = await overviewOf(id, dependencies);
        return overview ? { body: { id, ...overview } } : { status: 404, body: { error: "no such vehicle" } };
      },
    },
    { method: "GET", path: "/config/scheduler", answer: () => ({ body: { interval: scheduler.interval } }) },
    {
      method: "POST",
      path: "/config/scheduler",
      async answer({ json }) {
        const interval = ((await json()) as { interval?: unknown } | null)?.interval;
        if (typeof interval !== "number" || !(interval >= 0 && interval <= LONGEST_MS)) {
          const given = JSON.stringify(interval) ?? "left out";
          return {
            status: 400,
            body: { error: `interval must be a number of milliseconds from 0 to ${LONGEST_MS}, not ${given}` },
          };
        }
        scheduler.interval = interval;
        return { body: { interval } };
      },
    },
  ];
}

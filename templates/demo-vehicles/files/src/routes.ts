/** The service's own routes: the fleet, to be looked at. */

import type { Logger } from "pino";
import { withChaos } from "./chaos.ts";
import { type Config, SERVICE } from "./config.ts";
import type { Dependencies } from "./dependencies.ts";
import { FLEET } from "./fleet.ts";
import type { Route } from "./router.ts";

/** What routes may use. */
export interface Parts {
  readonly config: Config;
  readonly dependencies: Dependencies;
  /** Inside a request its lines have the request's trace id. */
  readonly log: Logger;
}

export function serviceRoutes({ config, log }: Parts): Route[] {
  const routes: Route[] = [
    { method: "GET", path: "/", answer: () => ({ body: { service: SERVICE, version: config.version } }) },
    { method: "GET", path: "/vehicles", answer: () => ({ body: [...FLEET.values()] }) },
    {
      method: "GET",
      path: "/vehicles/:id",
      answer({ params: { id = "" } }) {
        const vehicle = FLEET.get(id);
        return vehicle ? { body: vehicle } : { status: 404, body: { error: "no such vehicle" } };
      },
    },
  ];
  return withChaos(routes, log);
}

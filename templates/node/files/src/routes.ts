/** The service's own routes: this is the place to start. */

import type { Logger } from "pino";
import { type Config, SERVICE } from "./config.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Route } from "./router.ts";

/** What routes may use. */
export interface Parts {
  readonly config: Config;
  readonly dependencies: Dependencies;
  /** Inside a request its lines have the request's trace id. */
  readonly log: Logger;
}

export function serviceRoutes({ config, dependencies, log }: Parts): Route[] {
  return [
    { method: "GET", path: "/", answer: () => ({ body: { service: SERVICE, version: config.version } }) },
    { method: "GET", path: "/hello/:name", answer: ({ params }) => ({ body: { message: `Hello, ${params.name}!` } }) },
    {
      method: "GET",
      path: "/dependencies/:name",
      async answer({ params: { name = "" } }) {
        const dependency = dependencies.get(name);
        if (!dependency) return { status: 404, body: { error: "not found" } };
        const { status } = await dependency.call("/");
        log.debug({ dependency: name, status }, "asked");
        return { body: { dependency: name, status } };
      },
    },
  ];
}

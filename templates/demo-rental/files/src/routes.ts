/** The service's own routes: rentals begin, end, and are remembered. */

import type { Logger } from "pino";
import { withChaos } from "./chaos.ts";
import { type Config, SERVICE } from "./config.ts";
import { type Answer, type Dependencies, DependencyError } from "./dependencies.ts";
import { Rentals } from "./rentals.ts";
import type { Reply, Route } from "./router.ts";

/** What routes may use. */
export interface Parts {
  readonly config: Config;
  readonly dependencies: Dependencies;
  /** Inside a request its lines have the request's trace id. */
  readonly log: Logger;
}

const UNKNOWN: Reply = { status: 404, body: { error: "no such vehicle" } };

export function serviceRoutes({ config, dependencies, log }: Parts): Route[] {
  const rentals = new Rentals();

  function askVehicles(id: string): Promise<Answer<unknown>> {
    const vehicles = dependencies.get("vehicles");
    if (!vehicles) throw new DependencyError("vehicles", new Error("there is no VEHICLES_SERVICE_URL"));
    return vehicles.call(`/vehicles/${encodeURIComponent(id)}`);
  }

  /** What is known of a vehicle: nothing, while nobody answers who knows. */
  async function lookUp(id: string): Promise<Answer<unknown>> {
    try {
      return await askVehicles(id);
    } catch (error) {
      if (!(error instanceof DependencyError)) throw error;
      log.warn({ err: error }, "history without its vehicle");
      return { status: 200, body: null };
    }
  }

  const routes: Route[] = [
    { method: "GET", path: "/", answer: () => ({ body: { service: SERVICE, version: config.version } }) },
    {
      method: "POST",
      path: "/start/:id",
      async answer({ params: { id = "" } }) {
        const { status } = await askVehicles(id);
        if (status !== 200) return UNKNOWN;
        const rental = rentals.start(id);
        return rental ? { status: 201, body: { id, ...rental } } : { status: 409, body: { error: "rented already" } };
      },
    },
    {
      method: "POST",
      path: "/end/:id",
      answer({ params: { id = "" } }) {
        const rental = rentals.end(id);
        return rental ? { body: { id, ...rental } } : { status: 409, body: { error: "not rented" } };
      },
    },
    {
      method: "GET",
      path: "/history/:id",
      async answer({ params: { id = "" } }) {
        const { status, body } = await lookUp(id);
        return status === 200 ? { body: { id, vehicle: body, rentals: rentals.history(id) } } : UNKNOWN;
      },
    },
  ];
  return withChaos(routes, log);
}

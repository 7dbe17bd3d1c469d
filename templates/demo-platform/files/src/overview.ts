/** What rental and vehicles know of one vehicle: on request, and by the scheduler in a trace of its own. */

import { SpanStatusCode, trace } from "@opentelemetry/api";
import type { Logger } from "pino";
import { type Answer, type Dependencies, DependencyError } from "./dependencies.ts";

const VEHICLES = 100;
const tracer = trace.getTracer("scheduler");

export interface Overview {
  readonly vehicle: unknown;
  /** rental asks vehicles as well: this call crosses all three services. */
  readonly history: unknown;
}

/**
 * Ask both at once; undefined where there is no such vehicle.
 *
 * @throws DependencyError one of them did not answer.
 */
export async function overviewOf(id: string, dependencies: Dependencies): Promise<Overview | undefined> {
  async function ask(name: string, path: string): Promise<Answer<unknown>> {
    const dependency = dependencies.get(name);
    if (!dependency) throw new DependencyError(name, new Error("it has no address"));
    return dependency.call(`${path}/${encodeURIComponent(id)}`);
  }

  const [history, vehicle] = await Promise.all([ask("rental", "/history"), ask("vehicles", "/vehicles")]);
  return vehicle.status === 200 ? { vehicle: vehicle.body, history: history.body } : undefined;
}

/** Look at any vehicle. Nobody asked for it, so the trace begins here. */
export async function lookAtOne(dependencies: Dependencies, log: Logger): Promise<void> {
  const id = String(Math.floor(Math.random() * VEHICLES));
  await tracer.startActiveSpan("look at a vehicle", { root: true, attributes: { "vehicle.id": id } }, async (span) => {
    try {
      await overviewOf(id, dependencies);
      log.info({ vehicle: id }, "looked");
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
      log.warn({ vehicle: id, err: error }, "looked in vain");
    } finally {
      span.end();
    }
  });
}

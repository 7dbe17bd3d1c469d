/**
 * What Prometheus reads: requests by route, whether dependencies answer, and the runtime's own metrics (`process_*`, `nodejs_*`).
 *
 * The names are the same in every service, so that one dashboard and one alert fit all. Which service a series is of, the scrape says.
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export interface Metrics {
  readonly contentType: string;
  /** The page at /metrics. */
  page(): Promise<string>;
  /** Count one answered request. `route` is the template, never the path: each value is a time series of its own. */
  observe(method: string, route: string, status: number, seconds: number): void;
  /** Whether a dependency answered when it was last asked. */
  dependency(name: string, up: boolean): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Gauges under names that Prometheus keeps for counters; the same without `_total` has them by kind.
  for (const kind of ["handles", "requests", "resources"]) registry.removeSingleMetric(`nodejs_active_${kind}_total`);

  const labelNames = ["method", "route", "status"] as const;
  const requests = new Counter({
    name: "http_requests_total",
    help: "Answered HTTP requests.",
    labelNames,
    registers: [registry],
  });
  const duration = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time from a request's head to the end of its answer.",
    labelNames,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const up = new Gauge({
    name: "dependency_up",
    help: "Whether a service that this one calls answered when readiness last asked it: 1 or 0.",
    labelNames: ["dependency"] as const,
    registers: [registry],
  });

  return {
    contentType: registry.contentType,
    page: () => registry.metrics(),
    observe(method, route, status, seconds) {
      const labels = { method, route, status: String(status) };
      requests.inc(labels);
      duration.observe(labels, seconds);
    },
    dependency: (name, isUp) => up.set({ dependency: name }, Number(isUp)),
  };
}

/**
 * What Prometheus reads: requests by route, and the runtime's own metrics (`process_*`, `nodejs_*`).
 *
 * The names are the same in every service, so that one dashboard and one alert fit all; the label `service` tells them apart.
 */

import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";
import { SERVICE } from "./config.ts";

export interface Metrics {
  readonly contentType: string;
  /** The page at /metrics. */
  page(): Promise<string>;
  /** Count one answered request. `route` is the template, never the path: each value is a time series of its own. */
  observe(method: string, route: string, status: number, seconds: number): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service: SERVICE });
  collectDefaultMetrics({ register: registry });

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

  return {
    contentType: registry.contentType,
    page: () => registry.metrics(),
    observe(method, route, status, seconds) {
      const labels = { method, route, status: String(status) };
      requests.inc(labels);
      duration.observe(labels, seconds);
    },
  };
}

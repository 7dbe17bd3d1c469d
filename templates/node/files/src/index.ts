/** Starts the service, and stops it without losing a request. */

import { setTimeout as sleep } from "node:timers/promises";
import { setGlobalErrorHandler } from "@opentelemetry/core";
import { createApp } from "./app.ts";
import { type Config, readConfig } from "./config.ts";
import { createDependencies } from "./dependencies.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { serviceRoutes } from "./routes.ts";
import { flush } from "./telemetry.ts";

const config = configOrExit();
const log = createLog(config.logLevel, config.version);
const dependencies = createDependencies(config.dependencies);
const routes = serviceRoutes({ config, dependencies, log });
const app = createApp({ log, metrics: createMetrics(), dependencies, routes });

setGlobalErrorHandler((error) => log.warn({ err: error }, "telemetry was not sent"));
process.on("uncaughtException", (error) => exit(error, "uncaught error"));
process.once("SIGTERM", () => void stop("SIGTERM", config.shutdownDelayMs));
process.once("SIGINT", () => void stop("SIGINT", 0)); // Ctrl-C: nobody is routed here

app.listen(config.port, config.host).then(
  (port) => log.info({ port }, "listening"),
  (error: unknown) => exit(error, "cannot listen"),
);

/**
 * Kubernetes sends SIGTERM while its proxies still send requests here. So first say "not ready" and go on answering; when they
 * have looked elsewhere, close the port, answer what is under way, and leave.
 */
async function stop(signal: string, delay: number): Promise<void> {
  log.info({ signal }, "stopping");
  app.drain();
  await sleep(delay);

  const late = setTimeout(() => exit(undefined, "requests took too long to finish"), config.shutdownTimeoutMs);
  await app.close();
  clearTimeout(late);
  log.info("stopped");
  await flush();
  process.exit(0);
}

function exit(error: unknown, message: string): never {
  log.fatal({ err: error }, message);
  process.exit(1);
}

function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    createLog("info", process.env.VERSION || "development").fatal({ err: error }, "cannot start");
    process.exit(1);
  }
}

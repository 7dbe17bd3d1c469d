/** What the service reads from its environment, checked once, before anything starts. */

export const SERVICE = [[ service | tojson ]];

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Config {
  /** 0 takes any free port. */
  readonly port: number;
  /** The address to listen on; undefined is every address of the machine. */
  readonly host: string | undefined;
  readonly logLevel: LogLevel;
  /** What this build is called; the image sets it to the commit that it was built from. */
  readonly version: string;
  /** How long to go on answering after SIGTERM, so that nobody is still sent here when the port closes. */
  readonly shutdownDelayMs: number;
  /** How long requests may then take to finish. Delay and timeout fit into the pod's terminationGracePeriodSeconds. */
  readonly shutdownTimeoutMs: number;
}

/** The environment cannot be used; the message names every variable at fault. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const mistakes: string[] = [];

  function integer(name: string, fallback: number, maximum: number): number {
    const text = env[name] || String(fallback);
    if (/^\d{1,9}$/.test(text) && Number(text) <= maximum) return Number(text);
    mistakes.push(`${name} must be a whole number from 0 to ${maximum}, not ${JSON.stringify(text)}`);
    return fallback;
  }

  function logLevel(name: string, fallback: LogLevel): LogLevel {
    const text = env[name] || fallback;
    const level = LOG_LEVELS.find((candidate) => candidate === text);
    if (level) return level;
    mistakes.push(`${name} must be one of ${LOG_LEVELS.join(", ")}, not ${JSON.stringify(text)}`);
    return fallback;
  }

  const config: Config = {
    port: integer("PORT", [[ port ]], 65_535),
    host: env.HOST || undefined,
    logLevel: logLevel("LOG_LEVEL", "info"),
    version: env.VERSION || "development",
    shutdownDelayMs: integer("SHUTDOWN_DELAY_MS", 5_000, 600_000),
    shutdownTimeoutMs: integer("SHUTDOWN_TIMEOUT_MS", 20_000, 600_000),
  };
  if (mistakes.length > 0) throw new ConfigError(mistakes.join("; "));
  return config;
}

/** What the service reads from its environment, checked once, before anything starts. */

export const SERVICE = [[ service | tojson ]];

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Another service that this one calls: VEHICLES_SERVICE_URL makes `vehicles`. */
export interface Dependency {
  readonly name: string;
  /** Without a slash at its end. */
  readonly url: string;
  /** Named by REQUIRED_DEPENDENCIES: this service is not ready while that one does not answer. */
  readonly required: boolean;
}

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
  /**
   * How long requests may then take to finish. Both, and the 5 seconds that telemetry may take, fit into the pod's
   * terminationGracePeriodSeconds.
   */
  readonly shutdownTimeoutMs: number;
  readonly dependencies: readonly Dependency[];
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

  function baseUrl(name: string, text: string): string {
    if (!/^https?:\/\/[^\s?#@]+$/.test(text) || !URL.canParse(text)) {
      mistakes.push(`${name} must be an http or https URL without user and query, not ${JSON.stringify(text)}`);
    }
    return text.replace(/\/+$/, "");
  }

  function dependencies(): Dependency[] {
    const required = new Set(env.REQUIRED_DEPENDENCIES?.split(",").map((name) => name.trim()));
    required.delete("");
    const found: Dependency[] = [];
    for (const [variable, text] of Object.entries(env)) {
      const prefix = /^([A-Z][A-Z0-9_]*)_SERVICE_URL$/.exec(variable)?.[1];
      if (!prefix || !text) continue;
      const name = prefix.toLowerCase().replaceAll("_", "-");
      found.push({ name, url: baseUrl(variable, text), required: required.delete(name) });
    }
    for (const name of required) {
      const variable = `${name.toUpperCase().replaceAll("-", "_")}_SERVICE_URL`;
      mistakes.push(`REQUIRED_DEPENDENCIES names ${JSON.stringify(name)}, but there is no ${variable}`);
    }
    return found.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  const config: Config = {
    port: integer("PORT", [[ port ]], 65_535),
    host: env.HOST || undefined,
    logLevel: logLevel("LOG_LEVEL", "info"),
    version: env.VERSION || "development",
    shutdownDelayMs: integer("SHUTDOWN_DELAY_MS", 5_000, 600_000),
    shutdownTimeoutMs: integer("SHUTDOWN_TIMEOUT_MS", 20_000, 600_000),
    dependencies: dependencies(),
  };
  if (mistakes.length > 0) throw new ConfigError(mistakes.join("; "));
  return config;
}

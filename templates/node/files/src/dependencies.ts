/** The other services that this one calls: a client for each, JSON in and out. Calls carry the trace of the request they are made for. */

import type { Dependency } from "./config.ts";

const CALL_TIMEOUT_MS = 5_000;
const CHECK_TIMEOUT_MS = 1_000;

export interface Answer<Body> {
  readonly status: number;
  /** What its JSON says, or its text where it is none. The type is the caller's word for it: check what must hold. */
  readonly body: Body;
}

export interface CallOptions {
  /** GET unless said. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** The dependency could not be reached, took too long, or failed with a status from 500 on. Uncaught in a route, it is a 502. */
export class DependencyError extends Error {
  override readonly name = "DependencyError";

  constructor(dependency: string, cause: unknown) {
    super(`${dependency} did not answer`, { cause });
  }
}

export class Client {
  readonly name: string;
  readonly required: boolean;
  readonly #url: string;

  constructor({ name, url, required }: Dependency) {
    this.name = name;
    this.required = required;
    this.#url = url;
  }

  /**
   * Ask it, at a path that begins with a slash. An answer below 500, such as a 404, is an answer.
   *
   * @throws DependencyError there was none.
   */
  async call<Body = unknown>(path: string, options: CallOptions = {}): Promise<Answer<Body>> {
    const { method = "GET", body, timeoutMs = CALL_TIMEOUT_MS } = options;
    try {
      const response = await fetch(this.#url + path, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      });
      // Read in any case: an answer that nobody reads holds its connection.
      const text = await response.text();
      if (response.status >= 500) throw new Error(`status ${response.status}`);
      const isJson = response.headers.get("content-type")?.includes("json") && text !== "";
      return { status: response.status, body: isJson ? JSON.parse(text) : text };
    } catch (error) {
      throw new DependencyError(this.name, error);
    }
  }

  /** Whether it is alive. */
  async check(): Promise<boolean> {
    try {
      const { status } = await this.call("/healthz", { timeoutMs: CHECK_TIMEOUT_MS });
      return status < 400;
    } catch {
      return false;
    }
  }
}

export type Dependencies = ReadonlyMap<string, Client>;

export function createDependencies(dependencies: readonly Dependency[]): Dependencies {
  return new Map(dependencies.map((dependency) => [dependency.name, new Client(dependency)]));
}

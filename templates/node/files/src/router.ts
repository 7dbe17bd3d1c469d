/** What a route is, and which one takes a request. */

export interface Call {
  /** The values of the route's `:names`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Readonly<NodeJS.Dict<string | string[]>>;
  /** The body, as the JSON that it must be. Uncaught in a route, what it throws is a 400 or 413. */
  json(): Promise<unknown>;
}

export interface Reply {
  /** 200 unless said. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body: unknown;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A template such as /orders/:id; logs, metrics and traces name the route by it. */
  readonly path: string;
  readonly answer: (call: Call) => Reply | Promise<Reply>;
}

/** Whether a request is the platform's, not a user's: it makes no trace and no count, and its line in the log has level debug. */
export function isOperational(target: string): boolean {
  return /^\/(healthz|readyz|metrics)(\?|$)/.test(target);
}

export interface Found {
  readonly route?: Route;
  readonly params: Readonly<Record<string, string>>;
  /** The methods that the path does know, where it does not know this one. */
  readonly allowed: readonly string[];
}

export function find(routes: readonly Route[], method: string, path: string): Found {
  const wanted = method === "HEAD" ? "GET" : method;
  const allowed: string[] = [];
  for (const route of routes) {
    const params = match(route.path, path);
    if (params === undefined) continue;
    if (route.method === wanted) return { route, params, allowed };
    allowed.push(route.method);
  }
  return { params: {}, allowed };
}

/** The values of the template's `:names`, or undefined where the path is another. */
function match(template: string, path: string): Record<string, string> | undefined {
  const expected = template.split("/");
  const given = path.split("/");
  if (expected.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of expected.entries()) {
    const value = given[index] ?? "";
    if (!part.startsWith(":")) {
      if (part !== value) return undefined;
      continue;
    }
    if (value === "") return undefined;
    try {
      params[part.slice(1)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return params;
}

/** The HTTP server: which routes there are, what each answers, and how every request is logged and measured. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Logger } from "pino";
import { SERVICE } from "./config.ts";
import type { Metrics } from "./metrics.ts";

export interface Call {
  readonly request: IncomingMessage;
  /** The values of the route's `:names`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
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
  /** A template such as /orders/:id; logs and metrics name the route by it. */
  readonly path: string;
  /** Asked by the platform, not by users: logged at debug level and left out of the request metrics. */
  readonly operational?: true;
  readonly answer: (call: Call) => Reply | Promise<Reply>;
}

export interface App {
  /** Listen, and return the port. */
  listen(port: number, host?: string): Promise<number>;
  /** No longer ready: /readyz says so, and each answer closes its connection. Everything is still answered. */
  drain(): void;
  /** Stop listening; resolves when the last request is answered. */
  close(): Promise<void>;
}

export interface AppOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  readonly routes?: readonly Route[];
}

/** The service's own routes: this is the place to start. */
export function serviceRoutes(version: string): Route[] {
  return [
    { method: "GET", path: "/", answer: () => ({ body: { service: SERVICE, version } }) },
    { method: "GET", path: "/hello/:name", answer: ({ params }) => ({ body: { message: `Hello, ${params.name}!` } }) },
  ];
}

export function createApp({ log, metrics, version, routes = serviceRoutes(version) }: AppOptions): App {
  let draining = false;
  let closing = false;
  const sockets = new Set<Socket>();
  const table = [...routes, ...operationalRoutes()];

  function operationalRoutes(): Route[] {
    const ready = (): Reply => (draining ? { status: 503, body: { status: "stopping" } } : { body: { status: "ok" } });
    const page = async () => ({ headers: { "content-type": metrics.contentType }, body: await metrics.page() });
    return [
      { method: "GET", path: "/healthz", operational: true, answer: () => ({ body: { status: "ok" } }) },
      { method: "GET", path: "/readyz", operational: true, answer: ready },
      { method: "GET", path: "/metrics", operational: true, answer: page },
    ];
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const method = request.method ?? "GET";
    const { path, query } = targetOf(request);
    const { route, params, allowed } = find(table, method, path);
    const about = { method, route: route?.path ?? "unmatched" };

    response.once("close", () => {
      // 499: the caller went away before it had its answer.
      const status = response.writableFinished ? response.statusCode : 499;
      const duration = (performance.now() - started) / 1000;
      const line = { ...about, status, duration };
      if (route?.operational) {
        log.debug(line, "request");
      } else {
        log.info(line, "request");
        metrics.observe(about.method, about.route, status, duration);
      }
      // An answer whose head was written before the drain leaves its connection open.
      if (closing) setImmediate(() => server.closeIdleConnections());
    });

    try {
      send(response, route ? await route.answer({ request, params, query }) : refusal(allowed));
    } catch (error) {
      log.error({ ...about, err: error }, "request failed");
      send(response, { status: 500, body: { error: "internal error" } });
    }
  }

  function send(response: ServerResponse, { status = 200, headers = {}, body }: Reply): void {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const type = typeof body === "string" ? "text/plain; charset=utf-8" : "application/json; charset=utf-8";
    const content = Buffer.from(text);
    response.writeHead(status, {
      "content-type": type,
      "content-length": content.length,
      ...(draining && { connection: "close" }),
      ...headers,
    });
    response.end(content);
  }

  const server = createServer((request, response) => void serve(request, response));
  // Longer than a proxy in front keeps its idle connections: the side that sends requests is then the one that closes.
  server.keepAliveTimeout = 95_000;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ port, host }, () => resolve((server.address() as AddressInfo).port));
      }),
    drain() {
      draining = true;
    },
    close: () =>
      new Promise((resolve, reject) => {
        draining = closing = true;
        server.close((error) => (error ? reject(error) : resolve()));
        // A connection that was opened and never used is nobody's request, but would hold the server for ever.
        for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      }),
  };
}

function targetOf(request: IncomingMessage): { path: string; query: URLSearchParams } {
  const target = request.url ?? "/";
  const mark = target.indexOf("?");
  return mark < 0
    ? { path: target, query: new URLSearchParams() }
    : { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark)) };
}

interface Found {
  readonly route?: Route;
  readonly params: Record<string, string>;
  /** The methods that the path does know, where it does not know this one. */
  readonly allowed: string[];
}

function refusal(allowed: readonly string[]): Reply {
  return allowed.length > 0
    ? { status: 405, headers: { allow: allowed.join(", ") }, body: { error: "method not allowed" } }
    : { status: 404, body: { error: "not found" } };
}

function find(routes: readonly Route[], method: string, path: string): Found {
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

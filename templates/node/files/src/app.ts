/** The HTTP server: how every request is answered, logged, measured and traced, and what the platform asks. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { context } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import type { Logger } from "pino";
import { type Dependencies, DependencyError } from "./dependencies.ts";
import type { Metrics } from "./metrics.ts";
import { find, isOperational, type Reply, type Route } from "./router.ts";

const BODY_LIMIT_BYTES = 1024 * 1024;

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
  readonly dependencies: Dependencies;
  readonly routes: readonly Route[];
}

export function createApp({ log, metrics, dependencies, routes }: AppOptions): App {
  let draining = false;
  let closing = false;
  const sockets = new Set<Socket>();
  const table: Route[] = [
    ...routes,
    { method: "GET", path: "/healthz", answer: () => ({ body: { status: "ok" } }) },
    { method: "GET", path: "/readyz", answer: readiness },
    { method: "GET", path: "/metrics", answer: metricsPage },
  ];

  async function readiness(): Promise<Reply> {
    if (draining) return { status: 503, body: { status: "stopping" } };
    const checks = await Promise.all(
      [...dependencies.values()].map(async (dependency) => ({ dependency, up: await dependency.check() })),
    );
    for (const { dependency, up } of checks) metrics.dependency(dependency.name, up);

    const down = checks.filter(({ up }) => !up);
    const unavailable = down.some(({ dependency }) => dependency.required);
    const status = unavailable ? "unavailable" : down.length > 0 ? "degraded" : "ok";
    const states = checks.map(({ dependency, up }) => [dependency.name, up ? "ok" : "unreachable"]);
    return { status: unavailable ? 503 : 200, body: { status, dependencies: Object.fromEntries(states) } };
  }

  async function metricsPage(): Promise<Reply> {
    return { headers: { "content-type": metrics.contentType }, body: await metrics.page() };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const method = request.method ?? "GET";
    const { path, query } = targetOf(request);
    const { route, params, allowed } = find(table, method, path);
    const about = { method, route: route?.path ?? "unmatched" };

    // The span is older than its route; it is named by this at its end.
    const rpc = getRPCMetadata(context.active());
    if (rpc && route) rpc.route = route.path;

    response.once("close", () => {
      // 499: the caller went away before it had its answer.
      const status = response.writableFinished ? response.statusCode : 499;
      const duration = (performance.now() - started) / 1000;
      const line = { ...about, status, duration };
      if (isOperational(about.route)) {
        log.debug(line, "request");
      } else {
        log.info(line, "request");
        metrics.observe(about.method, about.route, status, duration);
      }
      // An answer whose head was written before the drain leaves its connection open.
      if (closing) setImmediate(() => server.closeIdleConnections());
    });

    try {
      const call = { params, query, headers: request.headers, json: () => jsonOf(request) };
      send(response, route ? await route.answer(call) : refusal(allowed));
    } catch (error) {
      const reply = replyTo(error);
      if (reply.status >= 500) log.error({ ...about, err: error }, "request failed");
      send(response, reply);
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

/** A request that cannot be answered as it is; the caller is told why. */
class BadRequest extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    // Read to its end all the same, or the caller, still sending, never hears the answer.
    if (size <= BODY_LIMIT_BYTES) chunks.push(chunk);
  }
  if (size > BODY_LIMIT_BYTES) throw new BadRequest(413, "body is too large");
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new BadRequest(400, "body is not JSON");
  }
}

function refusal(allowed: readonly string[]): Reply {
  return allowed.length > 0
    ? { status: 405, headers: { allow: allowed.join(", ") }, body: { error: "method not allowed" } }
    : { status: 404, body: { error: "not found" } };
}

function replyTo(error: unknown): Reply & { readonly status: number } {
  if (error instanceof BadRequest) return { status: error.status, body: { error: error.message } };
  if (error instanceof DependencyError) return { status: 502, body: { error: error.message } };
  return { status: 500, body: { error: "internal error" } };
}

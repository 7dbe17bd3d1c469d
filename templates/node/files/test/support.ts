/** What tests share: a server that stands in for others, and the service as a process of its own. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface StandIn {
  readonly url: string;
  /** Every request so far. */
  readonly received: Received[];
}

/** A server that answers 200 with `{}` unless told otherwise; it ends with the test. */
export async function standIn(answer?: RequestListener): Promise<StandIn> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) });
    if (answer) answer(request, response);
    else response.setHeader("content-type", "application/json").end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** An address where nobody listens. */
export const NOBODY = "http://127.0.0.1:2";

export interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [name: string]: unknown;
}

/** The service as the image starts it, on any free port. */
export class Service {
  readonly log: Line[] = [];
  readonly #process: ChildProcessByStdio<null, Readable, null>;
  readonly #ended: Promise<unknown>;

  constructor(env: Readonly<Record<string, string>>) {
    const [telemetry, index] = ["../src/telemetry.js", "../src/index.js"].map((path) => new URL(path, import.meta.url));
    const { PATH, NODE_V8_COVERAGE } = process.env;
    this.#process = spawn(process.execPath, ["--import", `${telemetry}`, fileURLToPath(`${index}`)], {
      env: { PATH, NODE_V8_COVERAGE, HOST: "127.0.0.1", PORT: "0", SHUTDOWN_DELAY_MS: "0", ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#ended = once(this.#process, "close");
    createInterface(this.#process.stdout).on("line", (text) => {
      const line: Line = JSON.parse(text);
      this.log.push(line);
      this.#process.emit("line", line);
    });
    after(() => this.#process.kill("SIGKILL"));
  }

  /** Its address, once it listens. */
  async listening(): Promise<string> {
    const [line] = await once(this.#process, "line");
    if (line.msg !== "listening") throw new Error(`the service does not listen: ${JSON.stringify(line)}`);
    return `http://127.0.0.1:${line.port}`;
  }

  signal(name: "SIGTERM" | "SIGINT"): void {
    this.#process.kill(name);
  }

  /** How it ended, when it did; the log is whole then. */
  async exitCode(): Promise<number | null> {
    await this.#ended;
    return this.#process.exitCode;
  }
}

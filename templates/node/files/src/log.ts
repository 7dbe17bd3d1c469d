/** One JSON object a line on stdout: time, level, service, version, msg, and what the call adds. */

import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from "pino";
import { type LogLevel, SERVICE } from "./config.ts";

/** Written before the call returns, so that the last lines before an exit arrive, and in order. */
const stdout = (): DestinationStream => destination({ fd: 1, sync: true });

export function createLog(level: LogLevel, version: string, stream: DestinationStream = stdout()): Logger {
  return pino(
    {
      level,
      base: { service: SERVICE, version },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}

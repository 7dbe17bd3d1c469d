/** One JSON object a line on stdout: time, level, service, version, msg, inside a request trace_id and span_id, and what the call adds. */

import { trace } from "@opentelemetry/api";
import { logs, SeverityNumber } from "@opentelemetry/api-logs";
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
      mixin: ids,
    },
    {
      write(line) {
        stream.write(line);
        send(line);
      },
    },
  );
}

/** Which trace a line belongs to. */
function ids(): object {
  const span = trace.getActiveSpan()?.spanContext();
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}

const opentelemetry = logs.getLogger(SERVICE);

const SEVERITY: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

/** The same line by OTLP, where src/telemetry.ts sends logs. The resource and the span are added there. */
function send(line: string): void {
  if (!opentelemetry.enabled()) return;
  const { time, level, msg, service, version, trace_id, span_id, err, ...attributes } = JSON.parse(line);
  opentelemetry.emit({
    timestamp: new Date(time),
    severityNumber: SEVERITY[level] ?? SeverityNumber.UNSPECIFIED,
    severityText: level,
    body: msg,
    attributes,
    exception: err && { ...err, name: err.type },
  });
}

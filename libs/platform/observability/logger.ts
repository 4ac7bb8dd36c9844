import type { LoggerService } from '@nestjs/common';
import { destination, pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { prettyStream } from './pretty-stream.js';

export type { Logger } from 'pino';

export interface LoggingSettings {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** `auto`: for people where standard output is a terminal, JSON lines otherwise. */
  readonly format: 'auto' | 'json' | 'pretty';
}

/** Members whose values never reach a log, at the top, one and two levels down. */
const SECRETS = ['authorization', 'password', 'token', 'secret', 'sha256', 'cookie', 'databaseUrl'];

/**
 * The log of the process: JSON lines with `time`, `level`, `msg`, or text for people. Messages are constant, facts are members. Lines are written at once:
 * the last words of a dying process are the ones that matter.
 */
export function createLogger(settings: LoggingSettings, stream?: DestinationStream): Logger {
  const pretty = settings.format === 'pretty' || (settings.format === 'auto' && process.stdout.isTTY === true);
  const target = stream ?? (pretty ? prettyStream(process.stdout) : destination({ dest: 1, sync: true }));
  return pino(
    {
      level: settings.level,
      base: undefined,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[redacted]',
      },
    },
    target,
  );
}

/** Nest's own words: what it does at the start goes to `debug`, its warnings and errors where they belong. */
export function nestLogger(logger: Logger): LoggerService {
  const words = (message: unknown): string => (typeof message === 'string' ? message : String(message));
  return {
    log: (message: unknown, context?: unknown) => logger.debug({ component: context }, words(message)),
    debug: (message: unknown, context?: unknown) => logger.debug({ component: context }, words(message)),
    verbose: (message: unknown, context?: unknown) => logger.trace({ component: context }, words(message)),
    warn: (message: unknown, context?: unknown) => logger.warn({ component: context }, words(message)),
    error: (message: unknown, ...rest: unknown[]) =>
      message instanceof Error
        ? logger.error({ err: message, component: rest.at(-1) }, 'Nest met an error')
        : logger.error({ component: rest.at(-1) }, words(message)),
    fatal: (message: unknown, context?: unknown) => logger.fatal({ component: context }, words(message)),
  };
}

/** A log as libraries without a framework take it: a constant message, then facts. */
export interface FactsLogger {
  info(message: string, facts: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts: Readonly<Record<string, unknown>>): void;
  error(message: string, facts: Readonly<Record<string, unknown>>): void;
}

export function factsLogger(logger: Logger, component: string): FactsLogger {
  const child = logger.child({ component });
  return {
    info: (message, facts) => child.info(facts, message),
    warn: (message, facts) => child.warn(facts, message),
    error: (message, facts) => child.error(facts, message),
  };
}

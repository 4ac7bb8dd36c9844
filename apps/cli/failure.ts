import type { ExitName } from './exit-codes.js';

export interface FailureOptions {
  /** Stable, kebab-case, public; `weir explain CODE` tells of it. */
  readonly code: string;
  readonly exit: ExitName;
  /** What happened and where, one sentence. */
  readonly message: string;
  /** What to do next. */
  readonly hint?: string | null;
  /** The service's id of the request that failed. */
  readonly requestId?: string | null;
  /** Single causes, where there are several: file, line and reason each. */
  readonly findings?: readonly unknown[];
  readonly cause?: unknown;
}

/** A command that did not do what was asked, told in a way that says what to do next. Anything else that is thrown is a defect. */
export class Failure extends Error {
  readonly code: string;
  readonly exit: ExitName;
  readonly hint: string | null;
  readonly requestId: string | null;
  readonly findings: readonly unknown[];

  constructor(options: FailureOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.code = options.code;
    this.exit = options.exit;
    this.hint = options.hint ?? null;
    this.requestId = options.requestId ?? null;
    this.findings = options.findings ?? [];
  }
}

/** Wrong usage: exit code 2. */
export function usage(code: string, message: string, hint?: string | null): Failure {
  return new Failure({ code, exit: 'usage', message, hint });
}

import type { IncomingHttpHeaders } from 'node:http';
import type { ExitName } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { errorCode } from '../rules/error-codes.js';
import { withCommands } from './command-hints.js';

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly title?: string;
  readonly hint?: string | null;
  readonly request_id?: string;
  readonly errors?: readonly unknown[];
  readonly error_code?: number;
  readonly message?: string;
}

/** Codes of the service whose meaning for a pipeline is another than their status says. */
const EXITS_BY_CODE: Readonly<Record<string, ExitName>> = {
  'plan-blocked': 'no',
  'schema-incompatible': 'no',
  'schema-invalid': 'no',
  'idempotency-key-reused': 'conflict',
  'operation-not-permitted': 'conflict',
  'schema-referenced': 'conflict',
};

/** Where to look for what is not there. */
const LISTS: Readonly<Record<string, string>> = {
  'topic-not-found': 'weir topic list',
  'group-not-found': 'weir group list',
  'view-not-found': 'weir view list',
  'view-version-not-found': 'weir view versions VIEW',
  'derivation-not-found': 'weir derive list',
  'operation-not-found': 'weir op list',
  'backup-not-found': 'weir admin backups',
};

/** The exit for a status. */
export function exitOfStatus(status: number): ExitName {
  if (status === 401 || status === 403) return 'not-allowed';
  if (status === 404 || status === 410) return 'not-found';
  if (status === 409 || status === 412 || status === 423 || status === 428) return 'conflict';
  if (status === 429 || status === 502 || status === 503 || status === 504 || status === 507 || status === 408)
    return 'unreachable';
  return status >= 500 ? 'internal' : 'usage';
}

/** What a refusal of the service means, with what to do next. @param shown the token or password that was sent, and where it comes from. */
export function refusal(
  method: string,
  path: string,
  status: number,
  headers: IncomingHttpHeaders,
  body: Buffer,
  shown?: { readonly value: string; readonly origin: string },
): Failure {
  const problem = problemOf(body);
  const confluent = problem.error_code;
  const said = problem.detail ?? problem.message ?? problem.title;
  // What it keeps its schemas in refuses: it says so by no status, and nothing is wrong inside of this command.
  const isStore = confluent === 50001 || confluent === 50002 || confluent === 50003;
  const isHeld = confluent === 42205 || confluent === 42206;
  const incompatible = confluent === 409 || confluent === 40901;
  return new Failure({
    code: problem.code ?? (confluent === undefined ? `http-${status}` : `registry-${confluent}`),
    exit:
      (problem.code === undefined ? undefined : EXITS_BY_CODE[problem.code]) ??
      // What a mode forbids, or another schema that refers to it, is a state that it is in, and not wrong usage.
      (incompatible || confluent === 42201
        ? 'no'
        : isHeld
          ? 'conflict'
          : isStore
            ? 'unreachable'
            : exitOfStatus(status)),
    message: said ?? `${method} ${path} was answered with status ${status}.`,
    hint:
      // The service tells which header to send, and whoever uses the command line needs to know where it is taken from.
      (status === 401 ? tokenHint(shown) : null) ??
      (typeof problem.hint === 'string' ? withCommands(problem.hint) : null) ??
      (incompatible
        ? 'What breaks, and what to do: weir check, or the same command with --dry-run.'
        : (errorCode(`registry-${confluent}`)?.next ?? hintFor(status, headers, problem.code ?? confluent))),
    requestId: problem.request_id ?? header(headers['x-request-id']) ?? null,
    findings: problem.errors ?? [],
  });
}

/** A service that does not answer. */
export function unreachable(address: string, cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const reason = reasonOf(cause);
  return new Failure({
    code: 'unreachable',
    exit: 'unreachable',
    message: `${address.replace(/\/$/, '')} cannot be reached: ${reason}.`,
    hint: reason.startsWith('its certificate')
      ? 'Name the authority that signed it by WEIR_CA_FILE.'
      : 'Name the service by --server, WEIR_URL or a context; `weir doctor` looks closer.',
    cause,
  });
}

/** Why a connection came to nothing, in words. */
export function reasonOf(cause: unknown): string {
  const { code, message } = cause as { code?: string; message?: string };
  return code === 'ECONNREFUSED'
    ? 'nothing listens there'
    : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
      ? 'the name is not known'
      : code === 'ETIMEDOUT'
        ? 'it did not answer in time'
        : code === 'ECONNRESET' || code === 'EPIPE'
          ? 'the connection was cut'
          : /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code ?? '')
            ? `its certificate is not trusted (${code})`
            : (message ?? 'unknown reason');
}

function problemOf(body: Buffer): Problem {
  try {
    const value = JSON.parse(body.toString('utf8')) as unknown;
    return typeof value === 'object' && value !== null ? (value as Problem) : {};
  } catch {
    return {};
  }
}

function hintFor(status: number, headers: IncomingHttpHeaders, code: string | number | undefined): string | null {
  if (status === 403) return 'The token is known and may not do this; ask for a role that may.';
  if (status === 407) return 'The proxy asks for credentials: HTTPS_PROXY=http://user:password@host:port.';
  if (status === 429 || status === 503)
    return `Try again${headers['retry-after'] === undefined ? ' later' : ` after ${header(headers['retry-after'])} s`}.`;
  const lists = typeof code === 'string' ? LISTS[code] : undefined;
  if (lists !== undefined) return `${lists} shows those there are.`;
  // A service that names what is not there has the right address.
  if (status === 404 && (code === undefined || code === 404))
    return 'Is the address right, and is there a Weir service? weir doctor looks closer.';
  if (status === 507) return 'The disk of the service is full: free room there, then repeat.';
  return null;
}

function tokenHint(shown: { readonly value: string; readonly origin: string } | undefined): string {
  if (shown === undefined) return 'Give a token by WEIR_TOKEN or WEIR_TOKEN_FILE, or keep one: weir login.';
  const what = shown.value.startsWith('Basic ') ? 'password' : 'token';
  return `It does not take the ${what} of ${shown.origin}: is it of another service, over, or revoked? weir config print shows which service is asked.`;
}

function header(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

import { Failure } from '../failure.js';
import type { Outcome, Table } from '../outcome.js';

export const OUTPUTS = ['table', 'wide', 'json', 'jsonl', 'yaml', 'name'] as const;
export type Output = (typeof OUTPUTS)[number];

/** Whether a program reads it. */
export function isMachine(output: Output): boolean {
  return output !== 'table' && output !== 'wide';
}

interface EnvelopeError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly request_id: string | null;
  readonly findings: readonly unknown[];
}

/** The one document that `-o json` prints. Keys never vanish. */
export interface Envelope {
  readonly apiVersion: 'v1';
  readonly kind: string;
  readonly data: unknown;
  readonly warnings: readonly string[];
  readonly error: EnvelopeError | null;
}

export function envelopeOf(outcome: Outcome): Envelope {
  const { kind, data, warnings = [], error } = outcome;
  return {
    apiVersion: 'v1',
    kind,
    data: data ?? null,
    warnings,
    error:
      error === undefined
        ? null
        : {
            code: error.code,
            message: error.message,
            hint: error.hint ?? null,
            request_id: null,
            findings: error.findings ?? [],
          },
  };
}

/** The envelope of a command that failed. */
export function failureEnvelope(kind: string, failure: Failure): Envelope {
  const { code, message, hint, requestId, findings } = failure;
  return {
    apiVersion: 'v1',
    kind,
    data: null,
    warnings: [],
    error: { code, message, hint, request_id: requestId, findings },
  };
}

/** An envelope in a machine format. */
export async function machineText(output: Output, envelope: Envelope, names: readonly string[]): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify(envelope, null, 2)}\n`;
    case 'yaml': {
      const { stringify } = await import('yaml');
      return stringify(envelope);
    }
    case 'jsonl': {
      // A failure is a line of its own kind, so that a reader of lines sees it.
      if (envelope.error !== null && envelope.data === null) return `${JSON.stringify({ error: envelope.error })}\n`;
      const items = Array.isArray(envelope.data) ? envelope.data : [envelope.data];
      const lines = items.map((item) => `${JSON.stringify(item)}\n`).join('');
      return envelope.error === null ? lines : `${lines}${JSON.stringify({ error: envelope.error })}\n`;
    }
    case 'name':
      return names.map((name) => `${name}\n`).join('');
    case 'table':
    case 'wide':
      return '';
  }
}

/** A table without borders. @param columns characters of a line of the terminal; undefined: nothing is cut. */
export function tableText({ columns: all, rows, empty }: Table, wide: boolean, columns: number | undefined): string {
  if (rows.length === 0) return empty === undefined || empty === '' ? '' : `${empty}\n`;
  const shown = all.map((column, at) => ({ ...column, at })).filter((column) => wide || column.wide !== true);
  const cells = rows.map((row) => shown.map(({ at }) => printable(cellText(row[at]))));
  const titles = shown.map(({ title }) => title.toUpperCase());
  const lines = titles.every((title) => title === '') ? cells : [titles, ...cells];
  const widths = shown.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  return lines
    .map((line) => {
      const padded = line.map((cell, at) =>
        shown[at]!.right === true
          ? cell.padStart(widths[at]!)
          : at === line.length - 1
            ? cell
            : cell.padEnd(widths[at]!),
      );
      const whole = padded.join('  ').trimEnd();
      return columns !== undefined && whole.length > columns ? `${whole.slice(0, Math.max(1, columns - 1))}…` : whole;
    })
    .map((line) => `${line}\n`)
    .join('');
}

/** Text of somebody else as it may be shown: what would steer a terminal, or end the line, is written as its escape. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (one) => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[one];
    return short ?? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function cellText(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (Array.isArray(value))
    return value.length === 0
      ? '-'
      : value.map((one) => (typeof one === 'object' ? JSON.stringify(one) : String(one))).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean);
}

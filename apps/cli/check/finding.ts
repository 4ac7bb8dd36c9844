import { createHash } from 'node:crypto';

export const LEVELS_OF_FINDINGS = ['error', 'warning', 'info'] as const;
export type FindingLevel = (typeof LEVELS_OF_FINDINGS)[number];

export interface FindingLocation {
  /** Relative to the project's folder, with `/`. */
  readonly file: string;
  /** From 1; null where the place is not in the file (it came from a reference, say). */
  readonly startLine: number | null;
  readonly startColumn: number | null;
  readonly endLine: number | null;
  readonly endColumn: number | null;
}

/** One thing found, of whatever check. Public: every machine format is made of it (2.5). */
export interface CheckFinding {
  readonly ruleId: string;
  readonly level: FindingLevel;
  readonly direction: 'backward' | 'forward' | 'full' | null;
  readonly subject: string;
  /** Number of the version it was held against; null for one without, as in a commit. */
  readonly againstVersion: number | null;
  /** Where in the schema, in names. */
  readonly path: string;
  readonly location: FindingLocation;
  readonly before: string | null;
  readonly after: string | null;
  readonly message: string;
  readonly help: string | null;
  /** The page of the rule: an address, or a path of the documentation; null for what has none. */
  readonly helpUrl: string | null;
  /** Stays the same when lines move. */
  readonly fingerprint: string;
  readonly waiver: AppliedWaiver | null;
}

/** Why a finding does not count. */
export interface AppliedWaiver {
  readonly owner: string | null;
  readonly reason: string;
  readonly expires: string | null;
}

/** A finding without what can be worked out. */
export type FoundThing = Omit<CheckFinding, 'fingerprint' | 'waiver' | 'helpUrl'>;

export function finding(found: FoundThing): CheckFinding {
  const { ruleId, subject, direction, path, before, after } = found;
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([ruleId, subject, direction, path, before, after]))
    .digest('hex')
    .slice(0, 16);
  return { ...found, helpUrl: null, fingerprint, waiver: null };
}

/** Whether a finding counts at a fail level. */
export function countsAt(failOn: FindingLevel, { level, waiver }: CheckFinding): boolean {
  return waiver === null && LEVELS_OF_FINDINGS.indexOf(level) <= LEVELS_OF_FINDINGS.indexOf(failOn);
}

/** Most severe first, then by place. */
export function bySeverity(a: CheckFinding, b: CheckFinding): number {
  const waived = Number(a.waiver !== null) - Number(b.waiver !== null);
  if (waived !== 0) return waived;
  const level = LEVELS_OF_FINDINGS.indexOf(a.level) - LEVELS_OF_FINDINGS.indexOf(b.level);
  if (level !== 0) return level;
  if (a.location.file !== b.location.file) return a.location.file < b.location.file ? -1 : 1;
  return (
    (a.location.startLine ?? 0) - (b.location.startLine ?? 0) ||
    (a.location.startColumn ?? 0) - (b.location.startColumn ?? 0)
  );
}

/** A place of a text as a location: to the end of the word, string or bracket that begins there. */
export function locationIn(
  file: string,
  text: string,
  position: { readonly line: number; readonly column: number } | null,
): FindingLocation {
  if (position === null) return { file, startLine: null, startColumn: null, endLine: null, endColumn: null };
  const { line, column } = position;
  const rest = (text.split('\n', line)[line - 1] ?? '').slice(column - 1);
  const token = /^"(?:[^"\\]|\\.)*"?|^[\w.$-]+|^./u.exec(rest)?.[0] ?? '';
  return { file, startLine: line, startColumn: column, endLine: line, endColumn: column + Math.max(1, token.length) };
}

/** `file:line:column`, as far as it is known. */
export function placeText({ file, startLine, startColumn }: FindingLocation): string {
  return startLine === null ? file : `${file}:${startLine}:${startColumn}`;
}

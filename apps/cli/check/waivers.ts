import type { ProjectIgnore, Waiver } from '../project/project-file.js';
import { waiversShape } from '../project/project-file.js';
import { globMatcher } from '../project/glob.js';
import type { SourceTree } from '../project/source-tree.js';
import { readYaml } from '../project/yaml-file.js';
import { finding, locationIn, type CheckFinding } from './finding.js';

/** Reads a file of waivers; one with nothing in it waives nothing. @returns undefined for one that is not there. @throws Failure for one that is not in order. */
export async function readWaivers(
  tree: SourceTree,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly Waiver[] | undefined> {
  const text = (await tree.read([file])).get(file);
  if (text === undefined) return undefined;
  return holdsNothing(text) ? [] : readYaml(waiversShape, { text, file, env }).value;
}

/** Whether a file has nothing but comments. */
export function holdsNothing(text: string): boolean {
  return text.split('\n').every((line) => /^\s*(?:#.*)?$/.test(line));
}

/**
 * Findings with what excuses them; those that an expired waiver covers count again, and a warning says so.
 * @param today as `2026-01-31`.
 */
export function waived(
  findings: readonly CheckFinding[],
  {
    waivers,
    waiversFile,
    ignores,
    today,
  }: {
    readonly waivers: readonly Waiver[];
    readonly waiversFile: string;
    readonly ignores: readonly ProjectIgnore[];
    readonly today: string;
  },
): readonly CheckFinding[] {
  const byFingerprint = new Map(waivers.map((waiver) => [waiver.fingerprint, waiver]));
  const matchers = ignores
    .filter(({ expires }) => expires === undefined || expires >= today)
    .map((ignore) => ({ ignore, path: globMatcher(ignore.path), rule: ruleMatcher(ignore.rules) }));
  const expired: CheckFinding[] = [];
  const covered = findings.map((one) => {
    const waiver = byFingerprint.get(one.fingerprint);
    if (waiver !== undefined && waiver.expires >= today)
      return { ...one, waiver: { owner: waiver.owner, reason: waiver.reason, expires: waiver.expires } };
    if (waiver !== undefined) {
      expired.push(
        finding({
          ruleId: 'project/waiver-expired',
          level: 'warning',
          direction: null,
          subject: one.subject,
          againstVersion: null,
          path: one.fingerprint,
          location: locationIn(waiversFile, '', null),
          before: null,
          after: null,
          message: `The waiver of ${waiver.owner} for ${one.ruleId} ended on ${waiver.expires}.`,
          help: 'Mend what it covers, or renew it with a reason.',
        }),
      );
    }
    const ignored = matchers.find(({ path, rule }) => path(one.location.file) && rule(one.ruleId));
    return ignored === undefined
      ? one
      : { ...one, waiver: { owner: null, reason: ignored.ignore.reason, expires: ignored.ignore.expires ?? null } };
  });
  return [...covered, ...expired];
}

function ruleMatcher(rules: readonly string[]): (id: string) => boolean {
  return (id) =>
    rules.some((rule) => rule === '*' || rule === id || (rule.endsWith('/*') && id.startsWith(rule.slice(0, -1))));
}

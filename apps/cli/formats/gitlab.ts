import { isAddress } from '../check/help-url.js';
import type { CheckReport } from '../check/report.js';

const SEVERITIES = { error: 'major', warning: 'minor', info: 'info' } as const;

/** GitLab's code quality report: a fingerprint occurs once, so what is found twice is told once. */
export function gitlabReport({ findings }: CheckReport, prefix: string): string {
  const seen = new Set<string>();
  const entries = findings
    .filter(({ waiver, fingerprint }) => waiver === null && !seen.has(fingerprint) && seen.add(fingerprint))
    .map(({ ruleId, direction, message, help, helpUrl, fingerprint, level, location }) => ({
      type: 'issue',
      check_name: ruleId,
      description: `${message}${help === null ? '' : ` ${help}`}${direction === null ? '' : ` (${direction})`}`,
      content: { body: `${help ?? message}${isAddress(helpUrl) ? `\n\n${helpUrl}` : ''}` },
      categories: ['Compatibility'],
      fingerprint,
      severity: SEVERITIES[level],
      location: { path: prefix + location.file, lines: { begin: location.startLine ?? 1, end: location.endLine ?? 1 } },
    }));
  return `${JSON.stringify(entries, null, 2)}\n`;
}

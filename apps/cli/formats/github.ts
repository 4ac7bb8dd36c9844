import { isAddress } from '../check/help-url.js';
import type { CheckFinding } from '../check/finding.js';
import type { CheckReport } from '../check/report.js';

/** GitHub shows no more of either in one step. */
const MOST_OF_A_LEVEL = 10;
const LEVELS = { error: 'error', warning: 'warning', info: 'notice' } as const;

/** Workflow commands that annotate lines of a pull request: the most severe first, ten of each level; all of them are in the step summary. */
export function githubAnnotations({ findings }: CheckReport, prefix: string): string {
  return (['error', 'warning', 'info'] as const)
    .flatMap((level) => findings.filter((one) => one.level === level && one.waiver === null).slice(0, MOST_OF_A_LEVEL))
    .map((one) => `${annotation(one, prefix)}\n`)
    .join('');
}

function annotation(
  { level, ruleId, direction, location, message, before, after, help, helpUrl }: CheckFinding,
  prefix: string,
): string {
  const place =
    location.startLine === null
      ? ''
      : `,line=${location.startLine},col=${location.startColumn},endLine=${location.endLine},endColumn=${location.endColumn}`;
  const title = `${ruleId}${direction === null ? '' : ` (${direction})`}`;
  const lines = [
    message,
    ...(before === null ? [] : [`- ${before}`]),
    ...(after === null ? [] : [`+ ${after}`]),
    ...(help === null ? [] : [help]),
    ...(isAddress(helpUrl) ? [helpUrl] : []),
  ];
  return `::${LEVELS[level]} file=${property(prefix + location.file)}${place},title=${property(title)}::${data(lines.join('\n'))}`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

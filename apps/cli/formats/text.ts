import { isAddress } from '../check/help-url.js';
import { placeText, type CheckFinding } from '../check/finding.js';
import { levelText, summaryText, type CheckReport } from '../check/report.js';

const COLOURS = { error: 31, warning: 33, info: 36 } as const;

/** For people: place, level, rule; what is wrong; before and after; what to do. */
export function textReport(report: CheckReport, colour: boolean): string {
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const blocks = report.findings.map((finding) => block(finding, levelText(report, finding.subject), paint));
  const verdict = report.passed ? paint(32, 'passed') : paint(31, 'failed');
  return `${blocks.join('')}${verdict}: ${summaryText(report)}\n`;
}

function block(
  finding: CheckFinding,
  levelled: string | undefined,
  paint: (code: number, text: string) => string,
): string {
  const {
    level,
    ruleId,
    direction,
    subject,
    message,
    before,
    after,
    help,
    location,
    path,
    fingerprint,
    waiver,
    againstVersion,
    helpUrl,
  } = finding;
  const against = againstVersion === null ? '' : ` · version ${againstVersion}`;
  const head = `${paint(1, placeText(location))}: ${paint(COLOURS[level], waiver === null ? level : `${level} (waived)`)} ${ruleId}${direction === null ? '' : ` (${direction})`}`;
  const by = direction === null || levelled === undefined ? '' : ` · ${levelled}`;
  const lines = [head, `  ${message}`, `  ${subject}${path === '' ? '' : ` · ${path}`}${against}${by}`];
  if (before !== null) lines.push(paint(31, `  - ${before}`));
  if (after !== null) lines.push(paint(32, `  + ${after}`));
  if (help !== null) lines.push(`  → ${help}`);
  if (isAddress(helpUrl)) lines.push(`  ${helpUrl}`);
  if (waiver !== null)
    lines.push(
      `  waived${waiver.owner === null ? '' : ` by ${waiver.owner}`}: ${waiver.reason}${waiver.expires === null ? '' : ` (until ${waiver.expires})`}`,
    );
  if (level !== 'info') lines.push(paint(2, `  fingerprint ${fingerprint}`));
  return `${lines.join('\n')}\n\n`;
}

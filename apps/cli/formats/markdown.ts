import { isAddress } from '../check/help-url.js';
import { placeText } from '../check/finding.js';
import { levelText, summaryText, type CheckReport } from '../check/report.js';

/** A table for a comment or a step summary. */
export function markdownReport(report: CheckReport): string {
  const head = `### ${report.passed ? '✅' : '❌'} weir check: ${cell(summaryText(report))}\n`;
  if (report.findings.length === 0) return `${head}\n`;
  const rows = report.findings.map(
    ({ level, waiver, ruleId, direction, subject, location, message, before, after, help, helpUrl, fingerprint }) => {
      const by = levelText(report, subject);
      const change =
        before === null && after === null ? '' : `<br>${code(before ?? '(nothing)')} → ${code(after ?? '(nothing)')}`;
      return `| ${waiver === null ? level : 'waived'} | ${code(placeText(location))} | ${isAddress(helpUrl) ? `[${code(ruleId)}](${helpUrl})` : code(ruleId)}${direction === null ? '' : `<br>${direction}`} | ${code(subject)}${direction === null || by === undefined ? '' : `<br>${cell(by)}`} | ${cell(message)}${change}${help === null ? '' : `<br>**${cell(help)}**`} | ${code(fingerprint)} |`;
    },
  );
  return `${head}\n| Level | Place | Rule | Subject | What | Fingerprint |\n| --- | --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

function cell(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('|', '\\|')
    .replace(/\s*\n\s*/g, ' ');
}

function code(text: string): string {
  return `<code>${cell(text)}</code>`;
}

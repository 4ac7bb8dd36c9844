import { placeText, type CheckFinding } from '../check/finding.js';
import { levelText, type CheckReport } from '../check/report.js';

/** JUnit XML: a test case for each schema, which fails when something counts against it. */
export function junitReport(report: CheckReport): string {
  const counted = (subject: string): readonly CheckFinding[] =>
    report.findings.filter((one) => one.subject === subject && one.waiver === null && counts(report, one));
  // Topics and whatever else is no schema of the report have cases, too: nothing found is left out.
  const here = new Set(report.schemas.map(({ subject }) => subject));
  const others = new Map(
    report.findings
      .filter(({ subject }) => !here.has(subject))
      .map(({ subject, location }) => [subject, location.file]),
  );
  const subjects = [...report.schemas, ...[...others].map(([subject, file]) => ({ subject, file }))];
  const cases = subjects.map((schema) => {
    const found = counted(schema.subject);
    const body = found.map(
      (one) =>
        `      <failure message=${attribute(one.message)} type=${attribute(one.ruleId)}>${escaped(details(report, one))}</failure>\n`,
    );
    const said = report.findings.filter((one) => one.subject === schema.subject && !found.includes(one));
    const out =
      said.length === 0
        ? ''
        : `      <system-out>${escaped(said.map((one) => details(report, one)).join('\n\n'))}</system-out>\n`;
    const inside = body.join('') + out;
    return `    <testcase name=${attribute(schema.subject)} classname=${attribute(schema.file)} time="0"${inside === '' ? '/>' : `>\n${inside}    </testcase>`}\n`;
  });
  const failures = subjects.filter(({ subject }) => counted(subject).length > 0).length;
  const totals = `tests="${subjects.length}" failures="${failures}" errors="0" time="0"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="weir" ${totals}>\n  <testsuite name="weir" ${totals} skipped="0">\n${cases.join('')}  </testsuite>\n</testsuites>\n`;
}

function counts({ failOn }: CheckReport, { level }: CheckFinding): boolean {
  const order = ['error', 'warning', 'info'];
  return order.indexOf(level) <= order.indexOf(failOn);
}

function details(report: CheckReport, finding: CheckFinding): string {
  const { level, ruleId, direction, location, path, before, after, message, help, fingerprint, subject } = finding;
  const by = direction === null ? undefined : levelText(report, subject);
  return [
    `${placeText(location)}: ${level} ${ruleId}${direction === null ? '' : ` (${direction})`}${path === '' ? '' : ` at ${path}`}`,
    message,
    ...(before === null ? [] : [`- ${before}`]),
    ...(after === null ? [] : [`+ ${after}`]),
    ...(help === null ? [] : [help]),
    ...(by === undefined ? [] : [`judged at ${by}`]),
    `fingerprint ${fingerprint}`,
  ].join('\n');
}

function attribute(text: string): string {
  return `"${escaped(text)
    .replaceAll('"', '&quot;')
    .replace(/[\n\t]/g, ' ')}"`;
}

/** XML has no place for most control characters. */
function escaped(text: string): string {
  return text
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '\ufffd',
    )
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

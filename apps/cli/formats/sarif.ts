import type { CheckFinding } from '../check/finding.js';
import { levelText, type CheckReport } from '../check/report.js';
import { ruleEntry } from '../rules/catalogue.js';
import { isAddress } from '../check/help-url.js';
import type { FormatOptions } from './formats.js';

const LEVELS = { error: 'error', warning: 'warning', info: 'note' } as const;

/** SARIF 2.1.0: constant rule ids, paths relative to the repository, partial fingerprints. */
export function sarifReport(report: CheckReport, { prefix, version }: FormatOptions): string {
  const pages = new Map(report.findings.map(({ ruleId, helpUrl }) => [ruleId, helpUrl]));
  const ruleIds = [...pages.keys()].sort();
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'weir', version, rules: ruleIds.map((id) => rule(id, pages.get(id) ?? null)) } },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { SRCROOT: { description: { text: 'The root of the repository.' } } },
        results: report.findings.map((finding) =>
          result(finding, ruleIds.indexOf(finding.ruleId), prefix, levelText(report, finding.subject) ?? null),
        ),
        properties: { against: report.against, passed: report.passed },
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function rule(id: string, helpUrl: string | null): Record<string, unknown> {
  const entry = ruleEntry(id);
  return {
    id,
    name: id.replace(/(?:^|[/-])(\w)/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: entry?.title ?? id },
    ...(entry?.purpose ? { fullDescription: { text: entry.purpose } } : {}),
    ...(entry?.fix ? { help: { text: entry.fix } } : {}),
    // A path would be no address there.
    ...(isAddress(helpUrl) ? { helpUri: helpUrl } : {}),
  };
}

function result(
  finding: CheckFinding,
  ruleIndex: number,
  prefix: string,
  level: string | null,
): Record<string, unknown> {
  const { location, message, help, direction, before, after, path, subject, againstVersion, waiver } = finding;
  const region =
    location.startLine === null
      ? {}
      : {
          region: {
            startLine: location.startLine,
            startColumn: location.startColumn,
            endLine: location.endLine,
            endColumn: location.endColumn,
          },
        };
  return {
    ruleId: finding.ruleId,
    ruleIndex,
    level: LEVELS[finding.level],
    message: { text: help === null ? message : `${message} ${help}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: encodeURI(prefix + location.file), uriBaseId: 'SRCROOT' },
          ...region,
        },
        logicalLocations: [{ name: subject, ...(path === '' ? {} : { fullyQualifiedName: `${subject}#${path}` }) }],
      },
    ],
    partialFingerprints: { 'weir/v1': finding.fingerprint },
    ...(waiver === null
      ? {}
      : { suppressions: [{ kind: 'external', status: 'accepted', justification: waiver.reason }] }),
    properties: { direction, before, after, againstVersion, level },
  };
}

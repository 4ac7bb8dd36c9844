import { resolve } from 'node:path';
import { nearest } from '#libs/core/kernel';
import { texts, type Invocation } from '../command.js';
import { bySeverity, countsAt, type CheckFinding, type FindingLevel } from '../check/finding.js';
import type { HelpUrls } from '../check/help-url.js';
import { countsOf, type CheckReport } from '../check/report.js';
import type { SchemaReport } from '../check/judge.js';
import { Failure, usage } from '../failure.js';
import { FINDING_FORMATS, formatted, type FindingFormat, type FormatOptions } from '../formats/formats.js';
import { Repository } from '../git/repository.js';
import type { Outcome } from '../outcome.js';
import { writtenFile } from '../output/written-file.js';
import { VERSION } from '../version.js';

interface AskedFormat {
  readonly format: FindingFormat;
  /** Undefined: standard output. */
  readonly file: string | undefined;
  /** Not only because of the CI it runs in. */
  readonly isAsked: boolean;
}

/** What programs read, and nobody else. */
const FOR_PROGRAMS: readonly FindingFormat[] = ['sarif', 'junit', 'gitlab'];

export interface Found {
  readonly kind: string;
  readonly against: string | null;
  readonly schemas: readonly SchemaReport[];
  readonly findings: readonly CheckFinding[];
  readonly failOn: FindingLevel;
  readonly most: number | undefined;
  /** The folder of the project. */
  readonly root: string;
  /** Findings are reported, and the answer is yes whatever they are. */
  readonly noFail: boolean;
  readonly helpUrls: HelpUrls;
}

/**
 * A report in every format that is asked for, and the exit code that tells the truth.
 * @param which `of-ci`: only what the CI it runs in takes, for a command that shows its findings itself.
 */
export async function reported(invocation: Invocation, found: Found, which: 'all' | 'of-ci' = 'all'): Promise<Outcome> {
  const { io, flags } = invocation;
  const sorted = found.findings.map((one) => ({ ...one, helpUrl: found.helpUrls(one.ruleId) })).sort(bySeverity);
  const passed = !sorted.some((one) => countsAt(found.failOn, one));
  const report: CheckReport = {
    against: found.against,
    failOn: found.failOn,
    passed,
    counts: countsOf(sorted),
    schemas: found.schemas,
    findings: sorted.slice(0, found.most),
    leftOut: Math.max(0, sorted.length - (found.most ?? sorted.length)),
  };
  const options: FormatOptions = {
    colour: flags.colour,
    prefix: prefixOf(found.root),
    version: VERSION,
    kind: found.kind,
  };
  const asked = askedFormats(invocation).filter(({ format }) => which === 'all' || format !== 'text');
  const shown: string[] = [];
  // `--max` spares people. What programs read is whole, or a schema that failed would pass there.
  const whole: CheckReport = { ...report, findings: sorted, leftOut: 0 };
  for (const { format, file, isAsked } of asked) {
    const told = FOR_PROGRAMS.includes(format) ? whole : report;
    const text = await formatted(format, told, { ...options, colour: file === undefined && options.colour });
    if (file === undefined) shown.push(text);
    else if (isAsked) await writtenFile(resolve(io.cwd, file), text);
    else await besides(invocation, file, writtenFile(resolve(io.cwd, file), text));
    if (format === 'github') await stepSummary(invocation, whole, options);
  }
  return {
    kind: found.kind,
    data: report,
    text: shown.join(''),
    names: [...new Set(report.findings.filter((one) => countsAt(found.failOn, one)).map(({ subject }) => subject))],
    exit: passed || found.noFail ? 'done' : 'no',
    // A format that was named is the whole output, whatever -o says.
    ...(texts(invocation, 'format').length > 0 ? { raw: shown.join('') } : {}),
  };
}

function askedFormats(invocation: Invocation): readonly AskedFormat[] {
  const { env } = invocation.io;
  const given = texts(invocation, 'format')
    .flatMap(eachFormat)
    .map((one): AskedFormat => {
      const [name, ...rest] = one.split('=');
      const format = FINDING_FORMATS.find((known) => known === name);
      if (format === undefined) {
        const near = nearest(name!, FINDING_FORMATS);
        throw usage(
          'format-unknown',
          `'${name}' is no format of findings.`,
          near === undefined ? `One of ${FINDING_FORMATS.join(', ')}.` : `Did you mean '${near}'?`,
        );
      }
      return { format, file: rest.length === 0 ? undefined : rest.join('='), isAsked: true };
    });
  if (given.length > 0) return given;
  const own: AskedFormat[] = [{ format: 'text', file: undefined, isAsked: false }];
  if (env['GITHUB_ACTIONS'] === 'true') own.push({ format: 'github', file: undefined, isAsked: false });
  if (env['GITLAB_CI'] === 'true') own.push({ format: 'gitlab', file: 'gl-code-quality-report.json', isAsked: false });
  return own;
}

/** `sarif=a.sarif,junit=b.xml` is two; a comma in the name of a file, with no format behind it, is part of the name. */
function eachFormat(given: string): readonly string[] {
  return given.split(new RegExp(`,(?=(?:${FINDING_FORMATS.join('|')})(?:[=,]|$))`));
}

async function stepSummary(invocation: Invocation, report: CheckReport, options: FormatOptions): Promise<void> {
  const file = invocation.io.env['GITHUB_STEP_SUMMARY'];
  if (!file) return;
  const text = await formatted('markdown', report, options);
  await besides(invocation, 'the step summary', writtenFile(file, text, { append: true }));
}

/** What nobody asked for by name changes nothing about the answer where it cannot be written. */
async function besides({ say }: Invocation, what: string, writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`warning: ${what} cannot be written: ${error.message}`);
  }
}

/** Where the project is in the repository, for formats whose paths begin there. */
function prefixOf(root: string): string {
  const folder = Repository.placeOf(root);
  return folder === '' ? '' : `${folder}/`;
}

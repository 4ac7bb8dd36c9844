import { describe, expect, it } from 'vitest';
import { conformanceCases, type CaseSchema, type ReferencedCase, type VerdictCase } from '#libs/core/schema/testing';
import type { CompatibilityLevel, SchemaType } from '#libs/core/schema';
import { serverForSuite } from '#libs/platform/testing';
import { OfflineJudge } from '../../apps/cli/check/judge.js';
import type { ProjectSchema } from '../../apps/cli/project/project.js';
import { formattedText } from '../../apps/cli/lint/format.js';
import { SchemaSet } from '../../apps/cli/project/schema-set.js';

interface Judged {
  readonly compatible: boolean;
  readonly findings: readonly {
    readonly ruleId: string;
    readonly direction: string;
    readonly place: string;
    readonly position: { readonly line: number; readonly column: number } | null;
    readonly levels: readonly string[];
  }[];
}

/** Cases that a project can hold: one version of each subject that is referred to, and the stricter of the two policies. */
function isOfProjects({ policy, referenced = [], heavy }: VerdictCase): boolean {
  return (
    policy !== 'LENIENT' &&
    heavy !== true &&
    new Set(referenced.map(({ subject }) => subject)).size === referenced.length
  );
}

/** The service lists findings of several levels by the version, one check those of one level by the direction. */
const sorted = (findings: readonly unknown[]): string =>
  findings
    .map((one) => JSON.stringify(one))
    .sort()
    .join();

/** The recorded texts of JSON are one line; laid out, their places say more. */
const laidOut = (type: SchemaType, text: string): string => formattedText({ schemaType: type, text }) ?? text;

const schemaOf = (
  subject: string,
  type: SchemaType,
  { schema, schemaType = type, references = [] }: CaseSchema | ReferencedCase,
): ProjectSchema => ({
  subject,
  file: `${subject}.txt`,
  schemaType,
  text: schema,
  references: references.map(({ name, subject: target }) => ({ name, subject: target, version: undefined })),
  level: undefined,
  normalize: false,
  metadata: null,
});

describe('weir check and the service', () => {
  const server = serverForSuite();
  for (const format of ['avro', 'json-schema', 'protobuf']) {
    it(`say the same of all ${format} cases that a project can hold: verdict, rules, directions, places, lines and columns`, async () => {
      const cases = conformanceCases<VerdictCase>(`verdicts-${format}`).filter(isOfProjects);
      const judge = new OfflineJudge();
      const different: unknown[] = [];
      let behindFirstLine = 0;
      const hold = async (given: VerdictCase): Promise<void> => {
        const one =
          given.format === 'PROTOBUF'
            ? given
            : { ...given, new: { ...given.new, schema: laidOut(given.format, given.new.schema) } };
        const service = await fetch(`${server().url}/v1/schemas:check`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            ...one.new,
            schemaType: one.new.schemaType ?? one.format,
            earlier: one.earlier.map((earlier) => ({ ...earlier, schemaType: earlier.schemaType ?? one.format })),
            referenced: one.referenced?.map((each) => ({ ...each, schemaType: each.schemaType ?? one.format })),
            levels: [one.level],
          }),
        });
        const referenced = (one.referenced ?? []).map((each) => schemaOf(each.subject, one.format, each));
        const candidate = schemaOf('candidate', one.format, one.new);
        const { report, findings } = await judge.judge(
          candidate,
          () => new SchemaSet([candidate, ...referenced]).source(candidate),
          () =>
            Promise.all(
              one.earlier
                .map(async (earlier, at) => {
                  const schema = schemaOf('earlier', one.format, earlier);
                  return { version: at + 1, source: await new SchemaSet([schema, ...referenced]).source(schema) };
                })
                .reverse(),
            ),
          { value: one.level as CompatibilityLevel, origin: 'test' },
          false,
        );
        if (service.status !== 200) {
          if (report.status !== 'invalid') different.push([one.id, service.status, report.status]);
          return;
        }
        // Registering what is registered does nothing, whatever older versions are like.
        if (report.status === 'unchanged') return;
        const judged = (await service.json()) as Judged;
        const ours = findings
          .filter(({ level, ruleId }) => level === 'error' && !ruleId.startsWith('schema/invalid'))
          .map(({ ruleId, direction, path, location }) => [
            ruleId,
            direction,
            path,
            location.startLine,
            location.startColumn,
          ]);
        const theirs = judged.findings
          .filter(({ levels }) => levels.includes(one.level))
          .map(({ ruleId, direction, place, position }) => [
            ruleId,
            direction === 'new-reads-old' ? 'backward' : 'forward',
            place,
            position?.line ?? null,
            position?.column ?? null,
          ]);
        behindFirstLine += ours.filter(([, , , line]) => Number(line) > 1).length;
        if (judged.compatible !== (report.status !== 'incompatible') || sorted(ours) !== sorted(theirs))
          different.push([one.id, judged.compatible, report.status, ours, theirs]);
      };
      for (let from = 0; from < cases.length; from += 8) await Promise.all(cases.slice(from, from + 8).map(hold));
      console.log(`${format}: ${cases.length} cases, ${behindFirstLine} findings behind the first line`);
      expect(Math.min(cases.length, behindFirstLine)).toBeGreaterThan(100);
      expect(different).toEqual([]);
    });
  }
});

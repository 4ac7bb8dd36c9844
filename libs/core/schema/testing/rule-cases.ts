import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Direction, ResolvedReference, SchemaType } from '../format.js';

/**
 * The rules of a catalogue shown on schemas: `<format>/rule-cases/<rule>/<case>.before.<ext>`, `.after.<ext>` in the schema language itself and
 * `.expected.json`. A case is a schema and its successor, with the verdicts and everything a person is told.
 */
export interface RuleCase {
  readonly name: string;
  readonly about: string;
  readonly before: CaseText;
  readonly after: CaseText;
  /** Verdicts when `after` is to follow `before`; those of the transitive levels are the same. */
  readonly compatible: Verdicts;
  /** The same under the LENIENT policy, where that makes a difference. */
  readonly lenient: Verdicts | null;
  /** All findings at level FULL under the STRICT policy, in order. */
  readonly findings: readonly ExpectedFinding[];
}

export type Verdicts = Readonly<Record<'BACKWARD' | 'FORWARD' | 'FULL', boolean>>;

export interface CaseText {
  readonly text: string;
  readonly references: readonly ResolvedReference[];
}

export interface ExpectedFinding {
  readonly rule: string;
  readonly direction: Direction;
  readonly path: string;
  readonly place: string;
  /** `line:column` in the text of `after`; null where it is not there. */
  readonly at: string | null;
}

/** What `.expected.json` holds. */
interface Expected extends Omit<RuleCase, 'name' | 'before' | 'after' | 'lenient'> {
  readonly lenient?: Verdicts;
  /** Files of the same folder that `before` and `after` refer to, by the name of the reference; what a file needs stands before it. */
  readonly references?: { readonly [Side in 'before' | 'after']?: Readonly<Record<string, string>> };
}

/** The folders of a format, by rule id. */
export function ruleFolders(format: {
  readonly folder: string;
  readonly prefix: string;
  readonly type: SchemaType;
  readonly extension: string;
}) {
  const root = fileURLToPath(new URL(`../${format.folder}/rule-cases`, import.meta.url));
  return new Map(
    readdirSync(root).map((rule) => [
      `${format.prefix}/${rule}`,
      ruleCases(`${root}/${rule}`, format.type, format.extension),
    ]),
  );
}

function ruleCases(folder: string, schemaType: SchemaType, extension: string): readonly RuleCase[] {
  const files = readdirSync(folder);
  const read = (file: string): string => readFileSync(`${folder}/${file}`, 'utf8');
  return files
    .filter((file) => file.endsWith('.expected.json'))
    .map((file) => {
      const name = file.slice(0, -'.expected.json'.length);
      const { references = {}, lenient = null, ...expected } = JSON.parse(read(file)) as Expected;
      const [before, after] = (['before', 'after'] as const).map((side): CaseText => ({
        text: read(`${name}.${side}.${extension}`),
        references: Object.entries(references[side] ?? {}).map(([reference, source]) => ({
          name: reference,
          schemaType,
          text: read(source),
          references: [],
        })),
      }));
      return { name, ...expected, lenient, before: before!, after: after! };
    });
}

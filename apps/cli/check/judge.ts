import { isAppError } from '#libs/core/kernel';
import {
  LocalSchemaEngine,
  standardFormats,
  verdictFindings,
  type CompatibilityLevel,
  type EarlierSource,
  type Finding,
  type SchemaSource,
  type Warning,
} from '#libs/core/schema';
import type { ProjectSchema } from '../project/project.js';
import { ReferenceTrouble } from '../project/schema-set.js';
import { finding, locationIn, type CheckFinding, type FoundThing } from './finding.js';

export type SchemaStatus = 'new' | 'unchanged' | 'formatting' | 'compatible' | 'incompatible' | 'invalid' | 'removed';

/** What came of one schema. */
export interface SchemaReport {
  readonly subject: string;
  readonly file: string;
  readonly status: SchemaStatus;
  readonly level: CompatibilityLevel;
  /** Where the level was set. */
  readonly levelOrigin: string;
  /** Numbers of the versions it was compared with; null for one without a number. */
  readonly comparedWith: readonly (number | null)[];
}

/** An earlier form of a schema. */
export interface EarlierSchema {
  readonly version: number | null;
  readonly source: SchemaSource;
}

export interface JudgedSchema {
  readonly report: SchemaReport;
  readonly findings: readonly CheckFinding[];
}

/** Judges schemas offline with the code the service judges with. */
export class OfflineJudge {
  readonly #formats = standardFormats();
  readonly #engine = new LocalSchemaEngine(this.#formats);

  /**
   * @param earlier newest first; empty for a schema that is new.
   * @param laidOut whether the earlier text is as somebody wrote it.
   */
  async judge(
    schema: ProjectSchema,
    candidate: () => Promise<SchemaSource>,
    earlier: () => Promise<readonly EarlierSchema[]>,
    level: { readonly value: CompatibilityLevel; readonly origin: string },
    laidOut: boolean,
  ): Promise<JudgedSchema> {
    const { subject, file } = schema;
    const base = { subject, file, level: level.value, levelOrigin: level.origin };
    let source: SchemaSource;
    try {
      source = await candidate();
      const reading = await this.#engine.read(source, { rules: { validate: true, validateFields: false } });
      if (reading.refusal !== null) throw reading.refusal;
    } catch (error) {
      return { report: { ...base, status: 'invalid', comparedWith: [] }, findings: [unreadable(schema, error)] };
    }
    const versions = await earlier();
    const [latest] = versions;
    if (latest === undefined) {
      return {
        report: { ...base, status: 'new', comparedWith: [] },
        findings: [
          note(schema, 'schema/new-subject', null, `'${subject}' is new: there is nothing to compare it with.`, null),
        ],
      };
    }
    const comparedWith = versions.map(({ version }) => version);
    if (latest.source.text === source.text && latest.source.referencesKey === source.referencesKey) {
      return { report: { ...base, status: 'unchanged', comparedWith }, findings: [] };
    }
    if (await this.#same(latest.source, source)) {
      // A registry keeps every schema in one form, so that how a file is laid out says nothing.
      if (!laidOut || latest.source.text === source.text)
        return { report: { ...base, status: 'unchanged', comparedWith }, findings: [] };
      return {
        report: { ...base, status: 'formatting', comparedWith },
        findings: [
          note(
            schema,
            'schema/formatting-only',
            latest.version,
            `Only the formatting of '${subject}' has changed; the schema is the same and registers nothing.`,
            null,
          ),
        ],
      };
    }
    const judgement = {
      level: level.value,
      candidate: source,
      normalize: schema.normalize,
      earlier: async function* (): AsyncGenerator<EarlierSource> {
        yield* versions;
      },
      policy: 'STRICT' as const,
      proofs: true,
    };
    const verdict = await this.#engine.judge(judgement);
    const warnings = await this.#engine.warnings(judgement);
    return {
      report: { ...base, status: verdict.compatible ? 'compatible' : 'incompatible', comparedWith },
      findings: [
        ...onceEach(verdictFindings(this.#formats, verdict)).map((one) => breaking(schema, one)),
        ...onceEach(warnings).map((one) => doubtful(schema, one)),
      ],
    };
  }

  /** The stored form of a text, as the registry would keep it. */
  async canonical(source: SchemaSource, normalize: boolean): Promise<string> {
    return (await this.#engine.read(source, { normalize })).canonical;
  }

  async #same(a: SchemaSource, b: SchemaSource): Promise<boolean> {
    if (a.schemaType !== b.schemaType) return false;
    const { equivalence } = await this.#engine.read(a);
    return equivalence !== null && equivalence === (await this.#engine.read(b)).equivalence;
  }
}

/** Each thing once, as the service tells it: a type that occurs twice is compared twice. */
function onceEach<T extends Finding | Warning>(found: readonly T[]): readonly T[] {
  const keys = new Set<string>();
  return found.filter(({ direction, version, ruleId, path, what }) => {
    const key = JSON.stringify([direction, version, ruleId, path, what]);
    return !keys.has(key) && Boolean(keys.add(key));
  });
}

function breaking(schema: ProjectSchema, found: Finding): CheckFinding {
  const proof = found.proof === null ? '' : ` For example ${found.proof.document}: ${found.proof.refusal}.`;
  return finding({
    ...told(schema, found),
    level: 'error',
    message: `${found.what} ${found.breaks} ${found.whom}${proof}`,
  });
}

function doubtful(schema: ProjectSchema, found: Warning): CheckFinding {
  return finding({
    ...told(schema, found),
    level: found.doubt === 'unsound' ? 'warning' : 'info',
    message: `${found.what} ${found.breaks} ${found.whom}`,
  });
}

function told(schema: ProjectSchema, found: Finding | Warning): Omit<FoundThing, 'level' | 'message'> {
  return {
    ruleId: found.ruleId,
    direction: found.direction === 'new-reads-old' ? 'backward' : 'forward',
    subject: schema.subject,
    againstVersion: found.version,
    path: found.place,
    location: locationIn(schema.file, schema.text, found.position),
    before: found.before,
    after: found.after,
    help: found.fix,
  };
}

/** A finding that is no difference. */
export function note(
  schema: Pick<ProjectSchema, 'subject' | 'file'>,
  ruleId: string,
  againstVersion: number | null,
  message: string,
  help: string | null,
): CheckFinding {
  return finding({
    ruleId,
    level: 'info',
    direction: null,
    subject: schema.subject,
    againstVersion,
    path: '',
    location: locationIn(schema.file, '', null),
    before: null,
    after: null,
    message,
    help,
  });
}

/** A text that is no schema. @throws what is a defect and not the text's fault. */
export function unreadable(schema: ProjectSchema, error: unknown): CheckFinding {
  const base = {
    level: 'error' as const,
    direction: null,
    subject: schema.subject,
    againstVersion: null,
    path: '',
    before: null,
    after: null,
  };
  if (error instanceof ReferenceTrouble) {
    return finding({
      ...base,
      ruleId: error.rule,
      location: locationIn(schema.file, '', null),
      message: error.message,
      help: error.help,
    });
  }
  if (!isAppError(error)) throw error;
  const { line, column, reference } = error.details as { line?: number; column?: number; reference?: string };
  const position = line !== undefined && column !== undefined && reference === undefined ? { line, column } : null;
  return finding({
    ...base,
    ruleId: error.code === 'schema-invalid' ? 'schema/invalid' : `schema/${error.code.replace(/^schema-/, '')}`,
    location: locationIn(schema.file, schema.text, position),
    message: error.message,
    help: error.hint ?? null,
  });
}

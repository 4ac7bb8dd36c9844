import type { BreakProof, Direction } from './format.js';
import type { SchemaFormats } from './formats.js';
import type { Check, Verdict } from './levels.js';
import type { SourcePosition } from './lossless-json.js';

/** One reason why a schema was refused, with all a person needs to mend it. Wire shape of the native API. */
export interface Finding {
  /** `schema/type-differs` where the two are of different schema types; otherwise a rule of the format's catalogue. */
  readonly ruleId: string;
  readonly errorType: string;
  readonly direction: Direction;
  /** The earlier version it was found against. */
  readonly version: number | null;
  /** In the reader schema, in the reference's notation. */
  readonly path: string;
  /** The same place in names. */
  readonly place: string;
  /** What stood there in the earlier version, and what stands there now. */
  readonly before: string | null;
  readonly after: string | null;
  readonly what: string;
  readonly breaks: string;
  /** Who runs into it. */
  readonly whom: string;
  readonly fix: string;
  /** Place in the text of the new schema, where it is there. */
  readonly position: SourcePosition | null;
  /** A document that the writer's schema accepts and the reader's refuses; null where none is known. */
  readonly proof: BreakProof | null;
}

/** The verdict's reasons in the order found; empty when compatible. */
export function verdictFindings(formats: SchemaFormats, verdict: Verdict): readonly Finding[] {
  return verdict.compatible ? [] : verdict.checks.flatMap((check) => checkFindings(formats, check));
}

/** The reasons found in one check, in order. */
export function checkFindings(formats: SchemaFormats, check: Check): readonly Finding[] {
  const { direction, version } = check;
  const whom = affected(direction, version);
  if (check.typesDiffer) {
    return [
      {
        ruleId: 'schema/type-differs',
        errorType: 'SCHEMA_TYPE_CHANGED',
        direction,
        version,
        path: '/',
        place: 'the schema',
        before: check.earlier.type,
        after: null,
        what: `The earlier version is of type ${check.earlier.type}, the new schema is not.`,
        breaks: 'Data in one format cannot be read with a schema of another.',
        whom,
        fix: 'Register it under another subject, or set the compatibility level of this one to NONE.',
        position: null,
        proof: null,
      },
    ];
  }
  const format = formats.get(check.earlier.type);
  return check.differences.map((difference, i) => {
    const { reader, writer } = difference;
    const [before, after] = direction === 'new-reads-old' ? [writer, reader] : [reader, writer];
    return {
      ruleId: difference.ruleId,
      errorType: difference.errorType,
      direction,
      version,
      path: difference.path,
      place: difference.place,
      before: before?.text || null,
      after: after?.text || null,
      ...format.explain(difference, direction),
      whom,
      position: after?.position ?? null,
      proof: check.proofs[i] ?? null,
    };
  });
}

function affected(direction: Direction, version: number | null): string {
  const old = version === null ? 'the earlier version' : `version ${version}`;
  return direction === 'new-reads-old'
    ? `Consumers with the new schema cannot read records written with ${old}.`
    : `Consumers still on ${old} cannot read records written with the new schema.`;
}

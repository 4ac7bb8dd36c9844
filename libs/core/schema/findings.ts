import type { BreakProof } from './format.js';
import type { SchemaFormats } from './formats.js';
import type { Check, Verdict } from './levels.js';
import { readersOf, sidesOf, type Remark } from './remark.js';

/**
 * One reason why a schema was refused, with all a person needs to mend it. Wire shape of the native API. Its rule is `schema/type-differs` where the two are of
 * different schema types; otherwise one of the format's catalogue.
 */
export interface Finding extends Remark {
  readonly errorType: string;
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
  const [consumers, records] = readersOf(direction, version);
  const whom = `${consumers} cannot read ${records}.`;
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
    const { before, after, position } = sidesOf(difference, direction);
    return {
      ruleId: difference.ruleId,
      errorType: difference.errorType,
      direction,
      version,
      path: difference.path,
      place: difference.place,
      before,
      after,
      ...format.explain(difference, direction),
      whom,
      position,
      proof: check.proofs[i] ?? null,
    };
  });
}

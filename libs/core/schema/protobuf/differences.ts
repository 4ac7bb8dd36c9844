import type { Difference, SchemaSpot } from '../format.js';
import { schemaSpot } from '../spots.js';
import type { StepBudget } from '../step-budget.js';
import { protoFileDifferences } from './differ.js';
import type { ProtoPart } from './parts.js';
import { isBreaking } from './kinds.js';
import { protoRuleId } from './rules.js';
import type { ProtoScope } from './scope.js';

/** See `SchemaFormat.differences`. Each scope is a schema with everything that its names can mean, the schema's own file first. */
export function protoDifferences(reader: ProtoScope, writer: ProtoScope, steps: StepBudget): readonly Difference[] {
  return protoFileDifferences(reader, writer, steps).map((found): Difference => ({
    ruleId: protoRuleId(found.kind),
    errorType: found.kind,
    path: `#/${found.path.join('/')}`,
    place: found.place,
    detail: '',
    breaking: isBreaking(found.kind),
    reader: protoSpot(found.reader),
    writer: protoSpot(found.writer),
  }));
}

/** A declaration as text, and where it stands. */
export function protoSpot({ text, source, at }: ProtoPart): SchemaSpot {
  return schemaSpot(text, source, source.origin === 'own' ? at : null);
}

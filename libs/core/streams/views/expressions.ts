import { isAppError } from '#libs/core/kernel';
import type { TransformProgram } from '../migrate/program.js';
import type { Transforms } from '../migrate/transforms.js';
import type { ViewDefinition } from './view-definition.js';

/** Most characters of an expression. */
const MAX_LENGTH = 10_000;

/**
 * All expressions of a view as one program, which makes of a record's value `{"keep": …, "end": …, "computed": {…}}`. Each stands in parentheses of its own and was checked by itself before, so that none
 * can reach out of them.
 */
export function viewProgram(view: ViewDefinition): TransformProgram {
  const computed = [...view.computed].map(([name, cel]) => `${JSON.stringify(name)}: (${cel}\n)`);
  const cel = `{"keep": (${view.filter ?? 'true'}\n), "end": (${view.deletes.when ?? 'false'}\n), "computed": {${computed.join(', ')}}}`;
  return { filter: null, steps: [{ set: 'value', cel }] };
}

/** Why a text is no CEL expression; undefined when it is one. @throws when expressions cannot be checked now */
export async function problemOf(cel: string, transforms: Transforms): Promise<string | undefined> {
  if (cel.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`;
  try {
    await transforms.check({ filter: cel, steps: [] });
    return undefined;
  } catch (error) {
    if (isAppError(error, 'invalid-transform')) return error.message;
    throw error;
  }
}

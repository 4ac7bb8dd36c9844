import { celEnv, CelScalar, isCelError, parse, plan, type CelInput } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';

/** A CEL expression over a topic or a schema, and the project. @throws Error when it cannot be answered, or its answer is not true or false. */
export type Expression = (about: object, project: object) => boolean;

/** Makes an expression ready. It sees the one variable of its kind, and `project`. @throws Error for what is no expression. */
export function compiled(source: string, kind: 'topic' | 'schema'): Expression {
  const evaluate = plan(
    celEnv({ variables: { [kind]: CelScalar.DYN, project: CelScalar.DYN }, funcs: strings }),
    parse(source),
  );
  return (about, project) => {
    const answer = evaluate({ [kind]: celValue(about), project: celValue(project) });
    if (isCelError(answer)) throw new Error(answer.message);
    if (typeof answer !== 'boolean') throw new Error('its answer is neither true nor false');
    return answer;
  };
}

/** Whole numbers are `int`, others `double`. */
function celValue(value: unknown): CelInput {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value === 'object' && value !== null)
    return new Map(Object.entries(value).map(([name, one]) => [name, celValue(one)]));
  return value as string | boolean | null;
}

import { celEnv, CelScalar, isCelError, parse, plan, type CelInput } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { nearest } from '#libs/core/kernel';

/** A CEL expression over a topic or a schema, and the project. @throws Error when it cannot be answered, or its answer is not true or false. */
export type Expression = (about: object, project: object) => boolean;

/** Makes an expression ready. It sees the one variable of its kind, and `project`. @throws Error for what is no expression. */
export function compiled(source: string, kind: 'topic' | 'schema'): Expression {
  const holds = condition(source, [kind, 'project']);
  return (about, project) => holds({ [kind]: about, project });
}

/** Makes a CEL condition ready that sees these variables. It throws an Error when it cannot be answered, or its answer is not true or false. @throws Error for what is no expression. */
export function condition(
  source: string,
  variables: readonly string[],
): (values: Readonly<Record<string, unknown>>) => boolean {
  const dynamic = Object.fromEntries(variables.map((name) => [name, CelScalar.DYN]));
  const parsed = parse(source);
  for (const name of freeNames(parsed.expr, new Set([...variables, ...TYPES]))) {
    const near = nearest(name, variables);
    throw new Error(
      `there is no '${name}'${near === undefined ? `, only ${variables.join(', ')}` : ` (did you mean ${near}?)`}`,
    );
  }
  const evaluate = plan(celEnv({ variables: dynamic, funcs: strings }), parsed);
  return (values) => {
    const answer = evaluate(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, celValue(value)])));
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

/** Names of types, which are values in CEL. */
const TYPES = ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'list', 'map', 'null_type', 'type'];

/** Names that an expression looks up and nothing defines: evaluated, each would have no answer, whatever it is asked about. */
function* freeNames(node: unknown, known: ReadonlySet<string>): Generator<string> {
  if (typeof node !== 'object' || node === null) return;
  const { case: kind, value } = node as { readonly case?: unknown; readonly value?: unknown };
  if (kind === 'identExpr') {
    const { name } = value as { readonly name: string };
    if (!known.has(name)) yield name;
  } else if (kind === 'comprehensionExpr') {
    const { iterVar, iterVar2, accuVar, ...parts } = value as Readonly<Record<string, string>>;
    yield* freeNames(parts, new Set([...known, iterVar!, iterVar2!, accuVar!]));
  } else for (const part of Object.values(node)) yield* freeNames(part, known);
}

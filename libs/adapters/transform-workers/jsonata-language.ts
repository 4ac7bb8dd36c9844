import jsonata from 'jsonata';
import { ExactNumber } from '#libs/core/schema';
import { invalidTransform, TransformError, type Bindings } from '#libs/core/streams';

/** Functions whose answers would not be the same the next time, or that make expressions of text. */
const REFUSED: Readonly<Record<string, string>> = {
  now: 'it would tell the time of the evaluation; use $timestamp',
  millis: 'it would tell the time of the evaluation; use $timestamp',
  random: 'it would answer otherwise the next time',
  shuffle: 'it would answer otherwise the next time',
  eval: 'it would make an expression of what is in the record',
};

/** Parts of an expression evaluated for one record, nesting of evaluations, and items of one list that grows. */
const MAX_STEPS = 100_000;
const MAX_NESTING = 500;
const MAX_ITEMS = 100_000;

/** Errors of JSONata that say that a limit was reached. */
const LIMITS: readonly string[] = ['D1011', 'D1012', 'D2015'];

/** JSONata calls this before each part it evaluates. */
const ON_ENTRY = Symbol.for('jsonata.__evaluate_entry');

/**
 * Makes a JSONata expression ready. The value is its input; `$key`, `$headers`, `$timestamp`, `$partition` and `$offset` are there.
 * @throws `invalid-transform` for what is no expression, and for functions that would not be the same each time.
 */
export function jsonataExpression(text: string): (bindings: Bindings) => Promise<unknown> {
  const expression = ready(text);
  let steps = 0;
  const onEntry = (): void => {
    if (++steps > MAX_STEPS) throw new TransformError('transform-limit', `JSONata: more than ${MAX_STEPS} steps`);
  };
  expression.assign(ON_ENTRY as unknown as string, onEntry);
  return async ({ value, ...bindings }) => {
    refuseExact(value);
    refuseExact(bindings.key);
    steps = 0;
    try {
      // Lists it makes have members of their own; what JSON can hold of the answer is the answer.
      const answer = JSON.stringify(await expression.evaluate(value, bindings)) as string | undefined;
      return answer === undefined ? undefined : (JSON.parse(answer) as unknown);
    } catch (error) {
      throw failure(error);
    }
  };
}

function ready(text: string): jsonata.Expression {
  let expression: jsonata.Expression;
  try {
    expression = jsonata(text, { stack: MAX_NESTING, sequence: MAX_ITEMS });
  } catch (error) {
    const { position, message } = error as { position?: number; message?: string };
    throw invalidTransform(text, position, message ?? 'it is not JSONata');
  }
  refuseFunctions(text, expression.ast());
  return expression;
}

/** Looks at every variable of an expression: a function that has a name can also be passed on by it. */
function refuseFunctions(text: string, ast: unknown): void {
  const waiting: unknown[] = [ast];
  const seen = new Set<unknown>();
  while (waiting.length > 0) {
    const node = waiting.pop();
    if (typeof node !== 'object' || node === null || seen.has(node)) continue;
    seen.add(node);
    const { type, value, position } = node as { type?: unknown; value?: unknown; position?: number };
    if (type === 'variable' && typeof value === 'string' && Object.hasOwn(REFUSED, value)) {
      throw invalidTransform(text, position, `$${value} cannot be used: ${REFUSED[value]}`);
    }
    waiting.push(...Object.values(node));
  }
}

/** JSONata counts in doubles, and would round without a word. */
function refuseExact(value: unknown): void {
  if (value instanceof ExactNumber) {
    throw new TransformError('inexact-number', `JSONata would round the number ${value.text}`);
  }
  if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) refuseExact(one);
}

function failure(error: unknown): unknown {
  if (error instanceof TransformError) return error;
  if (error instanceof RangeError) return new TransformError('transform-limit', `JSONata: ${error.message}`);
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code !== 'string') return new TransformError('transform-failed', 'JSONata: the expression has no answer');
  const kind = LIMITS.includes(code) ? 'transform-limit' : 'transform-failed';
  return new TransformError(
    kind,
    `JSONata ${code}: ${typeof message === 'string' ? message : 'the expression has no answer'}`,
  );
}

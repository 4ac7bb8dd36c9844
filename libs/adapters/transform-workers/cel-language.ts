import {
  celEnv,
  CelScalar,
  isCelError,
  isCelList,
  isCelMap,
  isCelUint,
  mapType,
  parse,
  plan,
  type CelInput,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { ExactNumber } from '#libs/core/schema';
import { invalidTransform, TransformError, type Bindings } from '#libs/core/streams';

/** What a CEL expression sees; any other name is refused when it is made ready. */
const VARIABLES = {
  value: CelScalar.DYN,
  key: CelScalar.DYN,
  headers: mapType(CelScalar.STRING, CelScalar.DYN),
  timestamp: CelScalar.INT,
  partition: CelScalar.INT,
  offset: CelScalar.INT,
} as const;

const INT64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };

/**
 * Makes a CEL expression ready. Whole numbers of JSON are `int`, others `double`. CEL has neither clock nor chance, and its only loops go over what is there.
 * @throws `invalid-transform` for what is no expression.
 */
export function celExpression(text: string): (bindings: Bindings) => unknown {
  const evaluate = ready(text);
  return ({ value, key, headers, timestamp, partition, offset }) => {
    const answer = evaluate({
      value: toCel(value),
      key: toCel(key),
      headers: new Map(Object.entries(headers)),
      timestamp: BigInt(timestamp),
      partition: BigInt(partition),
      offset: BigInt(offset),
    });
    if (isCelError(answer)) throw failed(answer.message);
    return fromCel(answer, true);
  };
}

function ready(text: string) {
  try {
    return plan(celEnv({ variables: VARIABLES, funcs: strings }), parse(text));
  } catch (error) {
    throw invalidTransform(text, undefined, error instanceof Error ? error.message : String(error));
  }
}

function toCel(value: unknown): CelInput {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof ExactNumber) return exact(value);
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value === 'object' && value !== null) {
    return new Map(Object.entries(value).map(([name, one]) => [name, toCel(one)]));
  }
  return value as string | boolean | null;
}

function exact(number: ExactNumber): bigint {
  const value = number.integral ? BigInt(number.text) : undefined;
  if (value !== undefined && value >= INT64.least && value <= INT64.most) return value;
  throw new TransformError('inexact-number', `CEL has no number ${number.text}`);
}

/** The answer as `parseExact` would give it; bytes only as the whole of it. */
function fromCel(value: unknown, isWhole: boolean): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return integer(value);
  if (isCelUint(value)) return integer(value.value);
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    throw failed('the answer is a number that JSON does not have');
  }
  if (value instanceof Uint8Array && isWhole) return value;
  if (isCelList(value)) return Array.from(value, (one) => fromCel(one, false));
  if (isCelMap(value)) {
    const members = Array.from(value, ([name, one]) => {
      if (typeof name !== 'string') throw failed('a map in the answer has names that are not text');
      return [name, fromCel(one, false)] as const;
    });
    return Object.fromEntries(members);
  }
  throw failed('the answer is of a type that JSON does not have; string() makes text of it');
}

function integer(value: bigint): unknown {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : new ExactNumber(String(value));
}

function failed(why: string): TransformError {
  return new TransformError('transform-failed', `CEL: ${why}`);
}

import { isJsonObject, type JsonValue } from '#libs/core/kernel';
import {
  isEmptyRange,
  type KeyRange,
  keyOfText,
  keyText,
  MAX_PLACED_KEYS,
  overlapping,
  PARTITIONER_NAMES,
  type PartitionerName,
  type PartitionerSpec,
} from '#libs/core/log';
import type { RequestForm } from '../request-form.js';

const PATH = 'target.partitioner';
/** More than any log has. */
const MAX_PARTITIONS = 1_000_000;
/** `explicit` places nothing, so nothing can be moved by it. */
const BASES: readonly PartitionerName[] = PARTITIONER_NAMES.filter((name) => name !== 'explicit');

/** The partitioner of a request: a name, or an object of kind `salted` or `custom`. What is wrong is noted in the form. */
export function partitionerOfRequest(form: RequestForm, value: JsonValue | undefined): PartitionerSpec | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') {
    const named = BASES.find((one) => one === value);
    if (named !== undefined) return named;
  }
  switch (isJsonObject(value) ? value['kind'] : undefined) {
    case 'salted':
      return salted(form, value);
    case 'custom':
      return custom(form, value);
    default:
      form.problem(PATH, `must be one of ${BASES.join(', ')}, or an object of kind salted or custom`);
      return undefined;
  }
}

function salted(form: RequestForm, value: JsonValue): PartitionerSpec {
  const members = form.object(value, PATH, ['kind', 'base', 'keys', 'salts']);
  const base = form.choice(members['base'], `${PATH}.base`, BASES, 'murmur2');
  const salts = form.integer(members['salts'], `${PATH}.salts`, 2, MAX_PARTITIONS);
  if (salts === undefined) form.missing(`${PATH}.salts`, '');
  const keys = form
    .list(members['keys'], `${PATH}.keys`, MAX_PLACED_KEYS)
    .map((one, i) => keyOf(form, one, `${PATH}.keys[${i}]`));
  if (keys.length === 0) form.missing(`${PATH}.keys`, '');
  demandDistinct(form, keys);
  return { kind: 'salted', base, keys, salts: salts ?? 2 };
}

function custom(form: RequestForm, value: JsonValue): PartitionerSpec {
  const members = form.object(value, PATH, ['kind', 'base', 'keys', 'ranges']);
  const base = form.choice(members['base'], `${PATH}.base`, BASES, 'murmur2');
  const keys = form.list(members['keys'], `${PATH}.keys`, MAX_PLACED_KEYS).map((one, i) => {
    const path = `${PATH}.keys[${i}]`;
    const { key, partition } = form.object(one, path, ['key', 'partition']);
    return { key: keyOf(form, key, `${path}.key`), partition: partitionOf(form, partition, `${path}.partition`) };
  });
  demandDistinct(
    form,
    keys.map((one) => one.key),
  );
  const ranges = form.list(members['ranges'], `${PATH}.ranges`, MAX_PLACED_KEYS).map((one, i): KeyRange => {
    const path = `${PATH}.ranges[${i}]`;
    const { from, until, partitions } = form.object(one, path, ['from', 'until', 'partitions']);
    const into = form
      .list(partitions, `${path}.partitions`, MAX_PLACED_KEYS)
      .map((into, n) => partitionOf(form, into, `${path}.partitions[${n}]`));
    if (into.length === 0) form.missing(`${path}.partitions`, '');
    const bound = (name: 'from' | 'until', text: JsonValue | undefined): object =>
      text === undefined || text === null ? {} : { [name]: keyOf(form, text, `${path}.${name}`) };
    const range: KeyRange = { ...bound('from', from), ...bound('until', until), partitions: into };
    if (isEmptyRange(range)) form.problem(path, 'must end behind where it begins');
    return range;
  });
  if (keys.length + ranges.length === 0) form.problem(PATH, 'must name keys or ranges');
  const clash = overlapping(ranges);
  if (clash !== undefined) {
    const [a, b] = clash.map((one) => `from '${one.from ?? ''}'`);
    form.problem(`${PATH}.ranges`, `must not overlap: the one ${a} and the one ${b} do`);
  }
  return { kind: 'custom', base, keys, ranges };
}

function keyOf(form: RequestForm, value: JsonValue | undefined, path: string): string {
  const bytes = typeof value === 'string' ? keyOfText(value) : undefined;
  // One way of writing it for each key.
  if (bytes !== undefined) return keyText(bytes);
  form.problem(path, "must be the text of a key, or 'base64:' and its bytes");
  return '';
}

function partitionOf(form: RequestForm, value: JsonValue | undefined, path: string): number {
  return form.integer(value, path, 0, MAX_PARTITIONS - 1) ?? Number(form.missing(path, '0'));
}

function demandDistinct(form: RequestForm, keys: readonly string[]): void {
  const again = keys.find((key, i) => keys.indexOf(key) !== i);
  if (again !== undefined) form.problem(`${PATH}.keys`, `must name each key once: '${again}' comes again`);
}

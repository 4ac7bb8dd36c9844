import type { ProtoReader } from './reader.js';
import type { ProtoOption, ProtoOptionValue } from './tree.js';

/** `[a = 1, (b).c = 2]`, or nothing at all. */
export function readOptionList(reader: ProtoReader): readonly ProtoOption[] {
  const options: ProtoOption[] = [];
  if (!reader.take('[')) return options;
  for (;;) {
    options.push(readOption(reader, '='));
    if (reader.take(']')) return options;
    if (!reader.take(',')) reader.fail("expected ',' or ']'");
  }
}

/** A name, a separator and a value. After `:` a map may stand without separator, as in the text format. */
export function readOption(reader: ProtoReader, separator: '=' | ':'): ProtoOption {
  const opening = reader.peek();
  const word = reader.name();
  const name = opening === '[' ? `[${word}]` : word;
  const custom = opening === '(';
  const within: string[] = [];
  while (reader.take('.')) within.push(...readSubName(reader));
  if (!(separator === ':' && reader.peek() === '{') && !reader.take(separator)) {
    reader.fail(`expected '${separator}' in option`);
  }
  let value = readValue(reader);
  for (const inner of within.reverse()) {
    value = { kind: 'option', option: { name: inner, custom: false, value } };
  }
  return { name, custom, value };
}

/** What follows a dot after a name in parentheses. A name in parentheses keeps them: it is one name, dots or not. */
function readSubName(reader: ProtoReader): readonly string[] {
  const opening = reader.peek();
  const word = reader.name();
  if (opening === '(') return [`(${word})`];
  return opening === '[' ? [`[${word}]`] : word.split('.');
}

function readValue(reader: ProtoReader): ProtoOptionValue {
  const first = reader.peek();
  if (first === '{') return readMap(reader);
  if (first === '[') return readList(reader);
  if (first === '"' || first === "'") return { kind: 'string', value: reader.quoted() };
  const text = reader.word();
  if ((first >= '0' && first <= '9') || first === '-') return { kind: 'number', text };
  return { kind: text === 'true' || text === 'false' ? 'boolean' : 'enum', text };
}

function readMap(reader: ProtoReader): ProtoOptionValue {
  reader.require('{');
  const entries = new Map<string, ProtoOptionValue>();
  while (!reader.take('}')) {
    const { name, value } = readOption(reader, ':');
    entries.set(name, together(entries.get(name), value));
    reader.take(',');
  }
  return { kind: 'map', entries };
}

/** Values of one key written more than once are a list. Members given one by one (`a.b: 1 a.c: 2`) are a map. */
function together(earlier: ProtoOptionValue | undefined, value: ProtoOptionValue): ProtoOptionValue {
  if (value.kind === 'option') {
    const { name, value: inner } = value.option;
    const entries = new Map(earlier?.kind === 'map' ? earlier.entries : []);
    return { kind: 'map', entries: entries.set(name, together(undefined, inner)) };
  }
  if (earlier === undefined) return value;
  return { kind: 'list', items: [...itemsOf(earlier), ...itemsOf(value)] };
}

function itemsOf(value: ProtoOptionValue): readonly ProtoOptionValue[] {
  return value.kind === 'list' ? value.items : [value];
}

function readList(reader: ProtoReader): ProtoOptionValue {
  reader.require('[');
  const items: ProtoOptionValue[] = [];
  while (!reader.take(']')) {
    items.push(readValue(reader));
    if (!reader.take(',') && reader.peek() !== ']') reader.fail("expected ',' or ']'");
  }
  return { kind: 'list', items };
}

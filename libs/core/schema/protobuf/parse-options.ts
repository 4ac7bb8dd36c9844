import type { ProtoReader } from './reader.js';
import type { ProtoOption, ProtoOptionValue } from './tree.js';

/** What stands in brackets behind a declaration, `[a = 1, (b).c = 2]`; empty where nothing does. */
export function readOptionList(reader: ProtoReader): readonly ProtoOption[] {
  const options: ProtoOption[] = [];
  if (!reader.take('[')) return options;
  do options.push(readOption(reader));
  while (reader.take(','));
  reader.require(']');
  return options;
}

/** `name = value`. A name in pieces, `(b).c`, is an option within an option. */
export function readOption(reader: ProtoReader): ProtoOption {
  const name = readName(reader);
  reader.require('=');
  return named(name, readValue(reader));
}

/** The name of an option: the option itself, and the way from it to the member that is meant. */
interface OptionName {
  readonly name: string;
  /** Whether it stands in parentheses, as names of extensions do. */
  readonly custom: boolean;
  readonly members: readonly string[];
}

function readName(reader: ProtoReader): OptionName {
  const bracket = reader.peek();
  const word = reader.name();
  const members: string[] = [];
  // Dots belong to words: one that stands alone follows a name in brackets.
  while (reader.take('.')) {
    const inner = reader.peek();
    const member = reader.name();
    // Brackets make one name of it, dots or not.
    if (inner === '(' || inner === '[') members.push(bracketed(inner, member));
    else members.push(...member.split('.'));
  }
  return { name: bracket === '[' ? bracketed(bracket, word) : word, custom: bracket === '(', members };
}

function bracketed(opening: '(' | '[', word: string): string {
  return opening === '(' ? `(${word})` : `[${word}]`;
}

function named({ name, custom, members }: OptionName, value: ProtoOptionValue): ProtoOption {
  const within = members.reduceRight<ProtoOptionValue>(
    (inner, member) => ({ kind: 'option', option: { name: member, custom: false, value: inner } }),
    value,
  );
  return { name, custom, value: within };
}

function readValue(reader: ProtoReader): ProtoOptionValue {
  switch (reader.peek()) {
    case '{':
      return { kind: 'map', entries: readEntries(reader) };
    case '[':
      return { kind: 'list', items: readItems(reader) };
    case '"':
    case "'":
      return { kind: 'string', value: reader.quoted() };
    default:
      return bare(reader.word());
  }
}

/** A value without quotes. What it is shows in how it begins. */
function bare(text: string): ProtoOptionValue {
  if (/^[-0-9]/.test(text)) return { kind: 'number', text };
  return { kind: text === 'true' || text === 'false' ? 'boolean' : 'enum', text };
}

/** A message in the text format: names and values with colons between them, which a message as a value need not have. Commas and semicolons are for the eye. */
function readEntries(reader: ProtoReader): ReadonlyMap<string, ProtoOptionValue> {
  const entries = new Map<string, ProtoOptionValue>();
  reader.require('{');
  while (!reader.take('}')) {
    const name = readName(reader);
    if (reader.peek() !== '{') reader.require(':');
    const { name: key, value } = named(name, readValue(reader));
    entries.set(key, together(entries.get(key), value));
    if (!reader.take(',')) reader.take(';');
  }
  return entries;
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

/** Values with commas between them. There may be none, and a comma behind the last. */
function readItems(reader: ProtoReader): readonly ProtoOptionValue[] {
  const items: ProtoOptionValue[] = [];
  reader.require('[');
  for (let more = true; !reader.take(']'); more = reader.take(',')) {
    if (!more) reader.require(']');
    items.push(readValue(reader));
  }
  return items;
}

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** Reads, compares, prints and outlines in all languages, then writes and reads messages in all of them. */
const PROGRAM = `
import { schemaCodec, standardFormats } from './dist/libs/core/schema/index.js';
let made = 'none';
try { made = String(new Function('return 1')()); } catch {}
const texts = {
  AVRO: [{ type: 'record', name: 'R', fields: [{ name: 'a', type: 'int' }] }, { type: 'record', name: 'R', fields: [{ name: 'b', type: 'int' }] }].map((one) => JSON.stringify(one)),
  JSON: [{ type: 'object', properties: { a: { type: 'string', pattern: '^a+$' } } }, { type: 'object', properties: { a: { type: 'integer' } } }].map((one) => JSON.stringify(one)),
  PROTOBUF: ['syntax = "proto3"; message M { int32 a = 1; }', 'syntax = "proto3"; message M { string a = 1; }'],
};
const formats = standardFormats();
const done = [];
for (const type of formats.types) {
  const format = formats.get(type);
  const [one, other] = texts[type].map((text) => format.parse(text));
  one.normalised(); one.equivalence; one.outline(); one.formatted('serialized');
  done.push([type, format.differences(one, other).length > 0]);
}
const values = { AVRO: { a: 7 }, JSON: { a: 'aaa' }, PROTOBUF: { a: 7 } };
for (const type of formats.types) {
  const codec = schemaCodec(formats.get(type).parse(texts[type][0]));
  const encoder = codec.encoder();
  done.push(codec.decodeBare(encoder.encode(values[type]), encoder.indexes).value);
  let refused = 'nothing';
  try { encoder.encode({ a: false }); } catch (error) { refused = error.code; }
  done.push(refused);
}
process.stdout.write(JSON.stringify({ made, done }));
`;

function run(...flags: string[]): unknown {
  const root = new URL('..', import.meta.url).pathname;
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', PROGRAM], {
    cwd: root,
    encoding: 'utf8',
  });
  return stdout === '' ? stderr : JSON.parse(stdout);
}

const REFUSED = 'value-does-not-fit-schema';
const DONE = [
  ['AVRO', true],
  ['JSON', true],
  ['PROTOBUF', true],
  ...[{ a: 7 }, REFUSED, { a: 'aaa' }, REFUSED, { a: 7 }, REFUSED],
];

describe('schemas without program text from strings', () => {
  it('are read, compared, printed and used all the same', () => {
    expect(run('--disallow-code-generation-from-strings')).toEqual({ made: 'none', done: DONE });
  });

  it('negative control: without the flag strings become program text, so the flag is what forbids it', () => {
    expect(run()).toEqual({ made: '1', done: DONE });
  });
});

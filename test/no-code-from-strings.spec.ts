import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** Reads, compares, prints and outlines in all languages, then encodes and decodes Avro. */
const PROGRAM = `
import { AvroCodec, avroSchema, standardFormats } from './dist/libs/core/schema/index.js';
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
const codec = new AvroCodec(avroSchema(formats.get('AVRO').parse(texts.AVRO[0])));
done.push(codec.decode(codec.encode({ a: 7 }), 0));
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

const DONE = [['AVRO', true], ['JSON', true], ['PROTOBUF', true], { a: 7 }];

describe('schemas without program text from strings', () => {
  it('are read, compared, printed and used all the same', () => {
    expect(run('--disallow-code-generation-from-strings')).toEqual({ made: 'none', done: DONE });
  });

  it('negative control: without the flag strings become program text, so the flag is what forbids it', () => {
    expect(run()).toEqual({ made: '1', done: DONE });
  });
});

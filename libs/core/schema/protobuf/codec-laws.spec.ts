import {
  type DescMessage,
  type FileRegistry,
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type JsonValue,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtobufCodec } from './codec.js';
import { descriptorSet } from './descriptor-set.js';
import { definitionProblem } from './definition.js';
import { indexedMessages } from './message-indexes.js';
import { ProtobufFormat } from './protobuf-format.js';
import { arbitraryFile } from './testing/arbitrary-file.js';
import { arbitraryMessage } from './testing/arbitrary-message.js';

const format = new ProtobufFormat();

function typesOf(text: string) {
  const schema = format.parse(text);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet(schema.scope)));
  return { schema, registry };
}

/** Messages of generated files, each with a value. */
const messages = arbitraryFile({ customOptions: false })
  .filter(({ text }) => {
    const { scope } = format.parse(text);
    return definitionProblem(scope) === undefined && indexedMessages(scope).length > 0;
  })
  .chain(({ text }) => {
    const { schema, registry } = typesOf(text);
    return fc
      .constantFrom(...indexedMessages(schema.scope))
      .chain(({ fullName }) =>
        arbitraryMessage(registry.getMessage(fullName)!).map((value) => ({ text, fullName, value })),
      );
  });

/** What an independent implementation writes; undefined where it misses a required field. */
function theirBytes(type: DescMessage, registry: FileRegistry, value: object): Uint8Array | undefined {
  const message = fromJson(type, value as JsonValue, { registry });
  try {
    return toBinary(type, message);
  } catch (error) {
    if (/required field not set/.test((error as Error).message)) return undefined;
    throw error;
  }
}

describe('Protobuf payloads of generated files', () => {
  it('are byte for byte those of an independent implementation, and show what it shows', () => {
    let checked = 0;
    fc.assert(
      fc.property(messages, ({ text, fullName, value }) => {
        const { schema, registry } = typesOf(text);
        const type = registry.getMessage(fullName)!;
        const codec = new ProtobufCodec(schema);
        const writer = codec.encoder(fullName);
        const theirs = theirBytes(type, registry, value);
        if (theirs === undefined) return void expect(() => writer.encode(value)).toThrow(/required/);
        const ours = writer.encode(value);
        expect(Buffer.from(ours).toString('hex')).toBe(Buffer.from(theirs).toString('hex'));
        const shown = codec.decode(Buffer.concat([writer.indexes, ours]), 0);
        expect(shown.message).toBe(fullName);
        expect(JSON.parse(JSON.stringify(shown.value))).toEqual(
          JSON.parse(JSON.stringify(toJson(type, fromBinary(type, theirs), { registry, alwaysEmitImplicit: true }))),
        );
        // Encoding what was shown gives the same message.
        const again = codec.decodeBare(writer.encode(shown.value), writer.indexes);
        expect(again).toEqual(shown);
        if (Object.keys(value).length > 0) checked++;
      }),
      { numRuns: 100 },
    );
    expect(checked).toBeGreaterThan(50);
  });

  it('of whatever bytes are a value or a refusal', () => {
    const { schema, registry } = typesOf(EVERYTHING);
    const codec = new ProtobufCodec(schema);
    const type = registry.getMessage('All')!;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          codec.decodeBare(bytes, Uint8Array.of(0));
        } catch (error) {
          expect(error).toMatchObject({ code: 'payload-does-not-decode' });
        }
      }),
    );
    // Concatenated messages are one merged message.
    fc.assert(
      fc.property(arbitraryMessage(type), arbitraryMessage(type), (one, other) => {
        const writer = codec.encoder('All');
        const bytes = Buffer.concat([writer.encode(one), writer.encode(other)]);
        const merged = fromBinary(type, bytes);
        expect(JSON.parse(JSON.stringify(codec.decodeBare(bytes, Uint8Array.of(0)).value))).toEqual(
          JSON.parse(JSON.stringify(toJson(type, merged, { alwaysEmitImplicit: true }))),
        );
      }),
    );
  });
});

const EVERYTHING = `syntax = "proto3";
message All {
  int32 i = 1; sint64 s = 2; fixed32 f = 3; double d = 4; bool b = 5; string t = 6; bytes y = 7;
  repeated int32 packed = 8; repeated string texts = 9; map<string, All> named = 10; map<int64, bytes> numbered = 11;
  All inner = 12; repeated All list = 13; oneof choice { string text = 14; All message = 15; Kind kind = 16; }
  optional uint64 maybe = 17; repeated Kind kinds = 18;
  enum Kind { NONE = 0; ONE = 1; }
}`;

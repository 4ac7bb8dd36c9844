import { createFileRegistry, fromBinary, ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { conformanceCases, type VerdictCase } from '../testing/conformance-cases.js';
import { definitionProblem } from './definition.js';
import { descriptorSet } from './descriptor-set.js';
import { indexedMessages, messageAt } from './message-indexes.js';
import { ProtobufFormat, type ProtobufSchema } from './protobuf-format.js';
import { arbitraryFile } from './testing/arbitrary-file.js';

const format = new ProtobufFormat();
const files = arbitraryFile({ customOptions: true });

/** A tree without the places where its parts stand. */
const content = (schema: ProtobufSchema): unknown =>
  JSON.parse(
    JSON.stringify(schema.file, (key, value: unknown) =>
      key === 'at' || key === 'packageAt' ? undefined : value instanceof Map ? [...value] : value,
    ),
  );
const registryOf = (schema: ProtobufSchema) =>
  createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet(schema.scope)));

describe('laws of Protobuf schemas', () => {
  it('the canonical text reads back to an equal file with the same canonical text', () => {
    fc.assert(
      fc.property(files, ({ text }) => {
        const once = format.parse(text);
        const twice = format.parse(once.canonical);
        expect(twice.canonical).toBe(once.canonical);
        expect(twice.equivalence).toBe(once.equivalence);
        const [a, b] = [content(once), content(twice)] as Record<string, unknown>[];
        // Messages come before enums in the text, whatever the order in which they were declared.
        expect(withSortedTypes(b)).toEqual(withSortedTypes(a));
      }),
    );
  });

  it('normalising twice is normalising once, also by way of the text', () => {
    fc.assert(
      fc.property(files, ({ text }) => {
        const normal = format.parse(text).normalised();
        expect(normal.normalised().canonical).toBe(normal.canonical);
        expect(format.parse(normal.canonical).normalised().canonical).toBe(normal.canonical);
      }),
    );
  });

  it('normalising changes no verdict', () => {
    fc.assert(
      fc.property(files, ({ text }) => {
        const plain = format.parse(text);
        const normal = plain.normalised();
        const breaking = [...format.differences(normal, plain), ...format.differences(plain, normal)];
        expect(breaking.filter((one) => one.breaking)).toEqual([]);
      }),
    );
  });

  it('a descriptor of the schema is, when normalised, the same schema', () => {
    fc.assert(
      fc.property(files, (file) => {
        fc.pre(!file.hasGroups && !file.hasCustomOptions);
        const plain = format.parse(file.text);
        const sent = format.parse(plain.formatted('serialized'));
        expect(sent.normalised().canonical).toBe(plain.normalised().canonical);
      }),
    );
  });

  it('what is generated breaks no rule of the language, and what its descriptors say is accepted by others', () => {
    fc.assert(
      fc.property(files, ({ text }) => {
        const schema = format.parse(text);
        expect(definitionProblem(schema.scope)).toBeUndefined();
        const registry = registryOf(schema);
        for (const { fullName, indexes, message } of indexedMessages(schema.scope)) {
          expect(registry.getMessage(fullName)?.name).toBe(message.name);
          expect(messageAt(schema.scope, indexes)?.message).toBe(message);
        }
      }),
    );
  });

  it('two other implementations find the same names, numbers and types: one in our descriptors, one in the text', () => {
    fc.assert(
      fc.property(arbitraryFile({ customOptions: false }), ({ text }) => {
        const registry = registryOf(format.parse(text));
        const { root } = protobuf.parse(text, { keepCase: true });
        root.resolveAll();
        for (const type of typesIn(root)) {
          const ours = registry.getMessage(type.fullName.slice(1));
          expect(ours && fieldsOf(ours)).toEqual(theirFields(type));
        }
      }),
    );
  });

  it('all of this holds for published files too', () => {
    const cases = conformanceCases<VerdictCase>('verdicts-protobuf-google-Apache-2.0');
    const texts = new Set(cases.flatMap((one) => [...one.earlier, one.new]).map((one) => one.schema));
    let resolved = 0;
    for (const text of texts) {
      const schema = format.parse(text, { validate: false });
      expect(format.parse(schema.canonical, { validate: false }).canonical).toBe(schema.canonical);
      // The files came without what they import from elsewhere, unless they use none of it.
      const complete = isAccepted(() => schema.checkNames());
      if (!complete) continue;
      resolved++;
      const normal = schema.normalised();
      expect(format.parse(normal.canonical).normalised().canonical).toBe(normal.canonical);
      expect(definitionProblem(schema.scope)).toBeUndefined();
      const registry = registryOf(schema);
      for (const { fullName } of indexedMessages(schema.scope)) expect(registry.getMessage(fullName)).toBeDefined();
    }
    expect(texts.size).toBeGreaterThan(250);
    expect(resolved).toBeGreaterThan(200);
  });

  it('the generator reaches every part of the language', () => {
    const texts = fc.sample(files, 300).map(({ text }) => text);
    for (const part of [
      'oneof',
      'group',
      'map<',
      'service',
      'extend ',
      '(cfg)',
      'extensions',
      'default',
      'package',
      'packed',
    ]) {
      expect(texts.some((text) => text.includes(part))).toBe(true);
    }
  });
});

function withSortedTypes(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, part: unknown) =>
      key === 'types' ? [...(part as { kind: string }[])].sort((a, b) => rank(a) - rank(b)) : part,
    ),
  );
}
function isAccepted(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (isAppError(error, 'schema-invalid')) return false;
    throw error;
  }
}
const rank = ({ kind }: { kind: string }): number => (kind === 'message' ? 0 : 1);

interface SeenField {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly shape: string;
}

function fieldsOf(message: DescMessage): readonly SeenField[] {
  return message.fields
    .map((field) => ({
      name: field.name,
      number: field.number,
      type: field.message?.typeName ?? field.enum?.typeName ?? scalarName(field.scalar!),
      shape: shapeOf(field),
    }))
    .sort((a, b) => a.number - b.number);
}

function shapeOf(field: DescField): string {
  if (field.fieldKind === 'map') return `map of ${scalarName(field.mapKey)}`;
  return field.fieldKind === 'list' ? 'list' : (field.oneof?.name ?? 'single');
}

function scalarName(scalar: ScalarType): string {
  return ScalarType[scalar].toLowerCase();
}

function typesIn(root: protobuf.NamespaceBase): readonly protobuf.Type[] {
  return root.nestedArray.flatMap((one) => [
    ...(one instanceof protobuf.Type ? [one] : []),
    ...(one instanceof protobuf.Namespace || one instanceof protobuf.Type ? typesIn(one) : []),
  ]);
}

function theirFields(type: protobuf.Type): readonly SeenField[] {
  return type.fieldsArray
    .map((field) => ({
      name: field.name,
      number: field.id,
      type: field.resolvedType?.fullName.slice(1) ?? field.type,
      shape:
        field instanceof protobuf.MapField
          ? `map of ${field.keyType}`
          : field.repeated
            ? 'list'
            : field.partOf === null || field.partOf.isProto3Optional
              ? 'single'
              : field.partOf.name,
    }))
    .sort((a, b) => a.number - b.number);
}

import { schemaInvalid, schemaTooLarge } from '../errors.js';
import type { ResolvedReference } from '../format.js';
import type { SchemaLimits } from '../limits.js';
import { LONE_SURROGATE } from '../lossless-json.js';
import { bundledFiles } from './bundled.js';
import { fileFromDescriptor, readDescriptor } from './from-descriptor.js';
import { parseProto } from './parse.js';
import { printProto } from './print.js';
import type { ProtoSource } from './scope.js';
import type { ProtoMessage, ProtoType } from './tree.js';

/**
 * The files that give a schema its meaning: the schema itself, its references in order (the first of a name wins), and the bundled files whose path no
 * reference has.
 */
export function protoSources(
  text: string,
  references: readonly ResolvedReference[],
  limits: SchemaLimits,
): readonly ProtoSource[] {
  checkSizes(text, references, limits);
  const sources: ProtoSource[] = [ownSource(text, limits)];
  let nodes = countTypes(sources[0]!.file.types);
  const paths = new Set<string>();
  for (const { name, text: referenced, schemaType, direct } of references) {
    if (paths.has(name)) continue;
    paths.add(name);
    if (schemaType !== 'PROTOBUF') {
      throw schemaInvalid('PROTOBUF', `The reference '${name}' leads to a schema of type ${schemaType}`, {
        reference: name,
      });
    }
    const file = parseProto(referenced, { limits, reference: name });
    nodes += countTypes(file.types);
    if (nodes > limits.nodes) throw schemaTooLarge('nodes', limits.nodes, nodes);
    sources.push({ file, text: referenced, origin: 'reference', path: name, direct });
  }
  return [...sources, ...bundledFiles().filter(({ path }) => !paths.has(path))];
}

function checkSizes(text: string, references: readonly ResolvedReference[], limits: SchemaLimits): void {
  if (text.length > limits.textLength) throw schemaTooLarge('textLength', limits.textLength, text.length);
  if (references.length > limits.references) {
    throw schemaTooLarge('references', limits.references, references.length);
  }
  const whole = references.reduce((sum, one) => sum + one.text.length, text.length);
  if (whole > limits.resolvedTextLength) {
    throw schemaTooLarge('resolvedTextLength', limits.resolvedTextLength, whole);
  }
  if (LONE_SURROGATE.test(text)) throw schemaInvalid('PROTOBUF', 'The text holds half of a surrogate pair');
}

/** Text that is no `.proto` may be a descriptor in base64. Where it is neither, what is wrong with it as text is told. */
function ownSource(text: string, limits: SchemaLimits): ProtoSource {
  try {
    return { file: parseProto(text, { limits, reference: null }), text, origin: 'own', path: '' };
  } catch (error) {
    const descriptor = readDescriptor(text);
    if (descriptor === undefined) throw error;
    const file = fileFromDescriptor(descriptor);
    const printed = printProto(file);
    // A descriptor can hold anything as a name. What is stored must read back as what was sent.
    if (printProto(parseProto(printed, { limits, reference: null })) !== printed) {
      throw schemaInvalid('PROTOBUF', 'The descriptor has names that cannot be written in a .proto file');
    }
    return { file, text: printed, origin: 'own', path: '' };
  }
}

function countTypes(types: readonly ProtoType[]): number {
  return types.reduce(
    (sum, type) => sum + 1 + (type.kind === 'message' ? countTypes((type as ProtoMessage).types) : 0),
    0,
  );
}

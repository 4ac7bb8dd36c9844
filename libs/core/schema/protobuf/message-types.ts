import {
  createFileRegistry,
  fromBinary,
  type DescExtension,
  type DescMessage,
  type FileRegistry,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { isAppError } from '#libs/core/kernel';
import { schemaInvalid } from '../errors.js';
import { descriptorSet } from './descriptor-set.js';
import type { ProtoScope } from './scope.js';

/** Messages inside one another, in values and on the wire; what other implementations stop at too. */
export const MESSAGE_DEPTH = 100;

/** The messages of a schema and of everything it needs, with all that the wire asks to be known of them. */
export class MessageTypes {
  readonly #registry: FileRegistry;
  readonly #extensions = new Map<string, DescExtension[]>();

  /** @throws `schema-invalid` for a schema that was stored unchecked and that no codec can be made of. */
  constructor(scope: ProtoScope) {
    try {
      this.#registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet(scope)));
    } catch (cause) {
      if (isAppError(cause)) throw cause;
      throw schemaInvalid(
        'PROTOBUF',
        'No message can be read or written with the schema, which breaks a rule of the language',
      );
    }
    for (const type of this.#registry) {
      if (type.kind !== 'extension') continue;
      const known = this.#extensions.get(type.extendee.typeName);
      if (known === undefined) this.#extensions.set(type.extendee.typeName, [type]);
      else known.push(type);
    }
  }

  /** The message with this full name. */
  get(fullName: string): DescMessage | undefined {
    return this.#registry.getMessage(fullName);
  }

  extensionsOf(message: DescMessage): readonly DescExtension[] {
    return this.#extensions.get(message.typeName) ?? [];
  }
}

import { unknownSchemaType } from './errors.js';
import type { SchemaFormat, SchemaType } from './format.js';

/** The formats a process knows, by type. Only whole formats are registered. */
export class SchemaFormats {
  readonly #formats: ReadonlyMap<string, SchemaFormat>;

  constructor(formats: Iterable<SchemaFormat>) {
    this.#formats = new Map([...formats].map((format) => [format.type, format]));
  }

  /** In the order given to the constructor. */
  get types(): readonly SchemaType[] {
    return [...this.#formats.values()].map((format) => format.type);
  }

  /** The format with this name (case-sensitive, as on the wire). @throws `schema-type-unknown`. */
  get(type: string): SchemaFormat {
    const format = this.#formats.get(type);
    if (format === undefined) throw unknownSchemaType(type, this.types);
    return format;
  }

  has(type: string): type is SchemaType {
    return this.#formats.has(type);
  }
}

import { Injectable } from '@nestjs/common';
import { Registry, type StoredSchema } from '#libs/core/registry';
import { text, texts, type RawQuery } from './query.js';
import type { Shown } from './wire.js';

/** Whether the request leaves the form of the schema as it is stored. */
export function showsAsStored(query: RawQuery): boolean {
  return !['format', 'referenceFormat', 'reference_format', 'findTags'].some((name) => text(query, name));
}

/** Schemas in the form a request asks for: `format`, `referenceFormat`, `findTags`. */
@Injectable()
export class SchemaTexts {
  constructor(private readonly registry: Registry) {}

  async shown(schema: StoredSchema, query: RawQuery): Promise<Shown> {
    const format = text(query, 'format');
    // One client spells it with an underscore.
    const referenceFormat = text(query, 'referenceFormat') ?? text(query, 'reference_format');
    const qualified = referenceFormat?.toLowerCase() === 'qualified' ? this.registry.qualified(schema) : schema;
    const stored = format === undefined || format === '';
    return stored
      ? { ...this.asStored(schema), guid: qualified.guid, references: qualified.references }
      : { text: await this.registry.formatted(schema, format), guid: qualified.guid, references: qualified.references };
  }

  asStored({ text, guid, references }: StoredSchema): Shown {
    return { text, guid, references };
  }

  /** The same, with the parts of the text that carry one of the tags asked for; `*` is any. */
  async tagged(schema: StoredSchema, query: RawQuery): Promise<Shown> {
    const shown = await this.shown(schema, query);
    const asked = texts(query, 'findTags').filter((tag) => tag !== '');
    if (asked.length === 0) return shown;
    const parts = await this.registry.taggedParts(schema);
    const wanted = asked.includes('*') ? parts : parts.filter(({ tags }) => tags.some((tag) => asked.includes(tag)));
    return { ...shown, tags: wanted };
  }
}

import type { GenerationHandler, GenerationOptions } from '../generations/handler.js';
import { MigrationHandler } from '../migrate/handler.js';
import { JsonRecordValues, type RecordValues } from '../migrate/record-values.js';
import { NoSchemaIds, type SchemaIds } from '../migrate/schema-ids.js';
import type { Transforms } from '../migrate/transforms.js';
import { GenerationWorld } from './repartition-world.js';

/** A world in which topics are migrated, with these transforms and formats. */
export class MigrationWorld extends GenerationWorld {
  constructor(
    readonly transforms: Transforms,
    readonly values: RecordValues = new JsonRecordValues(),
    readonly schemaIds: SchemaIds = new NoSchemaIds(),
  ) {
    super();
  }

  protected handler(options: GenerationOptions): GenerationHandler {
    return new MigrationHandler({
      ...options,
      transforms: this.transforms,
      values: this.values,
      schemaIds: this.schemaIds,
    });
  }
}

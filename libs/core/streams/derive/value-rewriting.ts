import { AppError } from '#libs/core/kernel';
import type { FieldPath } from '../field-path.js';
import type { RecordValue } from './value-merging.js';

/** The schema that the values of a derived stream are written with. What its id stands for never changes, whatever becomes of the subject. */
export interface StreamSchema {
  readonly subject: string;
  readonly version: number;
  readonly schemaId: number;
  readonly schemaType: string;
}

/**
 * Values of a topic read with one version of its value schema, and written with it. Class and injection token in one; same values in, same bytes out, for ever: a stream that is computed anew
 * comes to the same.
 */
export abstract class ValueRewriting {
  /**
   * The schema of a version of the topic's value subject.
   * @param fields paths into values that the stream goes by.
   * @throws `subject-not-found`, `version-not-found`; `unknown-field` where no value of the schema has one of the fields; `derivation-schema-unavailable` where there is no registry.
   */
  abstract resolve(topic: string, version: number, fields: readonly FieldPath[]): Promise<StreamSchema>;

  /**
   * Each value as the schema has it, in their order; headers change where they name the schema. An error, about its record alone, stands for a value that the schema does not read.
   * Values that name no schema are taken as JSON text and written with it.
   */
  abstract rewritten(
    topic: string,
    schema: StreamSchema,
    values: readonly RecordValue[],
  ): Promise<readonly (RecordValue | AppError)[]>;
}

/** Where there is no registry that versions could be taken from. */
export class NoValueRewriting extends ValueRewriting {
  resolve(): Promise<never> {
    return Promise.reject(noRegistry());
  }

  rewritten(): Promise<never> {
    return Promise.reject(noRegistry());
  }
}

function noRegistry(): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'derivation-schema-unavailable',
    message: 'There is no registry here that schemas could be taken from.',
    hint: 'Leave schemaVersion out.',
  });
}

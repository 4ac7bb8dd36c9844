import { Injectable } from '@nestjs/common';
import type { AppError } from '#libs/core/kernel';
import { ConfluentErrorMapper, STATUS_OF_KIND, type ConfluentError } from '#libs/platform/http';

/** `error_code` of the domain's codes (contract 1.6). The HTTP status is its first three digits. */
const ERROR_CODES: Readonly<Record<string, number>> = {
  'registration-forbidden': 40301,
  'subject-not-found': 40401,
  'version-not-found': 40402,
  'schema-not-found': 40403,
  'subject-soft-deleted': 40404,
  'subject-not-soft-deleted': 40405,
  'version-soft-deleted': 40406,
  'version-not-soft-deleted': 40407,
  'subject-config-not-found': 40408,
  'subject-mode-not-found': 40409,
  'association-not-found': 40410,
  'schema-incompatible': 40901,
  'association-exists-for-resource': 40903,
  'association-exists-for-subject': 40904,
  'strong-association-exists': 40905,
  'no-active-version': 40907,
  'association-frozen': 40908,
  'schema-invalid': 42201,
  'schema-type-unknown': 42201,
  'schema-too-large': 42201,
  'schema-too-complex': 42201,
  'schema-empty': 42201,
  'reference-invalid': 42201,
  'reference-not-found': 42201,
  'version-not-next': 42201,
  'version-invalid': 42202,
  'compatibility-level-unknown': 42203,
  'mode-unknown': 42204,
  'operation-not-permitted': 42205,
  'schema-referenced': 42206,
  'subject-invalid': 42208,
  'rule-set-invalid': 42210,
  'context-not-empty': 42211,
  'association-invalid': 42212,
  'schema-ids-exhausted': 50001,
};

/** Kinds that mean "the store", which clients repeat. */
const STORE_FAILURES = new Set(['unavailable', 'storage-full']);

/** The registry's errors as stock clients know them: `error_code` and the reference's message. */
@Injectable()
export class RegistryErrorMapper extends ConfluentErrorMapper {
  override map(error: AppError): ConfluentError | undefined {
    const errorCode = codeOf(error);
    if (errorCode === undefined) return undefined;
    return { status: Math.floor(errorCode / 100), errorCode, message: confluentMessage(error) };
  }
}

function codeOf(error: AppError): number | undefined {
  return ERROR_CODES[error.code] ?? (STORE_FAILURES.has(error.kind) ? 50001 : undefined);
}

/** The error of one entry of a batch. Errors without a code of their own have their status, as everywhere. */
export function confluentError(error: AppError): { readonly errorCode: number; readonly message: string } {
  return { errorCode: codeOf(error) ?? STATUS_OF_KIND[error.kind].status, message: confluentMessage(error) };
}

/** The message as the Confluent API words it; the compatibility endpoints show it as a message, too. */
export function confluentMessage(error: AppError): string {
  const { schemaType } = error.details;
  switch (error.code) {
    case 'schema-type-unknown':
      return `Invalid schema type ${String(error.details['type'] ?? '')}`;
    case 'schema-invalid':
      return `Invalid schema of type ${String(schemaType)}, details: ${error.message}`;
    case 'compatibility-level-unknown':
      return `Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive`;
    case 'schema-too-large':
      return `Invalid schema, details: ${error.message}`;
    default:
      return error.message;
  }
}

/** Whether the failure means that the schema that was sent is not one (42201). */
export function isSchemaProblem(error: AppError): boolean {
  return ERROR_CODES[error.code] === 42201;
}

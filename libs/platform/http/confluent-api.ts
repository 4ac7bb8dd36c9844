import { declareRoute } from '#libs/platform/auth';
import type { AppError } from '#libs/core/kernel';
import { REGISTRY_DIALECT } from './registry-dialect.js';

/**
 * How one of Confluent's APIs speaks: the media types its routes take and offer, and how it words refusals. Routes of one API may differ in the types,
 * so a feature makes as many of these as it needs.
 */
export interface ConfluentDialect {
  /** Media types of answers in order of preference, each with the weight the reference gives it. */
  readonly offers: readonly (readonly [type: string, weight: number])[];
  /** Media types of bodies, exactly; null for routes that look at none. */
  readonly takes: ReadonlySet<string> | null;
  /** Media type of the refusal of a body's type; the agreed one unless given. */
  readonly refusalType?: string;
  /** Refusals that the reference sends without a media type, by code. */
  readonly untyped: ReadonlySet<string>;
  /** Under which name the OpenAPI document has its error body. */
  readonly errorName: 'RegistryError' | 'RestProxyError';
  /** Errors in the words of this API; without it those of the registered {@link ConfluentErrorMapper}. */
  readonly errors?: ConfluentErrorMapper;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route speaks one of Confluent's protocols: its media types and its error bodies. */
    confluent?: ConfluentDialect;
  }
}

/** Marks the routes of a controller, or one of them, as speaking a Confluent protocol (media types, `{error_code, message}`): the registry's unless given. */
export function ConfluentApi(dialect: ConfluentDialect = REGISTRY_DIALECT): MethodDecorator & ClassDecorator {
  return ((target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => {
    const mark = declareRoute({ confluent: dialect });
    if (key !== undefined && descriptor !== undefined) return mark(target, key, descriptor);
    const { prototype } = target as { prototype: object };
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const method = Object.getOwnPropertyDescriptor(prototype, name);
      if (name !== 'constructor' && typeof method?.value === 'function') mark(prototype, name, method);
    }
    return undefined;
  }) as MethodDecorator & ClassDecorator;
}

/** An error as stock clients of the API understand it. */
export interface ConfluentError {
  readonly status: number;
  readonly errorCode: number;
  readonly message: string;
}

/**
 * Translates domain errors on Confluent paths. The registry feature provides its own under this class as token; other dialects bring theirs. Without one, and where
 * {@link map} answers undefined, `error_code` is the HTTP status of the error's kind.
 */
export abstract class ConfluentErrorMapper {
  abstract map(error: AppError): ConfluentError | undefined;
}

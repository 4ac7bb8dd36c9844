import { declareRoute } from '#libs/platform/auth';
import type { AppError } from '#libs/core/kernel';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route speaks the schema registry's protocol: its media types and its error bodies. */
    confluent?: boolean;
  }
}

/** Marks a route of a registry controller as speaking Confluent's protocol (media types, `{error_code, message}`). */
export function ConfluentApi(): MethodDecorator & ClassDecorator {
  return ((target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => {
    const mark = declareRoute({ confluent: true });
    if (key !== undefined && descriptor !== undefined) return mark(target, key, descriptor);
    const { prototype } = target as { prototype: object };
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const method = Object.getOwnPropertyDescriptor(prototype, name);
      if (name !== 'constructor' && typeof method?.value === 'function') mark(prototype, name, method);
    }
    return undefined;
  }) as MethodDecorator & ClassDecorator;
}

/** An error as stock registry clients understand it. */
export interface ConfluentError {
  readonly status: number;
  readonly errorCode: number;
  readonly message: string;
}

/**
 * Translates domain errors on Confluent paths. The registry feature provides it under this class as token; without a provider, and where
 * {@link map} answers undefined, `error_code` is the HTTP status of the error's kind.
 */
export abstract class ConfluentErrorMapper {
  abstract map(error: AppError): ConfluentError | undefined;
}

import type { z } from 'zod';
import { declareRoute } from '#libs/platform/auth';

/** What a route says of itself for people and programs: the source of the OpenAPI document. */
export interface ApiDoc {
  /** Stable `operationId`. Where a controller serves several paths, those below `/v1/clusters/:cluster` get the suffix `InCluster`. */
  readonly id: string;
  /** One line, imperative, without full stop. */
  readonly summary: string;
  readonly tag: string;
  readonly description?: string;
  readonly body?: z.ZodType;
  /** An example of the body, where the schema alone does not tell enough. */
  readonly bodyExample?: unknown;
  readonly query?: z.ZodType;
  /** Absent: the answer has no body. */
  readonly response?: z.ZodType;
  /** What is answered with 202 in the place of that, to clients that prefer not to wait. */
  readonly accepted?: z.ZodType;
  /** Media type of the answer, `application/json` unless given. */
  readonly produces?: string;
  /** Status of success, 200 unless given. */
  readonly status?: number;
  /** What the route refuses with, beyond what every route may: stable codes by status. */
  readonly errors?: Readonly<Record<number, readonly string[]>>;
  /** Largest body in bytes; `http.maxBodyBytes` unless given. */
  readonly bodyLimit?: number;
  /** Most values in a JSON body; `limits.jsonValues` unless given. */
  readonly jsonValues?: number;
  /** Numbers of a JSON body that a double would change reach the route as they were written (`ExactNumber`). */
  readonly exactNumbers?: boolean;
  /** The route goes over the text of a JSON body itself, which reaches it as `UnreadJson`: what it has no use for is not made a value of. */
  readonly scanned?: boolean;
  /** Batches are made of the body, as large as it is and beside it: its bytes count twice. What they take beyond that the route counts itself (`BatchRoom`). */
  readonly batched?: boolean;
  /** The body is a stream that is answered while it arrives: what is wrong with it is said in the answer. */
  readonly streamed?: boolean;
  /** Clients send the same body again and again: it is parsed once, and everybody who sends it meanwhile gets the same frozen value. Not with `exactNumbers`. */
  readonly recurring?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    api?: ApiDoc;
  }
}

/** Documents a route. Plain Fastify routes carry the same as `config: { api }`. */
export function ApiJson(api: ApiDoc): MethodDecorator {
  return declareRoute({ api });
}

import { createHash } from 'node:crypto';
import {
  applyDecorators,
  createParamDecorator,
  Injectable,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { catchError, from, lastValueFrom, map, of, type Observable } from 'rxjs';
import { OnceByKey, type Attempt } from '#libs/core/idempotency';
import { impossible, isAppError, isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { OperationStore } from '#libs/core/operations';
import { idempotencyKeyOf } from './idempotency-key.js';

const attempts = new WeakMap<FastifyRequest, Attempt>();

/** Requests without a key are each one of its own. */
function attemptOf(request: FastifyRequest): Attempt | undefined {
  return attempts.get(request);
}

/** The attempt of a route that is {@link OncePerKey}, as a parameter of its method; undefined where the client gave no key. */
export const CurrentAttempt: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => attemptOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

@Injectable()
class OncePerKeyInterceptor implements NestInterceptor {
  constructor(private readonly once: OnceByKey) {}

  intercept(context: ExecutionContext, next: CallHandler<object>): Observable<object> {
    return onceByKey(this.once, context, next);
  }
}

@Injectable()
class PlanOncePerKeyInterceptor implements NestInterceptor {
  constructor(
    private readonly once: OnceByKey,
    private readonly operations: OperationStore,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<object>): Observable<object> {
    return onceByKey(this.once, context, next, (answer) => this.#isStarted(answer));
  }

  async #isStarted(answer: object): Promise<boolean> {
    for (const planHash of hashesIn(answer)) if ((await this.operations.list({ planHash }, 1)).length > 0) return true;
    return false;
  }
}

/**
 * A route that is done once for each `Idempotency-Key`: a repetition gets the first answer, for a day; see {@link OnceByKey}. What the body is compared by is what was sent. The method takes {@link CurrentAttempt}
 * where doing it twice would not be harmless.
 */
export function OncePerKey(): MethodDecorator {
  return applyDecorators(UseInterceptors(OncePerKeyInterceptor));
}

/**
 * A route that plans operations. A plan that was started is the answer of every repetition with its `Idempotency-Key`, so that whoever plans and starts by one key starts once; one that was not is made anew: what stood
 * against it may be gone.
 */
export function PlanOncePerKey(): MethodDecorator {
  return applyDecorators(UseInterceptors(PlanOncePerKeyInterceptor));
}

@Injectable()
class DeletionOncePerKeyInterceptor implements NestInterceptor {
  constructor(private readonly once: OnceByKey) {}

  intercept(context: ExecutionContext, next: CallHandler<object>): Observable<object> {
    const deletion: CallHandler<object> = {
      handle: () =>
        next.handle().pipe(
          catchError((error: unknown) => {
            if (isAppError(error) && error.kind === 'not-found' && isRepeated(context)) return of(NOTHING);
            throw error;
          }),
          map(() => NOTHING),
        ),
    };
    return onceByKey(this.once, context, deletion).pipe(map(() => undefined as never));
  }
}

/** The answer of what answers nothing, as it is remembered. */
const NOTHING = {};

function isRepeated(context: ExecutionContext): boolean {
  return attemptOf(context.switchToHttp().getRequest<FastifyRequest>())?.again === true;
}

/** As {@link OncePerKey}, for a route that deletes and answers nothing. After an attempt that did not tell how it ended, what is not there any more is deleted. */
export function DeletionOncePerKey(): MethodDecorator {
  return applyDecorators(UseInterceptors(DeletionOncePerKeyInterceptor));
}

function onceByKey(
  once: OnceByKey,
  context: ExecutionContext,
  next: CallHandler<object>,
  holds?: (answer: object) => Promise<boolean>,
): Observable<object> {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const key = idempotencyKeyOf(request.headers['idempotency-key']?.toString());
  if (key === undefined || isDryRun(request)) return next.handle();
  const principal = request.principal ?? impossible('a route is done once per key for somebody that is not known', {});
  const asked = { principal: principal.id, key, call: `${request.method} ${request.url}`, body: bodyOf(request.body) };
  const task = (attempt: Attempt): Promise<object> => {
    attempts.set(request, attempt);
    return lastValueFrom(next.handle());
  };
  return from(once.do(asked, task, holds));
}

/** Nothing is done, so there is nothing to do once: the key stays free for who does it then. */
function isDryRun({ query, body }: FastifyRequest): boolean {
  return (
    (query as { dryRun?: unknown } | undefined)?.dryRun === 'true' ||
    (body as { dryRun?: unknown } | null)?.dryRun === true
  );
}

/** The body by its members; one that has none, as a whole. */
function bodyOf(body: unknown): JsonObject {
  if (body === undefined || body === null) return {};
  if (body instanceof Uint8Array) return { body: createHash('sha256').update(body).digest('base64url') };
  return isJsonObject(body as JsonValue) ? (body as JsonObject) : { body: body as JsonValue };
}

/** Hashes of the plans in an answer: of one, of several, or of all together. */
function hashesIn(answer: unknown): readonly string[] {
  const { hash, plans, together } = answer as { hash?: unknown; plans?: unknown; together?: unknown };
  return [
    ...(typeof hash === 'string' ? [hash] : []),
    ...(Array.isArray(plans) ? plans.flatMap(hashesIn) : []),
    ...(typeof together === 'object' && together !== null ? hashesIn(together) : []),
  ];
}

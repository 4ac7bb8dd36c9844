export { AnswersAtHand, type AnswerAtHand, type RouteAtHand } from './answers-at-hand.js';
export { ApiJson, type ApiDoc } from './api-json.js';
export { ConfluentApi, ConfluentErrorMapper, type ConfluentDialect, type ConfluentError } from './confluent-api.js';
export { REGISTRY_DIALECT } from './registry-dialect.js';
export {
  DEFAULT_PAGE,
  formatCursor,
  MAX_PAGE,
  pageOf,
  pageQuery,
  parseCursor,
  type Page,
  type PageRequest,
} from './paging.js';
export { type ConfluentBody, type ProblemBody } from './error-bodies.js';
export { createHttpApp, type HttpApp, type HttpAppOptions } from './http-app.js';
export { globalProviders } from './global-providers.js';
export { HttpFault } from './http-fault.js';
export { byteRangeOf, type ByteRange } from './byte-range.js';
export { bodyDigestOf } from './body-digest.js';
export { idempotencyKeyOf } from './idempotency-key.js';
export { dryRunQuery, type DryRunQuery } from './dry-run.js';
export { CurrentAttempt, DeletionOncePerKey, OncePerKey, PlanOncePerKey } from './once-per-key.js';
export { prefersAsync, waitMsOf } from './prefer.js';
export { REASON_HEADER, reasonOf } from './reason.js';
export { Conditional, entityTag, isUnchanged, REVALIDATED } from './conditional.js';
export {
  cutoverRequest,
  verificationRequest,
  groupTranslation,
  planParts,
  planShape,
  wholePlanParts,
  wholePlanShape,
} from './operation-plans.js';
export { openApiDocument } from './openapi-document.js';
export { HTTP_SETTINGS, type HttpSettings } from './http-settings.js';
export { PlainRoutes } from './plain-routes.js';
export { RequestSignal, signalOf } from './request-signal.js';
export { RouteTable, type TableRoute } from './route-table.js';
export {
  eventText,
  sendEvents,
  type EventSource,
  type SendEventsOptions,
  type ServerSentEvent,
} from './server-sent-events.js';
export { STATUS_OF_KIND } from './statuses.js';
export { ZodListsPipe, ZodPipe, type BoundedList } from './zod-pipe.js';
export { takeYourTime } from './slow-bodies.js';
export { turn } from './turn.js';
export { JsonParser, UnreadJson } from './body-parser.js';
export { STREAMED_TYPE } from './streamed-type.js';
export { accountOf } from './count-bytes.js';
export { BatchRoom } from './batch-room.js';
export { type ByteAccount, type BytesInFlight } from './bytes-in-flight.js';
export { PacedAnswer } from './paced-answer.js';
export { ArrivingBody, isStreamEnd } from './arriving-body.js';
export { endAnswer } from './end-answer.js';
export { keptBody } from './kept-body.js';

export { AppError, impossible, isAppError, type AppErrorOptions, type ErrorItem, type ErrorKind } from './app-error.js';
export { deferred, Semaphore, Serial, type Deferred } from './async.js';
export { BoundedCache } from './bounded-cache.js';
export { type Brand } from './brand.js';
export { Clock } from './clock.js';
export { isJsonObject, stableJson, type JsonObject, type JsonValue } from './json.js';
export { nestsDeeperThan } from './json-depth.js';
export { jsonValues } from './json-values.js';
export { nearest } from './nearest.js';

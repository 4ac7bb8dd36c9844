export { AppError, impossible, isAppError, type AppErrorOptions, type ErrorItem, type ErrorKind } from './app-error.js';
export { deferred, Semaphore, Serial, type Deferred } from './async.js';
export { BoundedCache } from './bounded-cache.js';
export { type Brand } from './brand.js';
export { Breath } from './breath.js';
export { Clock } from './clock.js';
export { bytesOf, type FixedFile, type FixedPart } from './fixed-file.js';
export { isJsonObject, stableJson, type JsonObject, type JsonValue } from './json.js';
export { linkSignals, type LinkedSignal } from './linked-signal.js';
export { bytesInMemory } from './text-bytes.js';
export { nextRoom, StorageRoom, storageRoomGone, storageRoomKept, type Room, type RoomLimits } from './storage-room.js';
export { parseJsonInTurns, type ParsingInTurns } from './json-in-turns.js';
export { measureJson, measureJsonInTurns, type JsonMeasure } from './json-measure.js';
export { JsonScanner, jsonTooDeep, withoutSpaces, withoutSpacesInTurns, type ScannedText } from './json-scanner.js';
export { ServiceKeys } from './service-keys.js';
export { nearest } from './nearest.js';
export {
  answer,
  CompiledModule,
  i64,
  loop,
  memory,
  repeat,
  set,
  w32,
  w64,
  WASM_PAGE_BYTES,
  WasmModule,
  when,
  type I32,
  type I64,
  type Local,
  type Statement,
  type Variables,
  type WasmFunction,
  type WasmInstance,
} from './web-assembly.js';

export { FORMATS, fromBase64, SCHEMA_PLACES, type Format, type PartRequest, type SchemaPlace } from './part-request.js';
export { partEncoder, type PartEncoder, type PartEncoderParts } from './part-encoder.js';
export { MAX_FILTER_LENGTH, MAX_FILTERS, parseFilter, passes, type RecordFilter } from './record-filter.js';
export { Problems } from './problems.js';
export { PageRoom, RecordDecoding, type ReadPart, type ReadRecord } from './record-decoding.js';
export {
  type AppendBatchesOptions,
  MAX_HOLD_MS,
  RecordWriter,
  type RecordWriterParts,
  type WriteOptions,
} from './record-writer.js';
export { Turns, type Turn } from './turns.js';
export { WrittenJson } from './written-json.js';

/** The media type of lines of JSON, which reach their route as a stream. */
export const STREAMED_TYPE = 'application/x-ndjson';
/** Media types of bodies that reach their route as a stream: lines of JSON, and archives. */
export const STREAMED_TYPES = [STREAMED_TYPE, 'application/x-tar'] as const;
